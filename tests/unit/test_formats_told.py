"""What each reader of a lock says of a file, whole: every field of the Lock, or the error with its place and its hint."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from unit import told
from unit.small import refused
from unit.test_foreign import CHANNEL, MD5, PIXI, SHA, TORCH, WHEEL
from unit.test_foreign_wheels import PYLOCK, UV

from envgen.formats.reading import read_any
from envgen.model.packages import Lock, LockedPackage

OF_LIBRARY = re.compile(
    r"(not a requirement|cannot be read|can be read: Exceeds).*"
)  # what a library says next, which the next one says otherwise
DEEP = "[" * 200_000
WHEELS = "https://f.example"
PIP_PACKAGE = '\n[[package]]\nname = "numpy"\nversion = "2.2.6"\nsource = { registry = "https://i.example/simple" }\n'
UV_PROJECT = f"""version = 1
requires-python = ">=3.12"
supported-markers = ["sys_platform == 'linux'", "sys_platform == 'win32'"]
conflicts = [5, [{{ package = "demo", group = "old" }}, {{ package = "demo", group = "new" }}]]

[manifest]
members = ["demo"]

[[package]]
name = "demo"
version = "0.1"
source = {{ editable = "." }}
dependencies = [
    {{ name = "Odd.name", extra = ["more"] }},
    {{ name = "forked", marker = "sys_platform == 'linux'" }},
    {{ name = "winonly", marker = "sys_platform == 'win32'" }},
    {{ name = "absent" }},
]

[package.optional-dependencies]
docs = [{{ name = "by-git" }}]

[package.dev-dependencies]
new = [{{ name = "by-url" }}]
old = [{{ name = "by-path" }}]

[[package]]
name = "Odd.name"
version = "1.0"
dependencies = [{{ name = "by-git" }}, {{ name = "by-git" }}]
sdist = {{ url = "{WHEELS}/odd_name-1.0.tar.gz", hash = "sha256:{SHA}" }}

[package.optional-dependencies]
more = [{{ name = "Odd.name" }}, {{ name = "local-wheel" }}]

[[package]]
name = "forked"
version = "1"
resolution-markers = ["platform_machine == 'aarch64'"]
wheels = [{{ filename = "forked-1-py3-none-any.whl" }}]

[[package]]
name = "forked"
version = "2"
resolution-markers = ["platform_machine != 'aarch64'", "sys_platform == 'win32'"]
wheels = [{{ path = "forked-2-py3-none-any.whl" }}]

[[package]]
name = "winonly"
version = "1"
source = {{ registry = "https://i.example/simple" }}
wheels = [{{ url = "{WHEELS}/winonly-1-cp312-cp312-manylinux_2_28_x86_64.whl" }}]

[[package]]
name = "by-git"
version = "1"
source = {{ git = "https://g.example/r?rev=1#abc" }}

[[package]]
name = "by-url"
version = "1"
source = {{ url = "{WHEELS}/by_url-1.tar.gz" }}

[[package]]
name = "by-path"
version = "1"
source = {{ path = "../by-path" }}

[[package]]
name = "local-wheel"
version = "1"
source = {{ directory = "../local" }}

[[package]]
name = "not-a-member"
version = "1"
source = {{ editable = "other" }}
dependencies = [{{ name = "of-no-member" }}]

[[package]]
name = "of-no-member"
version = "1"
"""
UV_SCRIPT = f"""version = 1

[manifest]
requirements = [{{ name = "numpy" }}]
{PIP_PACKAGE}{PIP_PACKAGE.replace("numpy", "scipy")}"""
PYLOCK_MORE = f"""lock-version = "1.0"
requires-python = ">=3.11"
environments = ["sys_platform == 'linux'", "sys_platform == 'win32'"]

[[packages]]
name = "Tool_One"
version = "1.0"
index = "https://i.example/simple"
marker = "'docs' in extras and sys_platform != 'win32'"
dependencies = [{{ name = "two" }}, {{ name = "absent" }}]
wheels = [{{ path = "wheels/tool_one-1.0-py3-none-any.whl", hashes = {{}} }}]
sdist = {{ url = "{WHEELS}/tool_one-1.0.tar.gz", hashes = {{ sha256 = "{SHA}" }} }}

