"""conda-lock judges the locks that are written without it: the same bytes, over real records and generated ones.

A failure here after an upgrade of conda-lock means that it writes something else now: change `lock_text` or `conda_specs` to match.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain
from string import ascii_letters, ascii_lowercase, digits

import pytest
import yaml
from conftest import REPO, SAMPLE
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from unit.small import examples, project_of, small_matrix
from unit.texts import LOWER, joined, maybe, several, word

from envgen.channels.channel import locate
from envgen.formats.conda_specs import NotCovered, ranges, read_spec
from envgen.lock import condalock
from envgen.lock.lock_text import dump, head, lock_texts
from envgen.lock.pin import pin
from envgen.model.address import Address
from envgen.model.catalogue import Catalogue
from envgen.model.errors import BadInput
from envgen.model.layout import SPEC
from envgen.model.packages import LockedPackage, Record, Solution
from envgen.model.project import Dependency
from envgen.model.resolution import RenderedFile, Resolution
from envgen.model.run import Solved
from envgen.resolver import specs
from envgen.resolver.resolve import resolve

PROJECT = """\
python: "3.12"
targets: [cpu]
platforms: [linux-64]
channels: [conda-forge]
"""
PLATFORMS = ["linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64"]
VIRTUAL = {"__unix": "0", "__linux": "5.10", "__glibc": "2.28", "__archspec": "1 x86_64"}


def law(count: int) -> settings:
    """So many examples, and not made smaller: conda-lock takes too long."""
    return settings(examples(count), phases=[Phase.explicit, Phase.generate])


@pytest.fixture(scope="module", autouse=True)
def _conda_lock_is_imported() -> None:
    condalock.warm()


@cache
def base() -> Resolution:
    return resolve(small_matrix(), project_of(PROJECT))[0]


def record(name: str, depends: Sequence[str] = (), **more: str | None) -> Record:
    """A record; its version, url and hashes can be given."""
    file = f"{name}-1.0-h0_0.conda"
    return Record(
        name=name,
        version=more.get("version") or "1.0",
        build="h0_0",
        channel="https://conda.anaconda.org/conda-forge",
        subdir="noarch",
        file=file,
        url=more.get("url") or f"https://conda.anaconda.org/conda-forge/noarch/{file}",
        md5=more.get("md5", "0cc175b9c0f1b6a831c399e269772661"),
        sha256=more.get("sha256", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4f72b9807785afee48bb"),
        size=1,
        depends=tuple(depends),
        source={},
    )


PYTHON = record("python")


def solved(
    cells: Mapping[str, Sequence[Record]],
    dependencies: Sequence[str] = (),
    channels: Sequence[str] = ("conda-forge",),
    virtual: Mapping[str, Mapping[str, str]] | None = None,
) -> Solved:
    """A target with these packages on each platform; `dependencies` are what it requests beside Python."""
    at = Address("environments/demo/project.yaml", 1, 1)
    resolution = replace(
        base(),
        project=replace(base().project, channels=tuple(channels)),
        target=replace(base().target, virtual=virtual or dict.fromkeys(cells, VIRTUAL)),
        platforms=tuple(cells),
        dependencies=tuple(Dependency(spec, spec, at) for spec in dependencies),
    )
    solutions = tuple(Solution(platform, tuple(records)) for platform, records in cells.items())
    return Solved(resolution=resolution, solutions=solutions, files=(), seconds=0)


def environment_file(resolution: Resolution) -> RenderedFile:
    """The `environment.yml` that conda-lock reads."""
    pip = list(specs.pip_group(resolution).specs)
    data = {
        "name": "demo-cpu",
        "channels": list(resolution.project.channels),
        "platforms": list(resolution.platforms),
        "dependencies": [
            *(spec for group in specs.groups(resolution) for spec in group.specs),
            *([{"pip": pip}] if pip else []),
        ],
        **({"pip-repositories": list(resolution.project.pip_repositories)} if resolution.project.pip_repositories else {}),
    }
    return RenderedFile(SPEC, yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=1000))


def both(item: Solved) -> list[tuple[str, str]]:
    """The lock as envgen writes it, and as conda-lock writes it: what stands before the packages, and the packages."""
    texts = lock_texts(item), condalock.lock_texts(item, [environment_file(item.resolution)])
    return [(dump(top), body) for top, body in texts]


def agrees(item: Solved) -> None:
    ours, theirs = both(item)
    assert ours == theirs


# --- specs ----------------------------------------------------------------------------------------------------------------


def theirs(text: str) -> tuple[str, str, str | None, str | None]:
    """Name, range, build and channel of a spec as conda-lock's spec parser keeps them."""
    from conda_lock.src_parser.conda_common import conda_spec_to_versioned_dep

    found = conda_spec_to_versioned_dep(text, "main")
    return found.name, found.version, found.build, found.conda_channel


