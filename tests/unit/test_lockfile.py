"""What a lock says: the stamp that envgen leaves in it, and its packages; read back as written, or refused, never half believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from string import ascii_lowercase, digits

import pytest
import yaml
from conftest import REPO, some
from hypothesis import given
from hypothesis import strategies as st
from unit.small import examples, refused
from unit.texts import LOWER, joined, maybe, several, word

from envgen.formats.conda_lock import digest, metadata, read_lock, read_stamp, urls
from envgen.formats.conda_lock_entries import build_of
from envgen.model.errors import BadInput
from envgen.model.run import Download, Stamp

HINT = "\n\nhint: restore it with `git checkout -- FILE`, or delete it and run `envgen lock`"
BODY = """\
package:
- name: numpy
  version: 2.3.1
  url: https://conda.anaconda.org/conda-forge/linux-64/numpy-2.3.1-py312_0.conda
- name: old
  url: https://conda.anaconda.org/conda-forge/noarch/old-1-0.tar.bz2
- name: einops
  manager: pip
  url: https://files.example/einops-0.8.1-py3-none-any.whl
"""
CHOSEN = {"python": "3.12", "pytorch": "2.7.1"}
DOWNLOADS = {"linux-64": Download(53, 204511318), "win-64": Download(7, 0, exact=False)}
CELLS = {"linux-64": "cd" * 32, "win-64": "ef" * 32}
STAMP = Stamp(wanted="ab" * 32, cells=CELLS, chosen=CHOSEN, packages=digest(BODY), downloads=DOWNLOADS)


def lock(chosen: dict[str, str] = CHOSEN, downloads: dict[str, Download] = DOWNLOADS, body: str = BODY) -> str:
    """A lock as envgen writes it, as far as the stamp goes."""
    meta = {
        "platforms": list(downloads),
        "custom_metadata": metadata(replace(STAMP, chosen=chosen, packages=digest(body), downloads=downloads)),
    }
    return "# head\n" + yaml.safe_dump({"version": 1, "metadata": meta}, sort_keys=False, width=10**6) + body


def refusal(text: str) -> str:
    """The whole message that a lock gets."""
    with pytest.raises(BadInput) as caught:
        read_stamp(text, "f.yml")
    return str(caught.value)


def test_a_stamp_is_read_back_as_it_was_written() -> None:
    assert read_stamp(lock(), "f.yml") == STAMP


def test_the_reasons_in_a_stamp_are_read_back_and_a_lock_without_any_has_no_key_for_them() -> None:
    moved = {
        "pytorch": "pytorch 2.6.0, not 2.7.1: a 1.0 (x.yaml:6) needs pytorch <2.7",
        "python": "python 3.11, not 3.12: b needs it",
    }
    stamp = replace(STAMP, moved=moved)
    meta = {"platforms": list(DOWNLOADS), "custom_metadata": metadata(stamp)}
    assert read_stamp(yaml.safe_dump({"version": 1, "metadata": meta}, sort_keys=False) + BODY, "f.yml") == stamp
    assert "envgen-moved" not in lock()


def test_dropped_platforms_and_the_date_of_a_stamp_are_read_back_and_not_written_where_there_are_none() -> None:
    stamp = replace(
        STAMP,
        dropped=("osx-arm64", "win-64"),
        exclude_newer="2026-06-01T00:00:00+00:00",
        pip={"linux-64": "a" * 64, "win-64": "b" * 64},
    )
    meta = {"platforms": list(DOWNLOADS), "custom_metadata": metadata(stamp)}
    assert read_stamp(yaml.safe_dump({"version": 1, "metadata": meta}, sort_keys=False) + BODY, "f.yml") == stamp
    assert not [key for key in ("envgen-dropped", "envgen-exclude-newer") if key in lock()]


def test_a_lock_of_an_older_envgen_has_a_stamp_without_cells() -> None:
    """It is locked again, with all its packages."""
    text = "".join(line for line in lock().splitlines(keepends=True) if "envgen-cells" not in line)
    assert read_stamp(text, "f.yml") == replace(STAMP, cells={})


NAMES = joined(word(ascii_lowercase, 1, 1), word(f"{LOWER}_.-", 0, 8))
BEFORE = maybe(st.sampled_from(["rc", "b", "a"]), word(digits, 1, 1))
VERSIONS = joined(word(digits, 1, 3), several(joined(".", word(digits, 1, 3)), 3), BEFORE)


@examples(100)
@given(
    st.dictionaries(NAMES, VERSIONS, max_size=4),
    VERSIONS,
    st.dictionaries(
        st.sampled_from(["linux-64", "win-64", "osx-arm64"]),
        st.builds(Download, st.integers(0, 10**4), st.integers(0, 10**12), exact=st.booleans()),
        min_size=1,
    ),
)
def test_any_stamp_is_read_back_as_it_was_written(chosen: dict[str, str], python: str, downloads: dict[str, Download]) -> None:
    chosen = {"python": python, **chosen}
    assert read_stamp(lock(chosen, downloads), "f.yml") == replace(STAMP, chosen=chosen, downloads=downloads)


@pytest.mark.parametrize("gone", ["envgen-wanted", "envgen-chosen", "envgen-packages", "envgen-downloads"])
def test_a_lock_without_a_whole_stamp_is_another_tools(gone: str) -> None:
    assert read_stamp(lock().replace(gone, "other"), "f.yml") is None


def test_a_lock_of_another_tool_has_no_stamp() -> None:
    assert read_stamp("version: 1\nmetadata:\n  platforms: [linux-64]\npackage:\n- name: x\n", "f.yml") is None


@pytest.mark.parametrize("mark", ["<<<<<<< HEAD", "=======", ">>>>>>> branch", "||||||| base"])
def test_a_merge_conflict_is_named_with_its_line(mark: str) -> None:
    text = lock().replace("- name: old", f"{mark}\n- name: old")
    line = text.splitlines().index(mark) + 1
    hint = "take one side with `git checkout --ours FILE`, then run `envgen lock`; `envgen init --git` has git merge locks"
    assert refusal(text) == f"f.yml:{line}:1: this lock has an unresolved merge conflict\n\nhint: {hint}"


def test_every_shorter_lock_is_refused() -> None:
    """A run that was killed, a disk that was full: wherever the file ends early, it is not believed."""
    text = lock()
    for length in range(len(text)):
        with pytest.raises(BadInput, match=r"^f\.yml:\d+:\d+: "):
            read_stamp(text[:length], "f.yml")


def test_an_empty_lock_says_that_it_ends_early() -> None:
    assert refusal("") == f"f.yml:1:1: this lock is truncated{HINT}"


def test_a_package_section_that_was_edited_is_refused() -> None:
    text = lock()
    line = text.splitlines().index("package:") + 1
    assert (
        refusal(text.replace("2.3.1-py312_0", "2.3.1-py312_1"))
        == f"f.yml:{line}:1: the packages of this lock were changed after it was written{HINT}"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("python 3.12, ", ""),
        ("pytorch 2.7.1", "pytorch"),
        ("pytorch 2.7.1", "pytorch 2.7.1 2"),
        ("53 packages", "many packages"),
        (">=0 bytes", ">0 bytes"),
        ("linux-64 53 packages", "linux-65 53 packages"),
        (", win-64 7 packages >=0 bytes", ""),
    ],
)
def test_a_stamp_that_was_edited_is_refused_at_its_line(old: str, new: str) -> None:
    text = lock()
    assert old in text
    line = next(number for number, words in enumerate(text.splitlines(), 1) if "envgen-" in words)
    assert refusal(text.replace(old, new)) == f"f.yml:{line}:1: the metadata that envgen wrote into this lock cannot be read{HINT}"


def test_a_head_that_is_no_yaml_is_refused_with_its_line() -> None:
    assert refusal("version: 1\nmetadata: [\npackage:\n- x\n").startswith("f.yml:3:1: not YAML: ")


@pytest.mark.parametrize("head", ["version: 1", "metadata: 5", "[]", "metadata: []"])
def test_a_head_without_metadata_is_refused(head: str) -> None:
    assert refusal(f"{head}\npackage:\n- x\n") == f"f.yml:1:1: this lock has no metadata{HINT}"


@examples(200)
@given(
    st.lists(
        st.sampled_from([*lock().splitlines(), "<<<<<<<", "metadata:", "  platforms: 5", "{", "\t", "- ", "é", "\x85"]), max_size=25
    ),
    st.booleans(),
)
def test_any_text_has_a_stamp_or_none_or_is_refused_with_an_address(lines: list[str], ended: bool) -> None:
    error = refused(lambda: read_stamp("\n".join(lines) + "\n" * ended, "f.yml"))
    assert error is None or (str(error).startswith("f.yml:") and error.hint)


def test_the_urls_are_those_of_the_conda_packages() -> None:
    assert urls(lock()) == [
        "https://conda.anaconda.org/conda-forge/linux-64/numpy-2.3.1-py312_0.conda",
        "https://conda.anaconda.org/conda-forge/noarch/old-1-0.tar.bz2",
    ]


def test_the_digest_follows_every_letter() -> None:
    assert len({digest(BODY), digest(BODY + " "), digest(BODY.replace("numpy", "Numpy"))}) == 3


# --- all packages of a lock -----------------------------------------------------------------------------------------------

WHOLE = f"""\
version: 1
metadata:
  content_hash:
    linux-64: {"ab" * 32}
  channels:
  - url: conda-forge
    used_env_vars: []
  platforms:
  - linux-64
  sources:
  - environment.yml
