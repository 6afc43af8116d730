"""What other tools write, read into a Lock: explicit files, pixi.lock of every version, `conda list`, installed environments."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from string import ascii_lowercase, digits
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.small import examples, refused
from unit.texts import LOWER, joined, maybe, several, word

from envgen.formats.conda_list import read_export, read_list_json
from envgen.formats.conda_lock import read_lock
from envgen.formats.explicit import read_explicit
from envgen.formats.pixi import read_pixi
from envgen.formats.prefix import read_prefix, site_packages
from envgen.formats.reading import read_any
from envgen.model.errors import BadInput
from envgen.model.packages import LockedPackage

CHANNEL = "https://conda.anaconda.org/conda-forge"
TORCH = f"{CHANNEL}/linux-64/pytorch-2.7.0-cuda126_mkl_py312_h30b5a27_300.conda"
WHEEL = "https://wheels.example/einops-0.8.1-py3-none-any.whl"
SHA, MD5 = "ab" * 32, "cd" * 16

NAMES = joined(word(f"{ascii_lowercase}_", 1, 1), word(f"{LOWER}_", 0), maybe("-", word(f"{LOWER}_", 1)))
EPOCHS = maybe(word(digits[1:], 1, 1), "!")
LATER = st.sampled_from(["", "rc1", ".post1", "_p2"])
VERSIONS = joined(EPOCHS, word(digits, 1, 4), several(joined(".", word(digits, 1, 3)), 3), LATER)
MADE_FOR = st.sampled_from(["", "cuda126_", "cpu_"])
BUILDS = joined(MADE_FOR, st.sampled_from(["", "py312"]), "h", word(f"{digits}abcdef", 7, 7), "_", word(digits, 1, 3))
TRIPLES = st.lists(st.tuples(NAMES, VERSIONS, BUILDS), min_size=1, max_size=6)


def told(package: LockedPackage) -> tuple[str, str, str]:
    return package.name, package.version, package.build


# --- explicit -------------------------------------------------------------------------------------------------------------


@examples(100)
@given(
    TRIPLES,
    st.sampled_from(["linux-64", "osx-arm64", "noarch"]),
    st.sampled_from([".conda", ".tar.bz2"]),
    st.sampled_from(["", MD5, f"sha256:{SHA}"]),
)
def test_an_explicit_file_is_read_back(rows: list[tuple[str, str, str]], subdir: str, ending: str, digest: str) -> None:
    lines = [f"{CHANNEL}/{subdir}/{'-'.join(row)}{ending}{'#' if digest else ''}{digest}" for row in rows]
    lock = read_explicit("# head\n@EXPLICIT\n" + "\n".join(lines) + "\n", "e.txt")
    assert [told(package) for package in lock.packages] == rows
    assert {package.platform for package in lock.packages} == {subdir}
    assert {(package.md5, package.sha256) for package in lock.packages} == {
        (MD5 if digest == MD5 else None, SHA if digest.startswith("sha") else None)
    }
    assert [package.at.line for package in lock.packages if package.at] == list(range(3, 3 + len(rows)))
    assert not lock.linked


def test_an_explicit_file_of_conda_lock_has_pip_packages_in_comments() -> None:
    lines = ["# platform: osx-arm64", "@EXPLICIT", f"{CHANNEL}/noarch/pip-25.1-pyh8b19718_0.conda#{MD5}"]
    lines += [
        f"# pip einops @ {WHEEL}#sha256={SHA}",
        "# pip torch @ https://w.example/torch-2.7.1%2Bcpu-cp312-cp312-linux_x86_64.whl",
        f"# pip long-name-py3 @ https://w.example/a/long-name-py3-4.9.3.tar.gz#sha256={SHA}",
        "# pip branch @ https://w.example/archive/main.zip",
    ]
    lock = read_explicit("\n".join(lines) + "\n", "e.txt")
    assert [(p.manager, p.name, p.version, p.platform, p.sha256) for p in lock.packages] == [
        ("conda", "pip", "25.1", "osx-arm64", None),
        ("pip", "einops", "0.8.1", "osx-arm64", SHA),
        ("pip", "torch", "2.7.1+cpu", "osx-arm64", None),
        ("pip", "long-name-py3", "4.9.3", "osx-arm64", SHA),
        ("pip", "branch", "", "osx-arm64", None),
    ]


@pytest.mark.parametrize("line", ["numpy", "https://c.example/numpy.conda", "numpy-1-0.conda", "a-b-c"])
def test_a_line_that_is_no_url_is_refused_with_its_address(line: str) -> None:
    with pytest.raises(BadInput, match=r"^e\.txt:3:1: not the url of a conda package"):
        read_explicit(f"# head\n@EXPLICIT\n{line}\n", "e.txt")


# --- conda list -----------------------------------------------------------------------------------------------------------


@examples(100)
@given(TRIPLES)
def test_a_list_in_json_is_read_back(rows: list[tuple[str, str, str]]) -> None:
    """conda's keys; `pypi` as a channel is pip."""
    found = [{"name": n, "version": v, "build_string": b, "channel": "conda-forge", "platform": "linux-64"} for n, v, b in rows]
    found.append({"name": "einops", "version": "0.8.1", "build_string": "pypi_0", "channel": "pypi", "platform": "pypi"})
    lock = read_list_json(json.dumps(found), "l.json")
    assert [told(package) for package in lock.packages] == [*rows, ("einops", "0.8.1", "")]
    assert [package.manager for package in lock.packages] == ["conda"] * len(rows) + ["pip"]
    assert lock.platforms == ("linux-64",)
    assert not lock.linked and not lock.hashed