[[packages]]
name = "two"
version = "2"
archive = {{ url = "{WHEELS}/two-2.zip", hashes = {{ sha256 = "{SHA}" }} }}

[[packages]]
name = "three"
version = "3"
marker = "python_version >= '3.11'"
sdist = {{ path = "three-3.tar.gz", hashes = {{}} }}

[[packages]]
name = "four"
vcs = {{ type = "hg", path = "../four", commit-id = "12" }}

[[packages]]
name = "five"
directory = {{ path = "./five" }}
"""
CASES: Mapping[str, tuple[str, str]] = {
    # explicit
    "explicit: every hash, and a platform in the comment": ("e.txt", f"# platform: osx-64\n@EXPLICIT\n{CHANNEL}/noarch/a-b-1.0-0.tar.bz2#{MD5}\n{CHANNEL}/osx-64/c-1.0-h1_2.conda#{SHA}\n{CHANNEL}/osx-64/d-1-0.conda#sha256:{SHA}\n{CHANNEL}/osx-64/e-1-0.conda\n# pip x @ {WHEEL}#sha256={SHA}\n#pip y @ https://h.example/y.zip\n"),
    "explicit: the platform of the first package that has one": ("e.txt", f"@EXPLICIT\n{CHANNEL}/noarch/a-1-0.conda\nx/linux-aarch64/y/b-1-0.conda\n{CHANNEL}/win-64/c-1-0.conda\n"),
    "explicit: no package for one platform": ("e.txt", "@EXPLICIT\nh/c/noarch/a-1-0.conda\n"),
    "explicit: too few folders for a url": ("e.txt", "@EXPLICIT\nc/noarch/a-1-0.conda\n"),
    "explicit: a file that is no package": ("e.txt", f"@EXPLICIT\n{CHANNEL}/noarch/a-1.conda#a-b\n"),
    "explicit: the word in a comment": ("e.txt", "# see @EXPLICIT\nnumpy==1.0\n"),
    # conda list
    "list: names alone": ("l.json", '[{"name": "Some_Name", "version": 1}]'),
    "list: builds and platforms under either name": ("l.json", '[{"name": "a", "version": "1", "build": "b_0", "platform": "pypi"}, {"name": "b", "version": "1", "build_string": "c_0", "build": "other", "platform": "noarch"}, {"name": "C_c", "version": "1", "build": "x", "build_string": "pypi_0"}, {"name": "D_d", "version": "1", "channel": "pypi", "build": "y", "platform": "win-64"}]'),
    "list: a row without a name": ("l.json", '[{"name": "a", "version": "1"}, {"version": "1"}]'),
    "list: nothing": ("l.json", "[]"),
    "list: not JSON": ("l.json", '[\n{"name": }]'),
    "list: an endless number": ("l.json", f'[{{"name": {"9" * 5000}}}]'),
    "list: nested without end": ("l.json", DEEP),
    "export: what conda and what pip installed": ("x.txt", "# platform: win-64\n\nA_a=1.0=h1_0\nB_b=2=pypi_0\n"),
    "export: without a platform": ("x.txt", "a=1=0\n"),
    "export: a line of another kind": ("x.txt", "a=1=0\nb\n"),
    # uv.lock
    "uv: extras that exclude each other": ("uv.lock", UV),
    "uv: a project with groups, forks and sources of every kind": ("uv.lock", UV_PROJECT),
    "uv: what a script requires": ("uv.lock", UV_SCRIPT),
    "uv: no project": ("uv.lock", f"version = 1\n{PIP_PACKAGE}"),
    "uv: tables in another spelling have no line": ("uv.lock", f"version = 1\n#\n[[package]]\n{PIP_PACKAGE.partition(']]')[2]}\n [[package]]\nname = 'second'\n"),
    "uv: another version": ("uv.lock", f"version = 2\n{PIP_PACKAGE}"),
    "uv: a package without a name": ("uv.lock", "version = 1\n\n[[package]]\nversion = '1'\n"),
    "uv: not TOML, at a place": ("uv.lock", "version = 1\n[[package]]\nname 'x'\n"),
    "uv: not TOML, at its end": ("uv.lock", "version = 1\n[[package]]\nname = [\n"),
    "uv: nested without end": ("uv.lock", f"version = 1\nx = {DEEP}\n[[package]]\n"),
    **{f"uv: {kind} for a text": ("uv.lock", f"version = 1\n[[package]]\nname = {value}\n") for kind, value in (("a list", "[]"), ("a table", "{}"), ("a truth value", "true"), ("a whole number", "1"), ("a number", "1.5"), ("a date", "1979-05-27"))},
    "uv: a text for a list": ("uv.lock", "version = 1\n[[package]]\nname = 'x'\nwheels = 'y'\n"),
    "uv: a text for a table": ("uv.lock", "version = 1\n[[package]]\nname = 'x'\nwheels = ['y']\n"),
    "uv: numbers for texts": ("uv.lock", "version = 1\n[[package]]\nname = 'x'\nresolution-markers = [5]\n"),
    # pylock.toml
    "pylock: for one platform": ("pylock.toml", PYLOCK),
    "pylock: environments, markers and sources of every kind": ("pylock.toml", PYLOCK_MORE),
    "pylock: nothing tells platforms apart": ("pylock.toml", 'lock-version = "1.0"\n[[packages]]\nname = "x"\nversion = "1"\n'),
    "pylock: tables in another spelling have no line": ("pylock.toml", 'lock-version = "1.0"\n\n[[packages]]\nname = "x"\nversion = "1"\n [[packages]]\nname = "y"\n'),
    "pylock: another version": ("pylock.toml", 'lock-version = "2.0"\n'),
    "pylock: a package without a name": ("pylock.toml", 'lock-version = "1.0"\n[[packages]]\nversion = "1"\n'),
    "pylock: the word alone": ("x.txt", "lock-version\n"),
    # requirements.txt
    "requirements: hashes, comments, continued lines": ("r.txt", f"# by pip-compile with Python 3.11\n--index-url https://i.example/simple/\n-f ./wheels/\na==1.0 \\\n    --hash=md5:{MD5} \\\n    --hash=sha256:{SHA}\n    # via\n    #   b\n    #   c (from d)\nB==2 ; python_version < '3.12' --hash=sha256:{SHA}  # via c\nc[x] === 3 --hash sha256:{SHA}\n# a comment\n"),
    "requirements: what it does not list": ("r.txt", "--index-url https://i.example/s\n-r other.txt\na==1.0\n"),
    "requirements: what it does not list, whatever follows": ("r.txt", f"-r other.txt\n-i https://i.example/s\na==1.0 --hash=sha256:{SHA}\n"),
    "requirements: the Python that it was made for": ("r.txt", "# by pip-compile with Python 3.11\na==1 ; sys_platform == 'win32'\nb==1 ; python_version < '3.12'\n"),
    "requirements: two lines that go on to the end": ("r.txt", "a \\\n==1 \\\n"),
    "requirements: a folder and the url of a wheel": ("r.txt", f"./folder\n{WHEEL}\nb-1-py3-none-any.whl\na==1.0\n"),
    "requirements: urls of wheels and of sources": ("r.txt", "a @ https://h.example/a-1.0%2Bcu1-py3-none-any.whl#sha256=1\nb @ https://h.example/b-1-2-3.zip\nc @ https://h.example/c-1.whl\nd==1.*\ne>=1\n"),
    "requirements: markers of platforms": ("r.txt", "a==1 ; sys_platform == 'linux'\n    # via b\nb==1 ; platform_machine == 'AMD64' and python_version > '3.11'\nc==1 ; python_version < '3.12'\n"),
    "requirements: a line that goes on to its end": ("r.txt", "a==1 \\\n"),
    "requirements: a comment that ends in a backslash": ("r.txt", "# x \\\na==1\n"),
    "requirements: not a requirement": ("r.txt", "a==1\nb==1 1.1\n"),
    "requirements: nothing is pinned": ("r.txt", "a\n"),
    "requirements: an editable project": ("r.txt", f"-e .\n--editable ./x\na==1 --hash=sha256:{SHA}\n"),
    # environment files
    "environment: what conda exports": ("environment.yml", "name: e\nchannels: [conda-forge, defaults]\ndependencies: [a=1.0=h1_0, c::B=2=0]\nprefix: /x\n"),
    "environment: specs of every kind": ("environment.yml", "dependencies:\n- a\n- b =1.2\n- c ==1.2\n- d 1.2.*\n- e >=1,<2\n- f=1.2=*_0\n- g=*=cpu*\n- h >=1 cuda*\n- \"i[version='=1.2.*', build=cpu*]\"\n- 'j[channel=x]'\n- k 1.2 h1_0\n"),
    "environment: pip": ("environment.yml", "name: [x]\ndependencies:\n- pip:\n  - -i https://i.example/simple/\n  - a==1  # why\n  - -e .\n  - ./b\n  - c @ https://h.example/c-1.0-py3-none-any.whl\n  - d>=1 ; python_version > '3'\n"),
    "environment: lines for one platform": ("environment.yml", "platforms: [linux-64, win-64]\ndependencies: &d\n- a=1\n- b=1  # [linux64]\n- c=1  # [win64]\n"),
    "environment: a pattern in place of a build": ("environment.yml", "dependencies: [a=1=h_0, b=1=*_0]\n"),
    "environment: an alias, for each platform": ("environment.yml", "platforms: [linux-64, win-64]\nx: &l [a=1]\ndependencies: *l\n"),
    "environment: nothing in a list": ("environment.yml", "channels:\ndependencies: ~\n"),
    "environment: an empty list": ("environment.yml", "dependencies:\n"),
    "environment: no list": ("environment.yml", "dependencies: 5\n"),
    "environment: no list of platforms": ("environment.yml", "platforms: linux-64\ndependencies: [a=1]\n"),
    "environment: a list in a list": ("environment.yml", "dependencies: [[a]]\n"),
    "environment: a list of pip in its list": ("environment.yml", "dependencies: [{pip: [[a]]}]\n"),
    "environment: pip with a word": ("environment.yml", "dependencies: [{pip: 5}]\n"),
    "environment: not a spec": ("environment.yml", "dependencies: ['!x']\n"),
    "environment: a lock beside it": ("environment.yml", "version: 1\ndependencies: [a=1]\n"),
    # what is not read
    "not read: the lock of Poetry by its name": ("poetry.lock", ""),
    "not read: the lock of PDM by its text": ("x.lock", "# This file is @generated by PDM.\n"),
    "not read: a manifest of pixi by its text": ("x.toml", 'name = "x"\n[workspace]\n'),
    "not read: a text that has it not at its beginning": ("x.yml", "a: 1\nlockfileVersion: 1\n"),
    "not read: JSON": ("x.json", ' {"a": 1}'),
    "not read: a recipe": ("meta.yaml", ""),
    "not read: nothing": ("x.txt", ""),
    # conda-lock.yml
    "conda-lock: another version": ("conda-lock.yml", "version: 2\npackage: []\n"),
    "conda-lock: no package": ("conda-lock.yml", "version: 1\nmetadata: {channels: [{url: c}, d], platforms: [linux-64, osx-64]}\npackage: []\n"),
    "conda-lock: a list of dependencies, empty hashes, an alias": ("conda-lock.yml", f"version: 1\nmetadata:\n  channels: [{{url: c}}, d]\n  platforms: &p [linux-64]\npackage:\n- name: a\n  version: '1'\n  manager: conda\n  platform: linux-64\n  dependencies: [b >=1, c]\n  url: {TORCH}\n  hash: {{md5: ~, sha256: {SHA}}}\n- name: b\n  version: '1'\n  manager: pip\n  platform: linux-64\n  dependencies: ~\n  url: {WHEEL}\n  hash: {{md5: {MD5}, sha256: null}}\n"),
    "conda-lock: a package without a list": ("conda-lock.yml", "version: 1\npackage: 5\n"),
    "conda-lock: nothing beside its version": ("conda-lock.yml", "version: 1\n"),
    "conda-lock: another manager": ("conda-lock.yml", "version: 1\npackage:\n- {name: a, version: '1', manager: npm, platform: x, url: u, hash: {}}\n"),
    "conda-lock: a list where a package belongs": ("conda-lock.yml", "version: 1\npackage: [[]]\n"),
    "conda-lock: a key without a text": ("conda-lock.yml", "version: 1\npackage:\n- {name: [a], version: '1', manager: conda, platform: x, url: u, hash: {}}\n"),
    # pixi.lock
    **{f"pixi: version {version}": ("pixi.lock", text.replace("VERSION", str(version))) for version, text in PIXI.items() if version in (1, 4, 6)},
    "pixi: version 7, a platform with virtual packages": ("pixi.lock", PIXI[7].replace("VERSION", "7").replace("- name: linux-64\n", "- name: server\n  subdir: linux-64\n  virtual-packages:\n  - __cuda=12\n  - __archspec=0=zen4\n").replace("      linux-64:", "      server:")),
    "pixi: two environments, one without packages": ("pixi.lock", PIXI[6].replace("VERSION", "6").replace("environments:\n", "environments:\n  another:\n    channels:\n    - url: https://h.example/c/\n    packages: {}\n", 1)),
    "pixi: a merge conflict": ("pixi.lock", "version: 6\n<<<<<<< HEAD\n"),
    "pixi: nested without end": ("pixi.lock", f"version: 6\nenvironments: {DEEP}"),
    "pixi: a list in a list in one line": ("pixi.lock", "version: 6\nenvironments:\n  " + "- " * 102 + "\n"),
    "pixi: nested without end in braces": ("pixi.lock", "version: 6\nenvironments: " + "{a: " * 60),
    "pixi: a wheel of a folder in an old version": ("pixi.lock", PIXI[1].replace("VERSION", "3").replace(WHEEL, "./einops-0.8.1-py3-none-any.whl")),
    "pixi: a value of another kind": ("pixi.lock", "version: 6\nenvironments: 5\npackages: []\n"),
    "pixi: a version that is not known": ("pixi.lock", "version: 99\nenvironments: {}\npackages: []\n"),
    "pixi: no environments": ("pixi.lock", "version: 6\npackages: []\n"),
    # texts that cannot be what they stand for
    "checked: the name of a machine": ("pixi.lock", PIXI[7].replace("VERSION", "7").replace("- name: linux-64\n", "- name: sérver１\n  subdir: linux-64\n  virtual-packages:\n  - __cuda=12\n").replace("      linux-64:", "      sérver１:")),
    "checked: a virtual package": ("pixi.lock", PIXI[7].replace("VERSION", "7").replace("- name: linux-64\n", "- name: server\n  subdir: linux-64\n  virtual-packages:\n  - __cuda=１\n").replace("      linux-64:", "      server:")),
    **{f"checked: {kind}": ("l.json", f'[{{"name": "a", "version": "1", "build": "0", "platform": "linux-64", {row}}}]') for kind, row in (("a name", '"name": "a b"'), ("a name of pip", '"name": "a b", "channel": "pypi"'), ("a name of pip with an escape", '"name": "a\\u001b", "channel": "pypi"'), ("a version", '"version": "1 2"'), ("a version with other digits", '"version": "１"'), ("a build", '"build": "a/b"'), ("a platform", '"platform": "a$b"'))},
    "checked: a version of pip": ("l.json", '[{"name": "a", "version": "1\\u001b", "channel": "pypi"}]'),
    "checked: an md5": ("e.txt", f"@EXPLICIT\n{CHANNEL}/noarch/a-1-0.conda#a\u200b\n"),
    "checked: the longest text": ("r.txt", f"a @ {WHEELS}/{'x' * (4000 - len(WHEELS) - 1)}\n"),
    "checked: a text that is longer": ("r.txt", f"a @ {WHEELS}/{'x' * (4001 - len(WHEELS) - 1)}\n"),
    "checked: letters of others": ("l.json", '[{"name": "ä", "version": "1", "channel": "pypi"}]'),
    "checked: a name of a wheel with a url": ("uv.lock", "version = 1\n[[package]]\nname = 'ä'\nwheels = [{url = 'https://h.example/x.whl'}]\n"),
    "checked: a hash": ("uv.lock", "version = 1\n[[package]]\nname = 'a'\nwheels = [{url = 'https://h.example/x.whl', hash = \"a\\u001b\"}]\n"),
    "checked: a url": ("uv.lock", "version = 1\n[[package]]\nname = 'a'\nwheels = [{url = 'https://[h/x.whl'}]\n"),
    "checked: the port of a url": ("uv.lock", "version = 1\n[[package]]\nname = 'a'\nwheels = [{url = 'https://h:x/x.whl'}]\n"),
    "checked: a dependency": ("conda-lock.yml", f"version: 1\npackage:\n- {{name: a, version: '1', manager: conda, platform: linux-64, url: {TORCH}, hash: {{}}, dependencies: [b １]}}\n"),
    "checked: a channel": ("conda-lock.yml", f"version: 1\nmetadata: {{channels: ['https://[c']}}\npackage:\n- {{name: a, version: '1', manager: conda, platform: linux-64, url: {TORCH}, hash: {{}}}}\n"),
    "checked: a channel with other digits": ("conda-lock.yml", f"version: 1\nmetadata: {{channels: [c１]}}\npackage:\n- {{name: a, version: '1', manager: conda, platform: linux-64, url: {TORCH}, hash: {{}}}}\n"),
    "checked: the name of an environment": ("environment.yml", "name: a１\ndependencies: [a=1]\n"),
    "checked: a name that would be a bad URL": ("environment.yml", "name: 'https://[a'\ndependencies: [a=1]\n"),
}  # fmt: skip


def package_line(package: LockedPackage) -> str:
    """All that a package says."""
    said = (package.name, package.version, package.build, package.platform, package.url)
    told = f"{package.manager} {' | '.join(said)} | {package.md5} {package.sha256}"
    more = (
        ("depends", package.depends),
        ("constrains", package.constrains),
        ("damaged", package.damaged),
        ("index", package.index),
    )
    return f"{package.at}: {told}{''.join(f' {key} {value}' for key, value in more if value)}".replace(SHA, "SHA").replace(
        MD5, "MD5"
    )


def lock_lines(lock: Lock) -> Iterator[str]:
    """All that a lock says."""
    flags = [name for name in ("linked", "hashed", "complete", "intact") if getattr(lock, name)]
    names = f"{lock.format!r} {lock.environment!r} {lock.machine!r} {dict(lock.promises)}"
    yield f"lock {lock.shown} {names}; {' '.join(flags)}; {lock.channels} {lock.declared} {lock.of_other_run}"
    yield from map(package_line, lock.packages)


def lines_of(folder: Path, name: str, text: str) -> list[str]:
    """What is read from a file, or the error about it."""
    path, found = folder / name, []
    path.write_text(text, encoding="utf-8")
    error = refused(lambda: found.extend(read_any(path, name)))
    if error:
        return [OF_LIBRARY.sub(r"\1 ...", f"error {error.where}: {error.what}"), f"hint: {error.hint}"]
    return [re.sub("x{50,}", lambda run: f"x * {len(run[0])}", line) for lock in found for line in lock_lines(lock)]


def test_the_file_has_all_cases(tmp_path: Path, update_golden: bool) -> None:
    if update_golden:
        told.write("formats.txt", {title: lines_of(tmp_path, *case) for title, case in CASES.items()})
    assert list(told.written("formats.txt")) == list(CASES)


@pytest.mark.parametrize("title", CASES)
def test_everything_is_read_as_it_was_written_down(title: str, tmp_path: Path) -> None:
    found = lines_of(tmp_path, *CASES[title])
    assert found
    assert found == told.written("formats.txt")[title]