package:
- name: numpy
  version: '1.20'
  manager: conda
  platform: linux-64
  dependencies:
    python: '>=3.10,<3.11.0a0'
    python_abi: 3.10.* *_cp310
    __glibc: ''
  url: https://conda.anaconda.org/conda-forge/linux-64/numpy-1.20-py310h1234567_0.tar.bz2
  hash:
    md5: {"cd" * 16}
    sha256: {"ef" * 32}
  category: main
  optional: false
- name: python
  version: 3.10
  manager: conda
  platform: linux-64
  dependencies: {{}}
  url: https://conda.anaconda.org/conda-forge/linux-64/python-3.10-h1234567_0_cpython.conda
  hash:
    md5: {"cd" * 16}
  category: main
  optional: false
- name: tiny
  version: 1e3
  manager: pip
  platform: linux-64
  dependencies:
    anything: '*'
    bare: 0.8.1
    numpy: '>=1.20'
  url: https://wheels.example/tiny-1e3-py3-none-any.whl
  hash:
    sha256: {"ef" * 32}
  category: main
  optional: false
"""


def broken(text: str) -> str:
    """The first line of what reading all packages says."""
    return str(refused(lambda: read_lock(text, "f.yml"))).splitlines()[0]


def test_packages_are_read_as_they_are_written() -> None:
    """A version 3.10 stays one, and 1e3; `*` and a bare version are what conda-lock writes for pip."""
    lock = read_lock(WHOLE, "f.yml")
    assert [(p.name, p.version, p.build, p.manager) for p in lock.packages] == [
        ("numpy", "1.20", "py310h1234567_0", "conda"),
        ("python", "3.10", "h1234567_0_cpython", "conda"),
        ("tiny", "1e3", "", "pip"),
    ]
    assert [p.depends for p in lock.packages] == [
        ("python >=3.10,<3.11.0a0", "python_abi 3.10.* *_cp310", "__glibc"),
        (),
        ("anything *", "bare 0.8.1", "numpy >=1.20"),
    ]
    assert [(p.md5, p.sha256) for p in lock.packages] == [("cd" * 16, "ef" * 32), ("cd" * 16, None), (None, "ef" * 32)]
    assert (lock.channels, lock.declared, lock.format, lock.intact) == (("conda-forge",), ("linux-64",), "conda-lock 1", True)


def test_a_package_has_the_line_on_which_it_begins() -> None:
    lines = WHOLE.splitlines()
    for package in some(read_lock(WHOLE, "f.yml").packages):
        assert package.at is not None
        assert lines[package.at.line - 1] == f"- name: {package.name}"


def test_every_shorter_lock_with_a_package_cut_is_refused() -> None:
    """Cut between two packages it cannot be told (rules find what is missing), nor, of a first package, behind its hashes."""
    only = range(WHOLE.index("    md5"), WHOLE.index("- name: python"))
    for length in some(set(range(len(WHOLE))) - set(only)):
        text = WHOLE[:length]
        if text.endswith("\n") and WHOLE[length:].startswith(("- name", "  optional")):  # what some tools do not write
            continue
        error = refused(lambda text=text: read_lock(text, "f.yml"))  # type: ignore[misc]
        assert error is not None and str(error).startswith("f.yml:") and error.hint, text[-60:]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version: 1\n", "version: 99\n", "f.yml:1:10: lock version 99 is not supported: this envgen reads version 1"),
        ("version: 1\n", "", "f.yml:1:1: `version` is missing: this lock is truncated, or not a conda-lock file"),
        ("- name: python\n", "<<<<<<< HEAD\n- name: python\n", "f.yml:27:1: this lock has an unresolved merge conflict"),
        (
            "  url: https://conda.anaconda.org/conda-forge/linux-64/python",
            "  link: x",
            "f.yml:27:3: `url` is missing: this lock is truncated, or not a conda-lock file",
        ),
        ("package:\n", "packages:\n", "f.yml:1:1: not a lock: expected a list `package`"),
        ("    sha256: " + "ef" * 32 + "\n  category: main\n  optional: false\n", "    - x\n", "f.yml:24:5: not YAML: "),
        (
            "  channels:\n  - url",
            "  channels:\n  - uri",
            "f.yml:6:5: `url` is missing: this lock is truncated, or not a conda-lock file",
        ),
        ("manager: pip\n", "manager: npm\n", "f.yml:39:12: expected `manager: conda` or `manager: pip`, not 'npm'"),
    ],
)
def test_a_broken_lock_says_where_and_how(old: str, new: str, said: str) -> None:
    assert old in WHOLE
    assert broken(WHOLE.replace(old, new, 1)).startswith(said)


@pytest.mark.parametrize("read", [read_lock, read_stamp])
def test_a_deeply_nested_lock_is_refused_at_once(read: Callable[[str, str], object]) -> None:
    """It would end the process if it were read by PyYAML's composer and a libyaml that has no limit."""
    with pytest.raises(BadInput, match=r"^f\.yml:2:\d+: nested too deeply\n\nhint: restore it"):
        read("version: 1\nmetadata: " + "[" * 300_000 + "\npackage:\n", "f.yml")