@examples(100)
@given(TRIPLES)
def test_an_export_is_read_back(rows: list[tuple[str, str, str]]) -> None:
    head = [
        "# This file may be used to create an environment using:",
        "# $ conda create --name <env> --file <this file>",
        "# platform: win-64",
    ]
    lines = ["=".join(row) for row in rows]
    lock = read_export("\n".join([*head, *lines, "einops=0.8.1=pypi_0"]) + "\n", "l.txt")
    assert [told(package) for package in lock.packages] == [*rows, ("einops", "0.8.1", "")]
    assert [package.manager for package in lock.packages] == ["conda"] * len(rows) + ["pip"]
    assert lock.platforms == ("win-64",)
    assert [package.at.line for package in lock.packages if package.at] == list(range(4, 5 + len(rows)))


def test_names_of_pip_are_read_in_one_spelling() -> None:
    """pip's metadata say jax_cuda12_plugin or jax-cuda12-plugin, as the project likes."""
    row = {"name": "jax_cuda12_Plugin", "version": "0.7.2", "build_string": "pypi_0", "channel": "pypi"}
    assert [p.name for p in read_list_json(json.dumps([row]), "l").packages] == ["jax-cuda12-plugin"]
    assert [p.name for p in read_export("jax_cuda12_plugin=0.7.2=pypi_0\n", "l").packages] == ["jax-cuda12-plugin"]
    text = f"@EXPLICIT\n# pip Jax_Cuda12.plugin @ {WHEEL}\n"
    assert [p.name for p in read_explicit(text, "l").packages] == ["jax-cuda12-plugin"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[{"name": "x"}]', "l.json:1:1: not the output of `conda list --json`"),
        ("[1]", "l.json:1:1: not the output of `conda list --json`"),
        ('[\n{"name": }]', "l.json:2:10: not JSON: "),
        ("[", "l.json:1:2: not JSON: "),
    ],
)
def test_a_list_that_is_none_is_refused_with_its_address(text: str, what: str) -> None:
    error = refused(lambda: read_list_json(text, "l.json"))
    assert error is not None and str(error).startswith(what)


# --- pixi -----------------------------------------------------------------------------------------------------------------