def ours(text: str) -> tuple[str, str, str | None, str | None]:
    spec = read_spec(text)
    return spec.name, spec.version, spec.build, spec.channel


PARTS = several(joined(st.sampled_from("._"), word(ascii_letters + digits, 1, 4)), 3)
VERSIONS = joined(maybe(word(digits, 1, 1), "!"), word(digits, 1, 3), PARTS, maybe("+", word(LOWER, 1, 4)))
TERMS = st.one_of(
    st.just("*"),
    st.builds("".join, st.tuples(st.sampled_from(["", "==", "!=", "<=", ">=", "<", ">", "=", "~="]), VERSIONS)),
    st.builds("".join, st.tuples(st.sampled_from(["", "==", "!=", "=", ">="]), VERSIONS, st.sampled_from(["*", ".*"]))),
)
SOME_TERMS = st.lists(TERMS, min_size=1, max_size=4)
JOINTS = [st.lists(st.sampled_from([",", "|", ", ", " | "]), min_size=count, max_size=count) for count in range(4)]


@st.composite
def joined_terms(draw: st.DrawFn) -> str:
    """Terms of a range, and what joins them."""
    first, *rest = draw(SOME_TERMS)
    return "".join([first, *chain.from_iterable(zip(draw(JOINTS[len(rest)]), rest, strict=True))])


RANGES = joined_terms().filter(lambda found: not re.search(r"[,|] +=[^=]", found))  # MatchSpec takes what follows ` =` for a build
BUILDS = word(f"{LOWER}_*.", 1, 8).filter(lambda build: not build.endswith((".conda", ".tar.bz2")))
NAMES = st.one_of(
    joined(word(f"{LOWER}_", 1, 1), word(f"{LOWER}_.-", 0, 12), word(LOWER, 1, 1)),
    st.sampled_from(
        ["null", "true", "yes", "on", "no", "y", "123", "1.5", "1e3", "0x1f", "0o7", "_r", "a" * 100, "b" * 101, "c" * 140]
    ),
).filter(lambda name: name != "python" and not name.startswith("__"))


SPACES = st.sampled_from([" ", "", "  "])
OPTIONAL_RANGES = st.one_of(st.none(), RANGES)
OPTIONAL_BUILDS = st.one_of(st.just(""), st.builds("".join, st.tuples(st.sampled_from([" ", "="]), BUILDS)))