def test_a_repeated_key_is_refused_however_the_lock_is_spelled() -> None:
    said = "f.yml:19:5: `numpy` is written twice"
    text = WHOLE.replace("    python: '>=3.10,<3.11.0a0'\n", "    numpy: '1'\n    numpy: '2'\n")
    assert text != WHOLE
    assert (broken(text), broken(text + "# other\n")) == (said, said)


def test_an_alias_in_a_lock_means_what_it_names() -> None:
    """As PyYAML writes a value that stands in several places of the data."""
    hashes = f"\n    md5: {'cd' * 16}\n    sha256: {'ef' * 32}\n"
    entry = WHOLE[WHOLE.index("- name: numpy") : WHOLE.index("- name: python")]
    other = entry.replace("numpy", "other")
    twice = entry.replace(hashes, f" &id001{hashes}") + other.replace(hashes, " *id001\n")
    found, expected = (read_lock(WHOLE.replace(entry, text), "f.yml").packages for text in (twice, entry + other))
    assert twice.count("id001") == 2
    assert [replace(package, at=None) for package in found] == [replace(package, at=None) for package in expected]


def test_a_package_in_two_categories_counts_once_and_a_doubled_one_twice() -> None:
    """conda-lock 3 and later write an entry for each category of a package."""
    entry = WHOLE[WHOLE.index("- name: tiny") :]
    dev = entry.replace("category: main", "category: dev").replace("optional: false", "optional: true")
    assert [p.name for p in read_lock(WHOLE + dev, "f.yml").packages] == ["numpy", "python", "tiny"]
    assert [p.name for p in read_lock(WHOLE + entry, "f.yml").packages] == ["numpy", "python", "tiny", "tiny"]
    other = dev.replace("tiny-1e3", "tiny-2").replace("version: 1e3", "version: '2'")
    assert [p.version for p in read_lock(WHOLE + other, "f.yml").packages if p.name == "tiny"] == ["1e3", "2"]