LISTED = f"""\
version: VERSION
metadata:
  content_hash:
    linux-64: {SHA}
  channels:
  - url: {CHANNEL}/
    used_env_vars: []
  platforms:
  - linux-64
  sources: []
package:
- platform: linux-64
  name: pytorch
  version: 2.7.0
  category: main
  manager: conda
  dependencies:
  - __cuda
  - numpy >=1.23,<3
  url: {TORCH}
  hash:
    md5: {MD5}
    sha256: {SHA}
  build: cuda126_mkl_py312_h30b5a27_300
  subdir: linux-64
  build_number: 300
  constrains:
  - pytorch-cpu <0.0a0
- platform: linux-64
  name: einops
  version: 0.8.1
  category: main
  manager: pip
  dependencies: []
  url: {WHEEL}
  hash:
    md5: null
    sha256: {SHA}
  build: null
"""
ENVIRONMENTS = f"""\
environments:
  default:
    channels:
    - url: {CHANNEL}/
    packages:
      linux-64:
      - conda: {TORCH}
      - pypi: {WHEEL}
packages:
"""
KINDS = f"""\
version: VERSION
{ENVIRONMENTS}- kind: conda
  name: pytorch
  version: 2.7.0
  build: cuda126_mkl_py312_h30b5a27_300
  build_number: 300
  subdir: linux-64
  url: {TORCH}
  sha256: {SHA}
  md5: {MD5}
  depends:
  - __cuda
  - numpy >=1.23,<3
  constrains:
  - pytorch-cpu <0.0a0
- kind: pypi
  name: einops
  version: 0.8.1
  url: {WHEEL}
  sha256: {SHA}
"""
KEYED = f"""\
version: VERSION
{ENVIRONMENTS}- conda: {TORCH}
  sha256: {SHA}
  md5: {MD5}
  depends:
  - __cuda
  - numpy >=1.23,<3
  constrains:
  - pytorch-cpu <0.0a0
- pypi: {WHEEL}
  name: einops
  version: 0.8.1
  sha256: {SHA}
"""
PLATFORMS = KEYED.replace("environments:\n", "platforms:\n- name: linux-64\nenvironments:\n", 1)
PIXI = {1: LISTED, 2: LISTED, 3: LISTED, 4: KINDS, 5: KINDS, 6: KEYED, 7: PLATFORMS}


def pixi(tmp_path: Path, text: str) -> tuple[Any, ...]:
    path = tmp_path / "pixi.lock"
    path.write_text(text, encoding="utf-8")
    return read_any(path, "pixi.lock")


@pytest.mark.parametrize("version", PIXI)
def test_a_pixi_lock_of_every_version_says_the_same(version: int, tmp_path: Path) -> None:
    text = PIXI[version].replace("VERSION", str(version))
    (lock,) = pixi(tmp_path, text)
    conda, pip = lock.packages
    assert (lock.format, lock.environment, lock.channels) == (f"pixi {version}", "default", (CHANNEL,))
    assert (*told(conda), conda.manager, conda.platform) == (
        "pytorch",
        "2.7.0",
        "cuda126_mkl_py312_h30b5a27_300",
        "conda",
        "linux-64",
    )
    assert (conda.url, conda.md5, conda.sha256) == (TORCH, MD5, SHA)
    assert (conda.depends, conda.constrains) == (("__cuda", "numpy >=1.23,<3"), ("pytorch-cpu <0.0a0",))
    assert (*told(pip), pip.manager, pip.url, pip.sha256) == ("einops", "0.8.1", "", "pip", WHEEL, SHA)
    assert TORCH in text.splitlines()[conda.at.line - 1]


def test_a_pixi_lock_that_rattler_writes_is_read(tmp_path: Path) -> None:
    """Whatever version that is today: what is written by a tool is read by this one."""
    from rattler import LockFile

    (tmp_path / "old.lock").write_text(KEYED.replace("VERSION", "6"), encoding="utf-8")
    LockFile.from_path(tmp_path / "old.lock").to_path(tmp_path / "new.lock")
    (old,), (new,) = (read_any(tmp_path / name, name) for name in ("old.lock", "new.lock"))
    assert new.format != old.format
    assert [(told(p), p.url, p.sha256, p.depends) for p in new.packages] == [
        (told(p), p.url, p.sha256, p.depends) for p in old.packages
    ]


def test_every_environment_of_a_pixi_lock_is_a_lock_of_its_own(tmp_path: Path) -> None:
    cpu = TORCH.replace("cuda126_mkl", "cpu_mkl")
    text = KEYED.replace("VERSION", "6").replace(
        "packages:\n- conda",
        f"  cpu:\n    channels:\n    - url: {CHANNEL}/\n    packages:\n      linux-64:\n      - conda: {cpu}\npackages:\n- conda: {cpu}\n  sha256: {SHA}\n- conda",
    )
    locks = {lock.environment: [package.build[:4] for package in lock.packages if package.build] for lock in pixi(tmp_path, text)}
    assert locks == {"default": ["cuda"], "cpu": ["cpu_"]}


