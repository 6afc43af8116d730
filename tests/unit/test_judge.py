"""What a lock may not contain for its packages to be fetched, each with what is said; and what is only warned of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.small import project_of, real_matrix
from unit.test_rules import conda, pip

from envgen.install.judge import judge
from envgen.model.errors import BadInput
from envgen.model.packages import Lock, LockedPackage

PROJECT = """\
python: "3.12"
targets: [cpu]
platforms: [linux-64]
channels: [conda-forge, "https://h.example/t/$TOKEN/mine", "https://$USER:${PASS}@private.example/c"]
"""
CHANNELS = ("conda-forge", "https://h.example/t/$TOKEN/mine", "https://$USER:${PASS}@private.example/c")
NUMPY = conda("numpy", "2.2.6", "py312h1234567_0")


def at(url: str, package: LockedPackage = NUMPY) -> LockedPackage:
    return replace(package, url=url)


def judged(*packages: LockedPackage, builds: tuple[str, ...] = (), **lock: object) -> list[str]:
    """The warnings, or the lines of what is refused."""
    given = Lock(
        **{"shown": "lock.yml", "format": "conda-lock 1", "environment": "", "packages": packages, "channels": CHANNELS, **lock}
    )  # type: ignore[arg-type]
    matrix = real_matrix()
    try:
        return list(judge(given, "linux-64", project_of(PROJECT, matrix), matrix, builds))
    except BadInput as error:
        return [line for line in str(error).splitlines() if line]


def test_a_lock_of_known_places_is_fetched() -> None:
    assert judged(NUMPY, pip("einops")) == []


FILE = "linux-64/numpy-2.2.6-py312h1234567_0.conda"


@pytest.mark.parametrize(
    "url",
    [
        f"https://h.example/c/../{FILE}",
        f"https://h.example/c/./{FILE}",
        f"https://h.example/c/%2e%2e/{FILE}",
        f"https://h.example/c/.$TOKEN./{FILE}",
        f"https://h.example/c/{FILE}?token=x",
        f"https://h.example/c/{FILE}#x",
        f"https://h.example/c/{{x}}/{FILE}",
        f"https://h.example/c d/{FILE}",
        f"https://h.example/c\\d/{FILE}",
        f"https://h.example/c\x1b/{FILE}",
        "https://h.example/numpy-2.2.6-py312h1234567_0.conda",
        "https://h.example/c/linux-64/numpy-2.2.6-py312h1234567_0.zip",
        f"ftp://h.example/c/{FILE}",
        "",
    ],
)
def test_a_url_that_tools_may_read_in_another_way_is_refused(url: str) -> None:
    first, hint = judged(at(url))
    assert "numpy: not the URL of a package: " in first
    assert hint == "hint: restore the lock from git, or run `envgen lock`"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"https://evil.example/$TOKEN/{FILE}", "${TOKEN}"),
        (f"https://h.example/t/$SECRET/mine/{FILE}", "${SECRET}"),
        (f"https://h.example.evil.example/t/$TOKEN/mine/{FILE}", "${TOKEN}"),
        (f"https://h.example/t/$TOKEN$TOKEN/mine/{FILE}", "${TOKEN}"),
        (f"https://h.example/t/x$TOKEN/mine/{FILE}", "${TOKEN}"),
        (f"https://$USER:$PASS@evil.example/c/{FILE}", "${USER}"),
        (f"https://$USER:$PASS@private.example.evil/c/{FILE}", "${USER}"),
        (f"https://$USER@private.example/c/{FILE}", "${USER}"),
        (f"https://h.example/t/$-x/mine/{FILE}", "$"),
    ],
)
def test_a_variable_is_sent_only_where_the_project_sends_it(url: str, name: str) -> None:
    first, hint = judged(at(url))
    assert f"the lock would send the environment variable {name} to a place where the project does not use it: " in first
    assert hint == "hint: add the channel or the index to the project if you trust it, and run `envgen lock`"


def test_a_variable_in_the_channels_of_a_lock_is_refused_as_well() -> None:
    first, _ = judged(NUMPY, channels=("https://evil.example/$TOKEN",))
    assert first.startswith("lock.yml: the lock would send the environment variable ${TOKEN} ")


@pytest.mark.parametrize(
    "url",
    [
        f"https://h.example/t/$TOKEN/mine/{FILE}",
        f"https://h.example/t/${{TOKEN}}/mine/{FILE}",
        f"https://$USER:$PASS@private.example/c/{FILE}",
        f"https://conda.anaconda.org/conda-forge/{FILE}",
    ],
)
def test_a_channel_of_the_project_gets_its_own_variables(url: str) -> None:
    assert not any("variable" in line or "not the URL" in line for line in judged(at(url)))


SDIST = at("https://wheels.example/einops-1.0.tar.gz", pip("einops"))


def test_what_pip_would_build_is_refused_unless_it_is_allowed_by_name() -> None:
    assert judged(SDIST) == [
        "pip package einops 1.0 is not a wheel: to install it, pip runs code from it",
        "hint: require a version that has a wheel, or use --allow-build einops if you trust it",
    ]
    assert judged(SDIST, builds=("einops",)) == ["warning: source-package: einops 1.0: is not a wheel"]
    assert judged(SDIST, builds=("other",)) != []


def test_packages_of_other_platforms_are_not_judged() -> None:
    assert judged(NUMPY, replace(SDIST, platform="osx-arm64"), replace(at(""), platform="win-64")) == []


def test_what_breaks_a_rule_is_refused_with_each_rule() -> None:
    assert judged(replace(NUMPY, sha256="xyz"), replace(conda("zlib"), sha256="123")) == [
        "lock.yml: this lock breaks rules",
        "  no-hash: numpy 2.2.6 py312h1234567_0: its sha256 is not valid: xyz",
        "  no-hash: zlib 1.0 h1234567_0: its sha256 is not valid: 123",
        "hint: nothing was fetched; `envgen help verify` explains each rule. Restore the lock from git, or run `envgen lock`",
    ]


def warned(count: int) -> list[str]:
    """What is said of so many packages that only an MD5 protects."""
    return judged(*(replace(conda(f"p{n}"), sha256=None) for n in range(count)))


@pytest.mark.parametrize(("count", "named", "more"), [(1, 1, ""), (5, 5, ""), (6, 5, "; and 1 more"), (9, 5, "; and 4 more")])
def test_a_warning_names_five_packages_and_counts_the_others(count: int, named: int, more: str) -> None:
    some = "; ".join(f"p{n} 1.0 h1234567_0: has an md5 and no sha256" for n in range(named))
    assert warned(count) == [f"warning: weak-hash: {some}{more}"]