def test_packages_that_are_not_those_of_the_stamp_are_noticed() -> None:
    stamped = WHOLE.replace("  sources:", f"  custom_metadata:\n    envgen-packages: {'0' * 64}\n  sources:")
    assert not read_lock(stamped, "f.yml").intact
    body = WHOLE[WHOLE.index("package:") :]
    assert read_lock(stamped.replace("0" * 64, digest(body)), "f.yml").intact


def test_the_build_is_what_the_url_says() -> None:
    assert [build_of(url) for url in ("https://c.example/linux-64/a-b-1.0-h1_0.conda", "a-1-x.tar.bz2", "a-1", "")] == [
        "h1_0",
        "x",
        "",
        "",
    ]


@examples(200)
@given(
    st.lists(
        st.sampled_from(
            [*WHOLE.splitlines(), "- x", "  - y: [", "\t", "  hash: ~", "é", "? a", "<<: *x", "&a", "!!python/name:os"]
        ),
        max_size=30,
    )
)
def test_any_text_is_a_lock_or_refused_with_an_address(lines: list[str]) -> None:
    error = refused(lambda: read_lock("\n".join(lines) + "\n", "f.yml"))
    assert error is None or (str(error).startswith("f.yml:") and error.hint)


COMMITTED = sorted((REPO / "environments").glob("*/*/conda-lock.yml"))
CORPUS = sorted((REPO / "tests" / "verify" / "locks").glob("*.yml"))