def test_environments_and_platforms_of_a_pixi_lock_have_one_order(tmp_path: Path) -> None:
    """Of 120 each: rattler tells them in another one each time."""
    names, platforms = ["default", "a", "b", "c", "d"], ["linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64"]
    url = f"{CHANNEL}/noarch/einops-0.8.1-pyhd8ed1ab_0.conda"
    rows = "".join(f"      {platform}:\n      - conda: {url}\n" for platform in platforms)
    environments = "".join(f"  {name}:\n    channels:\n    - url: {CHANNEL}/\n    packages:\n{rows}" for name in names)
    text = f"version: 6\nenvironments:\n{environments}packages:\n- conda: {url}\n  sha256: {SHA}\n  md5: {MD5}\n"
    told = [[(lock.environment, [*lock.platforms]) for lock in pixi(tmp_path, text)] for _ in range(3)]
    assert told == [[(name, platforms) for name in names]] * 3


def test_what_pixi_builds_from_a_folder_or_from_git_has_no_hash(tmp_path: Path) -> None:
    git = "git+https://github.com/psf/requests.git?rev=main#0106aced5faa299e6ede89d1230bd6784f2c3660"
    text = f"""\
version: 6
environments:
  default:
    channels:
    - url: {CHANNEL}/
    packages:
      linux-64:
      - conda: ./mine
      - pypi: ./project
      - pypi: {git}
packages:
- conda: ./mine
  name: mine
  version: 0.1.0
  build: hbf21a9e_0
  subdir: linux-64
- pypi: ./project
  name: project
  version: '0.1'
  editable: true
- pypi: {git}
  name: requests
  version: 2.31.0
"""
    (lock,) = pixi(tmp_path, text)
    assert [(p.name, p.manager, p.url, p.sha256) for p in lock.packages] == [
        ("mine", "conda", "./mine", None),
        ("project", "pip", "./project", None),
        ("requests", "pip", git, None),
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("version: 99\nenvironments: {}\n", "pixi.lock:1:1: a lock of version 99 that cannot be read: "),
        ("version: 6\nenvironments: [\n", "pixi.lock:3:1: a lock of version 6 that cannot be read: "),
        (
            KEYED.replace("VERSION", "6").replace("\n- pypi", "\n>>>>>>> theirs\n- pypi"),
            "pixi.lock:19:1: this lock has an unresolved merge conflict",
        ),
        (KEYED.replace("VERSION", "6")[: -len(SHA) - 60], "pixi.lock:1:1: a lock of version 6 that cannot be read: "),
        ("version: 6\nenvironments: {}\npackages: []\n", "pixi.lock: it holds no packages"),
    ],
)
def test_a_pixi_lock_that_is_broken_is_refused(text: str, what: str, tmp_path: Path) -> None:
    error = refused(lambda: pixi(tmp_path, text))
    assert error is not None and str(error).startswith(what) and error.hint


NAMED = f"""\
version: 7
platforms:
- name: box
  subdir: linux-64
  virtual-packages:
  - __cuda=12
  - __archspec=1=zen4
- name: win-64
environments:
  default:
    channels:
    - url: {CHANNEL}/
    packages:
      box:
      - conda: {CHANNEL}/linux-64/re2-2024.07.02-h9925aae_3.conda
      - conda_source: mine[9f2a1c3d] @ mine
      win-64: []
packages:
- conda: {CHANNEL}/linux-64/re2-2024.07.02-h9925aae_3.conda
  sha256: {SHA}
  depends: []
- conda_source: mine[9f2a1c3d] @ mine
  version: 0.1.0
  build: h60d57d3_0
  subdir: linux-64
  depends:
  - python >=3.12
"""


def test_a_named_platform_is_its_subdir_and_promises_its_virtual_packages(tmp_path: Path) -> None:
    (lock,) = (lock for lock in pixi(tmp_path, NAMED) if lock.packages)
    assert (lock.machine, lock.platforms) == ("box", ("linux-64",))
    assert lock.promises == {"__cuda": "12", "__archspec": "1 zen4"}
    re2, mine = lock.packages
    assert (re2.version, re2.at and re2.at.line) == ("2024.07.02", 15)  # as the record spells it
    assert (mine.name, mine.version, mine.build, mine.depends) == ("mine", "0.1.0", "h60d57d3_0", ("python >=3.12",))