@st.composite
def spellings(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> str:
    """A spec as channels and people write them."""
    name = draw(names)
    asked = draw(OPTIONAL_RANGES)
    if asked is None:
        return name
    space = draw(SPACES) if asked[0] in "=!<>~" else " "
    build = draw(OPTIONAL_BUILDS)
    return f"{name}{space}{asked}{build}"


@law(600)
@given(spellings())
@example("numpy ==1.2")
@example("numpy=1.2=*_0")
@example("numpy ==1.2,<3")
@example("numpy >= 1.2 , < 2")
@example("numpy =1.2|=1.3")
def test_a_usual_spec_is_read_as_conda_lock_reads_it(spec: str) -> None:
    assert ours(spec) == theirs(spec)


@law(3000)
@given(
    st.text(alphabet="ab1.*=<>!~,| _-+:[]()#@'\"$^/Aé\t\n", max_size=16),
    st.sampled_from(["numpy", "numpy ", "conda-forge::numpy ", ""]),
)
@example("numpy[version='>=2']", "")
@example(" if python", "numpy")
@example("*, =0", "numpy ")
@example("linux-64::numpy", "")
@example("defaults::numpy", "")
@example("-1.2-0.conda", "numpy")
def test_any_other_text_is_left_to_conda_lock_or_read_the_same(text: str, start: str) -> None:
    try:
        found = ours(start + text)
    except NotCovered:
        return
    assert found == theirs(start + text)


@law(150)
@given(st.lists(spellings(st.just("numpy")), min_size=2, max_size=5))
@example(["numpy <2.3", "numpy >=1.19,<3", "numpy >=1.23.5"])
@example(["numpy", "numpy"])
@example(["numpy 1.*", "numpy 1.* py_0", "numpy !=1.3", "numpy *"])
def test_ranges_of_one_package_are_merged_as_conda_lock_merges_them(depends: list[str]) -> None:
    try:
        found = ranges(depends)
    except NotCovered:
        return
    assert found == condalock._dependencies(depends, ())


@pytest.mark.parametrize(
    ("names", "expected"),
    [({"lib"}, {"lib": "<3,>=1", "a": ""}), ({"lib", "old"}, {"lib": "<3,>=1", "a": "", "old": ">=2"})],
)
def test_conda_lock_is_given_a_conditional_dependency_only_where_its_package_is_there(
    names: set[str], expected: dict[str, str]
) -> None:
    depends = ["lib >=1", "a", "old[version='>=2', when=\"python <3.9\"]", "lib <3"]
    assert condalock._dependencies(depends, names) == expected


@pytest.mark.parametrize("folder", [REPO / "environments" / "index", SAMPLE], ids=["recorded", "sample"])
def test_the_dependencies_of_real_records_are_covered_and_read_the_same(folder: object) -> None:
    """But for `1.*.*`, which a few records have."""
    found, left = set(), set()
    for path in folder.rglob("repodata.json"):  # type: ignore[attr-defined]
        data = json.loads(path.read_text(encoding="utf-8"))
        found |= {tuple(row["depends"]) for section in ("packages", "packages.conda") for row in data.get(section, {}).values()}
    assert len(found) > 200
    for depends in found:
        try:
            assert ranges(depends) == dict(sorted(condalock._dependencies(depends, ()).items()))
        except NotCovered as error:
            left.add(str(error))
    assert {spec for spec in left if not spec.endswith(".*.*")} == set()


# --- whole locks ----------------------------------------------------------------------------------------------------------

ODD = [
    *"1.10 1 1e5 1_000 0x1f 0o17 017 1.5e+3 .5 5. 1:30 12:30:45 null ~ true off 2020-01-01 2020-01-01T10:00:00Z = <<".split(),
    *"- --- ---a ... ...a ?a : :a a: a:b #a &a *a !a | > %a @a `a [a] {a} a,b 'a' it's \"a\" a\\b é 日本 😀 1!2.0 2.1.0+cu118".split(),
    *("--- a", "? a", "a: b", "a #b", " a", "a ", "a\tb", "a\nb", "\x7f", "\x85", "\u2028", "\ufeff"),
    *("", "word " * 30, "x" * 300, "a" * 79 + " b"),
]
TEXTS = st.one_of(st.sampled_from(ODD), VERSIONS, st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
HEX = st.one_of(
    word(f"{digits}abcdef", 32, 32),
    word(digits, 32, 32),
    joined(word(digits, 1, 1), "e", word(digits, 30, 30)),
    st.just("0b" + "1" * 30),
)
URLS = st.one_of(
    joined(
        "https://",
        word(ascii_lowercase, 1, 9),
        ".org/",
        word(ascii_lowercase, 1, 60),
        "/noarch/",
        word(f"{LOWER}+!_.-", 1, 60),
        ".conda",
    ),
    TEXTS.map(lambda text: f"https://conda.anaconda.org/{text}"),
)
NAMED = ["A_USER", "B_TOKEN", "c"]
VARIABLES = st.sampled_from([f"${name}" for name in NAMED] + [f"${{{name}}}" for name in NAMED])
CHANNELS = st.one_of(
    st.sampled_from(["conda-forge", "nvidia/label/cuda-11.8.0", "pkgs/main", "defaults", "./local", 'a"b\\c', "$HOME/x"]),
    st.from_regex(r"https?://[a-z0-9.-]{1,9}(:[1-5][0-9]{3,4})?(/[A-Za-z0-9._~-]{1,5}){0,3}/?", fullmatch=True),
    st.builds("https://{}:{}@host.org/{}".format, VARIABLES, VARIABLES, st.sampled_from(["c", "c/d/"])),
    st.builds("https://{}@host.org:8443/{}".format, VARIABLES, st.sampled_from(["c", ""])),
    st.builds("https://host.org/{}t/{}/{}".format, st.sampled_from(["", "conda/"]), VARIABLES, st.sampled_from(["c", "c/label/d"])),
)


# Made once: hypothesis takes longer to make these than to draw from them.
LISTED = st.lists(NAMES, max_size=2, unique=True)
MORE = st.lists(NAMES, max_size=4, unique=True)
LOCKED_FOR = st.lists(st.sampled_from(PLATFORMS), min_size=1, max_size=3, unique=True)
FIELDS = st.fixed_dictionaries({"version": TEXTS, "url": URLS, "md5": HEX, "sha256": st.one_of(st.none(), HEX)})
PROMISED = st.dictionaries(st.sampled_from(["__unix", "__glibc", "__cuda", "__archspec", "__x"]), TEXTS.filter(bool), max_size=4)
FROM = st.lists(CHANNELS, min_size=1, max_size=4, unique=True)


@st.composite
def cells(draw: st.DrawFn) -> Solved:
    """A target of up to three platforms whose packages are all needed: each needs the next, and more."""
    shared = draw(LISTED)
    platforms = draw(LOCKED_FOR)
    packages = {}
    for platform in platforms:
        names = ["python", *shared, *(name for name in draw(MORE) if name not in shared)]
        depends = []
        for place, name in enumerate(names):  # conda-lock never ends where a requested package needs itself
            others = st.sampled_from([*names[:place], *names[place + 1 :], "__glibc", "__unix"])
            depends.append([*draw(st.lists(spellings(others), max_size=3)), *names[place + 1 : place + 2]])
        packages[platform] = [record(name, needs, **draw(FIELDS)) for name, needs in zip(names, depends, strict=True)]
    wanted = [draw(spellings(st.just(name))) for name in shared]
    virtual = {platform: draw(PROMISED) for platform in platforms}
    return solved(packages, wanted, draw(FROM), virtual)


def mergeable(item: Solved) -> bool:
    """Whether no package has dependencies on two builds of another, which conda-lock cannot merge."""
    try:
        for solution in item.solutions:
            for found in solution.records:
                ranges(found.depends)
    except NotCovered:
        return False
    return True


@law(120)
@given(cells().filter(mergeable))
def test_a_lock_has_the_bytes_that_conda_lock_writes(item: Solved) -> None:
    agrees(item)


@pytest.mark.parametrize("text", ODD)
def test_a_value_that_yaml_writes_otherwise_is_written_as_conda_lock_writes_it(text: str) -> None:
    """In each place where a record can have it."""
    agrees(solved({"linux-64": [record("python", version=text, url=f"https://x/{text}", sha256=text)]}))


@pytest.mark.parametrize("length", [99, 100, 101, 126, 127, 128, 129, 140])
def test_a_long_name_is_written_as_conda_lock_writes_it(length: int) -> None:
    """YAML writes a long key in two lines."""
    agrees(solved({"linux-64": [record("python", ["a" * length]), record("a" * length)]}))


@pytest.mark.parametrize("name", ["__glibc", "__cuda"])
def test_a_virtual_package_is_a_dependency_and_no_package(name: str) -> None:
    agrees(solved({"linux-64": [record("python", [f"{name} >=2.17,<3.0.a0"])]}))


@pytest.mark.parametrize("value", ["0", "2.28", "1 x86_64", "1 x86_64_v3", "14.0 0"])
def test_what_a_machine_promises_is_part_of_the_content_hash(value: str) -> None:
    item = solved({"linux-64": [PYTHON]}, virtual={"linux-64": {"__unix": "0", "__x": value}})
    agrees(item)
    assert lock_texts(item)[0] != lock_texts(solved({"linux-64": [PYTHON]}))[0]


def test_a_package_without_dependencies_and_one_with_an_md5_alone() -> None:
    agrees(solved({"linux-64": [record("python", ["zlib"]), record("zlib", sha256=None)], "win-64": [record("python")]}))


@pytest.mark.parametrize("comment", ["# [win]", "# why: [linux]", "#[osx] # [win]"])
def test_a_comment_that_looks_like_a_selector_changes_nothing(comment: str) -> None:
    """Templates write comments on lines of their own, which conda-lock drops before it looks for selectors."""
    item = solved({"linux-64": [PYTHON, record("numpy")], "win-64": [PYTHON, record("numpy")]}, ["numpy >=2"])
    file = environment_file(item.resolution)
    commented = RenderedFile(file.name, file.text.replace("\n- ", f"\n  {comment}\n- "))
    assert commented != file
    assert condalock.lock_texts(item, [commented]) == lock_texts(item)


def test_a_channel_before_a_spec() -> None:
    records = [record("python", ["vendor::zlib >=1,<2"]), record("zlib"), record("numpy")]
    agrees(solved({"linux-64": records}, ["vendor::numpy 2.*", "conda-forge::zlib 1.3.* *_0"], ["vendor", "conda-forge"]))


# --- what is not covered --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "item",
    [
        solved({"linux-64": [PYTHON]}, channels=["nodefaults", "conda-forge"]),
        solved({"linux-64": [PYTHON]}, channels=["https://user:word@host.org/c"]),
        solved({"linux-64": [PYTHON]}, channels=["https://host.org/t/abc-123/c"]),
        solved({"linux-64": [PYTHON]}, channels=["https://Host.org/c?x=1"]),
        solved({"linux-64": [PYTHON, record("numpy")]}, ["numpy[version='>=1']"]),
        solved({"linux-64": [PYTHON, record("numpy")]}, ["Numpy >=1"]),
        solved({"linux-64": [PYTHON, record("numpy")]}, ["numpy 1.*.*"]),
        solved({"linux-64": [record("python", ["numpy[build=x]"]), record("numpy")]}),
        solved({"linux-64": [PYTHON, record("orphan")]}),
        solved({"linux-64": [PYTHON, PYTHON]}),
        solved({"linux-64": [record("python", ["lib-a"]), record("lib_a")]}),
    ],
)
def test_what_is_not_covered_is_written_by_conda_lock(item: Solved) -> None:
    with pytest.raises(NotCovered):
        lock_texts(item)
    files = [environment_file(item.resolution)]
    top, body = condalock.lock_texts(item, files)
    written = pin(item, files, "0" * 64, Catalogue()).text
    assert written.endswith(body)
    assert re.search(r"^    envgen-wanted: ", written, re.MULTILINE)
    assert f"{top['metadata']['content_hash']['linux-64']}" in written


# --- pip ------------------------------------------------------------------------------------------------------------------


def wheel(name: str, depends: Sequence[str] = (), **more: str) -> LockedPackage:
    return LockedPackage(
        name=name,
        version=more.get("version", "1.0"),
        build="",
        manager="pip",
        platform=more.get("platform", "linux-64"),  # type: ignore[arg-type]
        url=more.get("url", f"https://h.example/{name}-1.0-py3-none-any.whl"),
        sha256="ca978112ca1bbdcafac231b39a23dc4da786eff8147c4f72b9807785afee48bb",
        depends=tuple(depends),
    )


def with_pip(
    requirements: Sequence[str], wheels: Sequence[LockedPackage] = (), own: str = "", repositories: Sequence[str] = ()
) -> Solved:
    """A target with conda's pip and wheels; `own` is how the project asks for pip itself."""
    item = solved({"linux-64": [record("python", ["pip"]), record("pip", ["python"])]}, [own] if own else [])
    project = replace(item.resolution.project, pip=tuple(requirements), pip_repositories=tuple(repositories))
    return replace(item, resolution=replace(item.resolution, project=project), wheels={"linux-64": tuple(wheels)})


NUMBERS = st.integers(0, 9999).map(str)
RELEASES = joined(NUMBERS, several(joined(".", NUMBERS), 3))
OPERATORS = st.sampled_from(["==", "!=", ">=", "<=", "<", ">"])
PIP_RANGES = st.lists(st.builds("{}{}".format, OPERATORS, RELEASES), max_size=3)
PIP_NAMES = joined(word(ascii_letters, 1, 1), word(f"{ascii_letters}{digits}._-", 0, 8), word(LOWER, 1, 1))
REQUIREMENTS = st.builds(
    "{}{}{}{}".format,
    PIP_NAMES,
    st.sampled_from(["", "", "[b,a]", "[Extra_1]"]),
    st.sampled_from(["", " "]),
    st.one_of(PIP_RANGES.map(",".join), PIP_RANGES.map(" , ".join), RELEASES.map("=={}.*".format)),
)


@law(150)
@given(st.lists(REQUIREMENTS, min_size=1, max_size=4))
def test_a_pip_section_is_written_as_conda_lock_writes_it(requirements: list[str]) -> None:
    agrees(with_pip(requirements, [wheel("b"), wheel("a", ["b", "numpy >=2,<3"])]))


@pytest.mark.parametrize("own", ["", "pip", "pip >=24", "python-pip 1.*"])
def test_beside_a_pip_section_conda_lock_asks_for_any_pip(own: str) -> None:
    item = with_pip(["einops>=0.7", "Zeta", "alpha"], [wheel("einops", ["z; sys_platform == 'linux'", "a"])], own)
    agrees(item if own != "python-pip 1.*" else with_pip(["einops"]))


@pytest.mark.parametrize(
    "repository", ["https://h.example/simple", "https://$USER:${TOKEN}@h.example/simple/", "http://127.0.0.1:8000/a%20b?c=d&e=+f"]
)
def test_indexes_of_wheels_are_part_of_the_content_hash(repository: str) -> None:
    agrees(
        with_pip(["einops"], [wheel("einops", url=f"{repository}/einops-1.0+cu126-py3-none-any.whl")], repositories=[repository])
    )


@pytest.mark.parametrize(
    "requirement",
    [
        "a ~=1.2",
        "a @ https://h.example/a-1.0-py3-none-any.whl",
        "a; python_version > '3'",
        "a ===1",
        "a >=1.0rc1",
        "a ==1!2",
        "-e .",
    ],
)
def test_a_requirement_that_conda_lock_may_write_in_another_way_is_left_to_it(requirement: str) -> None:
    with pytest.raises(NotCovered):
        head(with_pip([requirement]).resolution)


@pytest.mark.parametrize("repository", ["https://h.example/it's/simple", "https://h.example/a b", "https://ü.example/simple"])
def test_an_index_that_yaml_or_json_may_spell_in_another_way_is_left_to_conda_lock(repository: str) -> None:
    with pytest.raises(NotCovered):
        head(with_pip(["einops"], repositories=[repository]).resolution)


@pytest.mark.parametrize("pin_with", ["envgen", "conda-lock"])
def test_a_package_without_md5_is_an_error_that_names_it(pin_with: str) -> None:
    item = solved({"linux-64": [record("python", md5=None)]})
    with pytest.raises(BadInput, match=r"python-1\.0-h0_0\.conda has no md5"):
        pin(item, [environment_file(item.resolution)], "0" * 64, Catalogue(), pin_with)  # type: ignore[arg-type]


def test_a_channel_is_written_with_the_placeholders_that_its_packages_have() -> None:
    item = solved({"linux-64": [PYTHON]}, channels=["https://$A_USER:$B_TOKEN@host.org/c"])
    top, _ = lock_texts(item)
    assert top["metadata"]["channels"] == [
        {"url": locate("https://$A_USER:$B_TOKEN@host.org/c").canonical, "used_env_vars": ["A_USER", "B_TOKEN"]}
    ]