@pytest.mark.parametrize("path", [*COMMITTED, *CORPUS], ids=lambda path: "-".join(path.parts[-3:]))
def test_a_lock_says_the_same_read_by_its_spelling_and_as_yaml(path: Path) -> None:
    """A comment at the end makes the spelling another one, and changes nothing else."""
    text = path.read_text(encoding="utf-8")
    assert read_lock(text, "f.yml").packages == read_lock(text + "# other\n", "f.yml").packages


SCALARS = st.text(st.sampled_from(" ab1.*:#'\"-,>[]{}&!|%@~$/?=\t\\é"), max_size=8)


@examples(300)
@given(SCALARS, SCALARS, st.sampled_from(["{}", "'{}'"]))
def test_any_scalar_says_the_same_read_by_its_spelling_and_as_yaml(version: str, spec: str, form: str) -> None:
    entry = WHOLE[: WHOLE.index("- name: python")].replace("'1.20'", form.format(version)).replace("''", form.format(spec))
    error = refused(lambda: read_lock(entry + "# other\n", "f.yml"))
    if error:
        assert refused(lambda: read_lock(entry, "f.yml"))
    else:
        assert read_lock(entry, "f.yml").packages == read_lock(entry + "# other\n", "f.yml").packages


LINES = tuple(dict.fromkeys(WHOLE.partition("package:\n")[2].splitlines()))


@examples(300)
@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(("drop", "double", *LINES))), max_size=3))
def test_entries_whose_lines_were_moved_say_the_same_read_by_their_spelling_and_as_yaml(edits: list[tuple[int, str]]) -> None:
    """Lines that are missing, doubled or those of another entry: each text is remembered, and none may be taken for another one."""
    head, _, body = WHOLE.partition("package:\n")
    lines = body.splitlines()
    for place, edit in edits:
        at = place % len(lines)
        lines[at : at + 1] = [] if edit == "drop" else [lines[at]] * 2 if edit == "double" else [edit]
    text = f"{head}package:\n" + "".join(f"{line}\n" for line in lines)
    error = refused(lambda: read_lock(text + "# other\n", "f.yml"))
    if error:
        assert refused(lambda: read_lock(text, "f.yml"))
    else:
        assert read_lock(text, "f.yml").packages == read_lock(text + "# other\n", "f.yml").packages


def test_an_entry_that_is_read_again_stands_where_it_stands() -> None:
    """The same texts in another file, further down: the packages are the same, their addresses are those of the file."""
    first, again = read_lock(WHOLE, "f.yml").packages, read_lock("# a line\n" + WHOLE, "g.yml").packages
    assert [package.content for package in first] == [package.content for package in again]
    lines = [row.at.line for row in read_lock(f"{WHOLE}# other\n", "f.yml").packages if row.at]  # as YAML has them
    assert [(str(row.at), str(other.at)) for row, other in zip(first, again, strict=True)] == [
        (f"f.yml:{line}:3", f"g.yml:{line + 1}:3") for line in lines
    ]


FOREIGN = f"""\
version: 1
metadata:
  channels:
  - https://conda.anaconda.org/conda-forge
  platforms: [linux-64]
package:
- name: zlib
  version: 1.3.1
  manager: conda
  platform: linux-64
  dependencies:
  - libgcc >=13
  url: https://conda.anaconda.org/conda-forge/linux-64/zlib-1.3.1-hb9d3cd8_2.conda
  hash:
    md5: {"cd" * 16}
    sha256: null
  category: main
"""


def test_what_other_tools_write_differently_is_read() -> None:
    """Channels as texts, dependencies as a list, no sha256, no `optional`."""
    lock = read_lock(FOREIGN, "f.yml")
    (zlib,) = lock.packages
    assert lock.channels == ("https://conda.anaconda.org/conda-forge",)
    assert (zlib.depends, zlib.md5, zlib.sha256) == (("libgcc >=13",), "cd" * 16, None)


def test_no_hint_advises_to_delete_the_lock_of_another_tool() -> None:
    error = refused(lambda: read_lock(FOREIGN.replace("  version: 1.3.1\n", ""), "f.yml"))
    assert (
        error is not None and error.hint == "restore it with `git checkout -- FILE`, or create it again with the tool that made it"
    )