def test_what_was_not_built_yet_has_no_version_and_no_build(tmp_path: Path) -> None:
    (lock,) = (row for row in pixi(tmp_path, NAMED.replace("  version: 0.1.0\n  build: h60d57d3_0\n", "")) if row.packages)
    mine = lock.packages[1]
    assert (*told(mine), mine.md5, mine.sha256, mine.depends) == ("mine", "", "", None, None, ())
    text = PLATFORMS.replace("VERSION", "7").replace(f"- pypi: {WHEEL}\n  name: einops\n  version: 0.8.1\n  sha256: {SHA}\n", OWN)
    (lock,) = pixi(tmp_path, text.replace(WHEEL, "./mine"))
    assert [(*told(row), row.url, row.sha256) for row in lock.packages[1:]] == [("mine", "", "", "./mine", None)]


OWN = "- pypi: ./mine\n  name: mine\n  editable: true\n"


def test_local_wheels_are_found_from_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = KEYED.replace("VERSION", "6").replace(WHEEL, "./wheels/einops-0.8.1-py3-none-any.whl")
    (tmp_path / "pixi.lock").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (lock,) = read_any(Path("pixi.lock"), "pixi.lock")
    assert lock.packages[1].url == "./wheels/einops-0.8.1-py3-none-any.whl"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("version: 6\npackages: []\n", "pixi.lock:1:1: a pixi.lock of version 6 without `environments:`"),
        (LISTED.replace("VERSION", "3").replace(WHEEL, "./einops.whl"), "pixi.lock:35:1: a package from a folder (./einops.whl)"),
    ],
)
def test_a_pixi_lock_without_environments_is_told_so(text: str, what: str, tmp_path: Path) -> None:
    error = refused(lambda: pixi(tmp_path, text))
    assert error is not None and str(error).startswith(what) and error.hint


def test_every_shorter_pixi_lock_is_refused_or_read_never_more(tmp_path: Path) -> None:
    """Where it ends early nothing stumbles. Its last package may lack what is optional: then it has no hash, which a rule finds."""
    text = KEYED.replace("VERSION", "6")
    for length in range(0, len(text), 7):
        path = tmp_path / "pixi.lock"
        path.write_text(text[:length], encoding="utf-8")
        error = refused(lambda: read_pixi(path, text[:length], "pixi.lock"))
        assert error is None or error.hint


# --- an installed environment ---------------------------------------------------------------------------------------------


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """numpy by conda, dist-info and all; einops by pip; the link that conda's python has beside its library folder."""
    site = tmp_path / "env" / "lib" / "python3.12" / "site-packages"
    for name, version in (("numpy", "2.2.6"), ("Einops_X", "0.8.1")):
        home = site / f"{name}-{version}.dist-info"
        home.mkdir(parents=True)
        needs = "Requires-Dist: numpy>=1\nRequires-Dist: torch ; extra == 'gpu'\n" if name != "numpy" else ""
        (home / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}", encoding="utf-8")
    (site / "old-1.0.egg-info").write_text("Metadata-Version: 1.0\nName: old\nVersion: 1.0\n", encoding="utf-8")
    (site.parent.parent / "python3.1").symlink_to("python3.12")
    meta = tmp_path / "env" / "conda-meta"
    meta.mkdir()
    (meta / "history").write_text("", encoding="utf-8")
    record = {
        "name": "numpy",
        "version": "2.2.6",
        "build": "py312h72c5963_0",
        "subdir": "linux-64",
        "url": f"{CHANNEL}/linux-64/numpy-2.2.6-py312h72c5963_0.conda",
        "sha256": SHA,
        "md5": MD5,
        "depends": ["python >=3.12,<3.13.0a0"],
        "constrains": ["numpy-base <0a0"],
        "files": ["lib/python3.12/site-packages/numpy-2.2.6.dist-info/METADATA", "lib/python3.12/site-packages/old-1.0.egg-info"],
    }
    (meta / "numpy-2.2.6-py312h72c5963_0.json").write_text(json.dumps(record), encoding="utf-8")
    return tmp_path / "env"


def test_an_environment_holds_what_conda_installed_and_what_pip_put_beside_it(prefix: Path) -> None:
    lock = read_prefix(prefix, "env")
    assert [(*told(p), p.manager, p.platform) for p in lock.packages] == [
        ("numpy", "2.2.6", "py312h72c5963_0", "conda", "linux-64"),
        ("einops-x", "0.8.1", "", "pip", "linux-64"),
    ]
    numpy, einops = lock.packages
    assert (numpy.sha256, numpy.depends, numpy.constrains) == (SHA, ("python >=3.12,<3.13.0a0",), ("numpy-base <0a0",))
    assert einops.depends == ("numpy>=1",)
    assert str(numpy.at) == "env/conda-meta/numpy-2.2.6-py312h72c5963_0.json:1:1"
    assert (lock.environment, lock.format) == ("env", "prefix")


def test_an_environment_on_windows_has_its_packages_elsewhere(prefix: Path) -> None:
    site = prefix / "Lib" / "site-packages" / "tiny-1.0.dist-info"
    if (prefix / "Lib").exists():
        pytest.skip("a file system that does not tell Lib from lib")
    site.mkdir(parents=True)
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n", encoding="utf-8")
    assert "tiny" in {package.name for package in read_prefix(prefix, "env").packages}


def test_a_folder_of_modules_counts_once_whatever_link_of_conda_leads_to_it(tmp_path: Path) -> None:
    real = [tmp_path / "lib" / name / "site-packages" for name in ("python3.9", "python3.12")]
    for folder in real:
        folder.mkdir(parents=True)
    for link in ("python3.1", "python3"):
        (tmp_path / "lib" / link).symlink_to("python3.12")
    assert site_packages(tmp_path) == (real[1], real[0])


def test_a_folder_that_is_no_environment_is_refused(tmp_path: Path) -> None:
    assert str(refused(lambda: read_any(tmp_path, "here"))).startswith("here: not a conda environment: it has no conda-meta/")
    (tmp_path / "conda-meta").mkdir()
    assert str(refused(lambda: read_any(tmp_path, "here"))).startswith("here: it holds no packages")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "x"}', "\x00", "[" * 200_000, '{"name": ' + "9" * 5000 + "}"])
def test_a_record_that_is_none_is_refused_with_its_name(text: str, prefix: Path) -> None:
    (prefix / "conda-meta" / "bad.json").write_text(text, encoding="utf-8")
    assert str(refused(lambda: read_prefix(prefix, "env"))).startswith(
        ("env/conda-meta/bad.json: not a package record", "env/conda-meta/bad.json:1:")
    )


@pytest.mark.parametrize(
    "text",
    [
        "version: 6\nenvironments: " + "[" * 200_000,
        "version: 6\nenvironments:\n" + "[a,\n" * 200_000,
        "version: 6\nenvironments:\n  " + "- " * 200_000,
        "version: 6\nenvironments: " + "{a: " * 200_000,
        "[" * 200_000,
        '[{"name": "x", "version": ' + "9" * 5_000 + "}]",
    ],
)
def test_what_is_nested_without_end_or_has_endless_numbers_is_refused_soon(tmp_path: Path, text: str) -> None:
    (tmp_path / "pixi.lock").write_text(text)
    begun = time.perf_counter()
    assert str(refused(lambda: read_any(tmp_path / "pixi.lock", "pixi.lock"))).startswith("pixi.lock")
    assert time.perf_counter() - begun < 5


CONDA_LOCK = """\
version: 1
metadata:
  channels:
  - url: conda-forge
  platforms: [linux-64]
package:
- name: numpy
  version: 2.2.6
  manager: conda
  platform: linux-64
  dependencies:
    python: '>=3.12'
  url: https://conda.anaconda.org/conda-forge/linux-64/numpy-2.2.6-py312h72c5963_0.conda
  hash:
    sha256: c3b3ff686c86ed3ec7a2cc38053fd6234260b64286c2bd573e436156f39d14a7
  category: main
  optional: false
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("numpy\n", '"a\\n::error::x"\n', r"l.yml:7:3: not the name of a package: 'a\n::error::x'"),
        ("numpy\n", "../x\n", "l.yml:7:3: not the name of a package: '../x'"),
        ("numpy\n", "'a b'\n", "l.yml:7:3: not the name of a package: 'a b'"),
        ("numpy\n", "$HOME\n", "l.yml:7:3: not the name of a package: '$HOME'"),
        ("2.2.6\n", "２.2.6\n", "l.yml:8:12: the digit ２ (U+FF12) is not supported"),
        ("2.2.6\n", "2/6\n", "l.yml:7:3: not the version of a package: '2/6'"),
        ("2.2.6\n", "9" * 5_000 + "\n", "l.yml:8:12: a number of more than 600 digits"),
        ("2.2.6\n", "9" * 500 + "\n", "l.yml:7:3: not the version of a package: '999"),
        ("'>=3.12'", '"\\e[2J"', "l.yml:12:13: the character U+001B is not supported"),
        ("'>=3.12'", "'>=３.12'", "l.yml:12:13: the digit ３ (U+FF13) is not supported"),
        ("https://conda.anaconda.org", "http://[x", "l.yml:7:3: not the URL of a package: 'http://[x"),
        ("https://conda.anaconda.org", "https://h/%0a::error::x", "l.yml:7:3: not the URL of a package: 'https://h/%0a::error::x/"),
        ("py312h72c5963_0", "%1B[2J", "l.yml:7:3: not the URL of a package: 'https://conda.anaconda.org/"),
        ("c3b3ff", '"\\u202e"', "l.yml:"),
        ("url: conda-forge\n", "url: http://[x/c\n", "l.yml: not a channel: 'http://[x/c'"),
        ("url: conda-forge\n", "url: https://h/%0Ac\n", "l.yml: not a channel: 'https://h/%0Ac'"),
        ("[linux-64]", '["linux-64\\n::error::x"]', r"l.yml: not a platform: 'linux-64\n::error::x'"),
    ],
)
def test_a_text_that_cannot_be_what_it_stands_for_is_refused_by_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    (tmp_path / "l.yml").write_text(CONDA_LOCK)
    assert read_any(tmp_path / "l.yml", "l.yml")[0].packages[0].name == "numpy"
    (tmp_path / "l.yml").write_text(CONDA_LOCK.replace(old, new, 1))
    assert str(refused(lambda: read_any(tmp_path / "l.yml", "l.yml"))).startswith(said)


@pytest.mark.parametrize("field", ["md5", "sha256", "depends", "constrains", "files", "url", "subdir"])
@pytest.mark.parametrize("value", [5, 1.5, True, {"a": [1]}, [1, {"a": 2}], "text"])
def test_a_record_with_a_value_of_another_kind_is_no_traceback(prefix: Path, field: str, value: object) -> None:
    record = next((prefix / "conda-meta").glob("*.json"))
    record.write_text(json.dumps({**json.loads(record.read_text()), field: value}))
    with suppress(BadInput):
        read_any(prefix, "env")


# --- whatever it is -------------------------------------------------------------------------------------------------------


def save(folder: Path, content: bytes | str) -> Path:
    path = folder / "file"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\xff\xfe\x00", "file:1:1: not UTF-8 text: byte 0xff"),
        (b"\x00\x01\x02", "file:1:1: not YAML: "),
        ("", "file:1:1: this file is empty"),
        ("hello", "file:1:1: not a lock: expected a mapping here"),
        ("name: demo\n", "file:1:1: `version` is missing: this lock is truncated, or not a conda-lock file"),
        ("[]", "file: it holds no packages"),
        ("# nothing\n@EXPLICIT\n", "file: it holds no packages"),
        ("version: 1\nmetadata: {channels: [], platforms: []}\npackage: []\n", "file: it holds no packages"),
    ],
)
def test_what_cannot_be_a_lock_is_told_so(content: bytes | str, what: str, tmp_path: Path) -> None:
    error = refused(lambda: read_any(save(tmp_path, content), "file"))
    assert error is not None and str(error).startswith(what) and error.hint


def test_a_file_that_is_not_there_is_told_so(tmp_path: Path) -> None:
    assert str(refused(lambda: read_any(tmp_path / "gone", "gone"))).startswith("gone: there is no such file")


LINES = st.sampled_from(
    [*KEYED.splitlines(), *LISTED.splitlines(), "version: 1", "@EXPLICIT", TORCH, "a=1=b_0", "[", "]", "<<<<<<< x", "\t", "é", "{"]
)
READERS: tuple[Callable[[str, str], object], ...] = (read_lock, read_explicit, read_list_json)


@examples(150)
@given(st.lists(LINES, max_size=20), st.sampled_from(READERS))
def test_any_text_is_read_or_refused(lines: list[str], reader: Callable[[str, str], object]) -> None:
    error = refused(lambda: reader("\n".join(lines) + "\n", "f"))
    assert error is None or (str(error).startswith("f:") and error.hint)
