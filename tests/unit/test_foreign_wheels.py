"""What pip, uv and conda write about wheels, read into a Lock: requirements.txt, uv.lock, pylock.toml, environment files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from unit.small import real_matrix, refused

from envgen.formats.markers import holds, marker_of, oldest_python
from envgen.formats.reading import read_any
from envgen.formats.toml_text import parsed_toml, with_tables_in_one_line
from envgen.model.errors import BadInput
from envgen.model.packages import Lock
from envgen.model.platforms import PLATFORMS

SHA = "ab" * 32
UV = f"""version = 1
requires-python = ">=3.11"
conflicts = [[{{ package = "demo", extra = "cpu" }}, {{ package = "demo", extra = "gpu" }}]]

[[package]]
name = "demo"
version = "0.1"
source = {{ virtual = "." }}
dependencies = [
    {{ name = "numpy", version = "2.2.6", source = {{ registry = "https://index.example.org/simple" }}, marker = "python_full_version < '3.12'" }},
    {{ name = "numpy", version = "2.3.0", source = {{ registry = "https://index.example.org/simple" }}, marker = "python_full_version >= '3.12'" }},
]

[package.optional-dependencies]
cpu = [{{ name = "torch", version = "2.8.0+cpu", marker = "extra == 'extra-4-demo-cpu'" }}]
gpu = [{{ name = "torch", version = "2.8.0+cu128", marker = "sys_platform == 'linux' and extra == 'extra-4-demo-gpu'" }}]

[[package]]
name = "numpy"
version = "2.2.6"
source = {{ registry = "https://index.example.org/simple" }}
wheels = [{{ url = "https://f.example/numpy-2.2.6-py3-none-any.whl", hash = "sha256:{SHA}" }}]

[[package]]
name = "numpy"
version = "2.3.0"
source = {{ registry = "https://index.example.org/simple" }}
wheels = [{{ url = "https://f.example/numpy-2.3.0-py3-none-any.whl", hash = "sha256:{SHA}" }}]

[[package]]
name = "torch"
version = "2.8.0+cpu"
source = {{ registry = "https://download.pytorch.org/whl/cpu" }}
wheels = [{{ url = "https://f.example/torch-2.8.0%2Bcpu-cp311-cp311-win_amd64.whl", hash = "sha256:{SHA}" }}]

[[package]]
name = "torch"
version = "2.8.0+cu128"
source = {{ registry = "https://download.pytorch.org/whl/cu128" }}
wheels = [{{ url = "https://f.example/torch-2.8.0%2Bcu128-cp311-cp311-manylinux_2_28_x86_64.whl", hash = "sha256:{SHA}" }}]
"""


def read(tmp_path: Path, name: str, text: str) -> tuple[Lock, ...]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_any(path, name, hardware=real_matrix().catalogue.wheels.extras)


def names(lock: Lock, platform: str) -> list[tuple[str, str]]:
    return [(package.name, package.version) for package in lock.packages if package.platform == platform]


# --- markers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marker", "platform", "expected"),
    [
        ("", "linux-64", True),
        ("sys_platform == 'linux'", "linux-64", True),
        ("sys_platform == 'linux'", "win-64", False),
        ("platform_machine == 'x86_64' and platform_system == 'Linux'", "linux-aarch64", False),
        ("platform_machine == 'AMD64'", "win-64", True),
        ("python_version < '3.8'", "linux-64", False),
        ("extra == 'x'", "linux-64", False),
        ("extra != 'x'", "linux-64", True),
        ("no marker at all", "linux-64", True),
    ],
)
def test_a_marker_is_judged_for_a_platform_and_not_for_this_machine(marker: str, platform: str, expected: bool) -> None:
    assert holds(marker, platform) is expected


def test_several_extras_hold_at_once() -> None:
    marker = "extra == 'a' and extra == 'b' and extra != 'c'"
    assert holds(marker, "linux-64", extras={"a", "b"})
    assert not holds(marker, "linux-64", extras={"a", "b", "c"})


@pytest.mark.parametrize(
    ("versions", "expected"), [(">=3.10", "3.10"), (">=3.11,<3.13", "3.11"), (">3.10.2", "3.10"), ("x", "3.12")]
)
def test_the_oldest_python_of_a_range(versions: str, expected: str) -> None:
    assert oldest_python(versions) == expected


# --- TOML -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a = {\n  b = 1,  # one\n}\nc = 2\n", {"a": {"b": 1}, "c": 2}),
        ('a = [{ b = "}#,\\"",\n},\n  { c = [\n1,\n] }]\n', {"a": [{"b": '}#,"'}, {"c": [1]}]}),
        ("a = { b = { c = '# {', },\n }\n[d]\ne = {}\n", {"a": {"b": {"c": "# {"}}, "d": {"e": {}}}),
        ("a = { b = \"\"\"\n{\n\"\"\",\n c = '''x}''' }\n", {"a": {"b": "{\n", "c": "x}"}}),
    ],
)
def test_tables_of_toml_1_1_may_have_several_lines(text: str, data: object) -> None:
    assert parsed_toml(text, "pixi.toml", "") == data
    assert len(with_tables_in_one_line(text).splitlines()) == len(text.splitlines())


@pytest.mark.parametrize(("text", "place"), [("a = {\n b = 1,\n}\nc = \n", "p.toml:4:5"), ("a = 1\nb = [{ c }]\n", "p.toml:2:10")])
def test_a_text_that_is_no_toml_either_way_is_refused_where_its_fault_is(text: str, place: str) -> None:
    error = refused(lambda: parsed_toml(text, "p.toml", ""))
    assert error and str(error.where) == place


# --- uv.lock --------------------------------------------------------------------------------------------------------------


def test_extras_that_exclude_each_other_are_locks_of_their_own(tmp_path: Path) -> None:
    base, cpu, gpu = read(tmp_path, "uv.lock", UV)
    assert [lock.environment for lock in (base, cpu, gpu)] == ["", "cpu", "gpu"]
    assert names(base, "linux-64") == [("numpy", "2.2.6")]  # for Python 3.11, the oldest
    assert names(cpu, "win-64") == [("numpy", "2.2.6"), ("torch", "2.8.0+cpu")]
    assert names(gpu, "linux-64") == [("numpy", "2.2.6"), ("torch", "2.8.0+cu128")]
    assert names(gpu, "win-64") == [("numpy", "2.2.6")]
    torch = gpu.packages[1]
    last = max(number for number, line in enumerate(UV.splitlines(), 1) if line == "[[package]]")
    assert (torch.sha256, torch.index, str(torch.at)) == (SHA, "https://download.pytorch.org/whl/cu128", f"uv.lock:{last}:1")


def project(needs: str, *packages: tuple[str, str], extras: str = "") -> str:
    """A uv.lock of a project that needs some packages, each of which has one file; `extras` are lines of TOML."""
    tables = [
        f'version = 1\nrequires-python = ">=3.12"\n\n[[package]]\nname = "demo"\nsource = {{ virtual = "." }}\ndependencies = [{needs}]'
    ]
    tables += [f"[package.optional-dependencies]\n{extras}"] if extras else []
    tables += [
        f'[[package]]\nname = "{name}"\nversion = "1.0"\nwheels = [{{ url = "https://f.example/{wheel}" }}]'
        for name, wheel in packages
    ]
    return "\n\n".join(tables)


def test_a_lock_is_read_for_the_platforms_on_which_it_can_be_installed(tmp_path: Path) -> None:
    plugin = ("plugin", "plugin-1.0-cp312-cp312-manylinux_2_28_x86_64.whl")
    text = project('{ name = "tool" }, { name = "plugin" }', ("tool", "tool-1.0-py3-none-any.whl"), plugin)
    (lock,) = read(tmp_path, "uv.lock", text)
    assert lock.platforms == ("linux-64",)


def test_a_lock_that_fits_no_platform_is_read_for_all(tmp_path: Path) -> None:
    (lock,) = read(tmp_path, "uv.lock", project('{ name = "old" }', ("old", "old-1.0-cp312-cp312-win32.whl")))
    assert set(lock.platforms) == {"linux-64", "linux-aarch64", "osx-arm64", "win-64"}


def test_what_an_extra_needs_without_a_file_for_a_platform_leaves_the_platform(tmp_path: Path) -> None:
    tool, speed = ("tool", "tool-1.0-py3-none-any.whl"), ("speed", "speed-1.0-cp312-cp312-macosx_11_0_arm64.whl")
    text = project('{ name = "tool" }', tool, ("part", "part-1.0-py3-none-any.whl"), speed, extras='fast = [{ name = "speed" }]')
    (lock,) = read(tmp_path, "uv.lock", f'{text}\ndependencies = [{{ name = "part" }}]\n')
    assert names(lock, "osx-arm64") == [("tool", "1.0"), ("speed", "1.0"), ("part", "1.0")]
    assert names(lock, "win-64") == [("tool", "1.0")]


@pytest.mark.parametrize(
    ("extra", "alone"),
    [("gpu", True), ("cu126", True), ("torch-cuda12", True), ("cuda12x", True), ("runtime_directml", True), ("rocm6.2", True)]
    + [("docs", False), ("cutlass", False), ("custom", False), ("cpus", False), ("tpub", False), ("metallic", False)],
)
def test_extras_for_one_kind_of_hardware_exclude_each_other(extra: str, alone: bool, tmp_path: Path) -> None:
    tool, chip = ("tool", "tool-1.0-py3-none-any.whl"), ("chip", "chip-1.0-py3-none-any.whl")
    found = read(tmp_path, "uv.lock", project('{ name = "tool" }', tool, chip, extras=f'"{extra}" = [{{ name = "chip" }}]'))
    assert [lock.environment for lock in found] == (["", extra] if alone else [""])
    assert names(found[0], "linux-64") == [("tool", "1.0"), *([] if alone else [("chip", "1.0")])]
    assert names(found[-1], "linux-64") == [("tool", "1.0"), ("chip", "1.0")]


# --- pylock.toml ----------------------------------------------------------------------------------------------------------

PYLOCK = f"""lock-version = "1.0"
created-by = "pip"

[[packages]]
name = "Torch"
version = "2.8.0"
wheels = [{{ url = "https://f.example/torch-2.8.0-cp312-cp312-win_amd64.whl", hashes = {{ sha256 = "{SHA}" }} }}]

[[packages]]
name = "mine"
vcs = {{ type = "git", url = "https://g.example/mine.git", commit-id = "0106aced5faa299e6ede89d1230bd6784f2c3660" }}
"""


def test_a_pylock_for_one_platform_is_read_for_that_one(tmp_path: Path) -> None:
    (lock,) = read(tmp_path, "pylock.toml", PYLOCK)
    assert [(p.name, p.version, p.platform) for p in lock.packages] == [("torch", "2.8.0", "win-64"), ("mine", "", "win-64")]
    assert lock.packages[1].url == "git+https://g.example/mine.git@0106aced5faa299e6ede89d1230bd6784f2c3660"


# --- requirements.txt -----------------------------------------------------------------------------------------------------


def test_requirements_have_hashes_indexes_and_what_brought_them(tmp_path: Path) -> None:
    text = f"""-i https://download.pytorch.org/whl/cpu
Jax_cuda12.plugin==0.7.2 \\
    --hash=sha256:{SHA}
    # via jax
jax[cuda12]==0.7.2 \\
    --hash=sha256:{SHA}
    # via -r requirements.in
"""
    (lock,) = read(tmp_path, "requirements.txt", text)
    plugin, jax = lock.packages
    assert (plugin.name, plugin.version, plugin.platform, plugin.sha256) == ("jax-cuda12-plugin", "0.7.2", "noarch", SHA)
    assert (jax.depends, jax.index, jax.at and jax.at.line) == (("jax-cuda12-plugin",), "https://download.pytorch.org/whl/cpu", 5)
    assert lock.complete


def test_markers_of_platforms_give_a_cell_for_each(tmp_path: Path) -> None:
    text = (
        "torch==2.7.1\nnvidia-cublas-cu12==12.6.4.1 ; sys_platform == 'linux' and platform_machine == 'x86_64'\n    # via torch\n"
    )
    (lock,) = read(tmp_path, "requirements.txt", text)
    assert [len(names(lock, platform)) for platform in lock.platforms] == [2, 1, 1, 1]
    assert not lock.complete  # without hashes more may be installed


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-gpu.txt", "dev-requirements.in"])
def test_a_file_that_is_named_as_requirements_need_not_pin_any(tmp_path: Path, name: str) -> None:
    (lock,) = read(tmp_path, name, "# of the model\ntensorflow-gpu  # with CUDA\n\nnumpy>=2\n")
    assert [(p.name, p.version, p.asked) for p in lock.packages] == [
        ("tensorflow-gpu", "", "tensorflow-gpu"),
        ("numpy", "", "numpy>=2"),
    ]
    assert not lock.complete


@pytest.mark.parametrize(
    ("name", "text"), [("notes.txt", "numpy\n"), ("requirements.txt", "# none\n"), ("requirements.txt", "we need numpy\n")]
)
def test_any_other_text_without_a_pin_is_no_list_of_requirements(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(BadInput, match="not a lock|this file is empty"):
        read(tmp_path, name, text)


# --- environment files ----------------------------------------------------------------------------------------------------


def test_an_environment_file_has_versions_and_builds_as_far_as_they_are_pinned(tmp_path: Path) -> None:
    text = """name: demo
dependencies:
  - pytorch::pytorch=2.5.1=py3.12_cuda12.4_cudnn9.1.0_0
  - numpy =1.26
  - pandas >=2,<3
  - jaxlib=*=*cuda*
  - "pytorch[version='2.7.*', build='cuda*']"
  - scipy==1.14.0
  - pip:
    - --extra-index-url https://download.pytorch.org/whl/cu126
    - torch==2.7.1
    - ./local
"""
    (lock,) = read(tmp_path, "environment.yml", text)
    assert [(p.manager, p.name, p.version, p.build) for p in lock.packages] == [
        ("conda", "pytorch", "2.5.1", "py3.12_cuda12.4_cudnn9.1.0_0"),
        ("conda", "numpy", "1.26", ""),
        ("conda", "pandas", "", ""),
        ("conda", "jaxlib", "", "*cuda*"),
        ("conda", "pytorch", "2.7", "cuda*"),
        ("conda", "scipy", "1.14.0", ""),
        ("pip", "torch", "2.7.1", ""),
    ]
    assert lock.packages[-1].index == "https://download.pytorch.org/whl/cu126"
    assert (lock.complete, lock.linked, lock.hashed) == (False, False, False)


def test_what_an_environment_file_asks_twice_of_a_package_is_joined(tmp_path: Path) -> None:
    lines = [
        "imageio[ffmpeg]",
        "imageio=2.19",
        "imageio",
        "numpy=1.26",
        "numpy=1.26=py312_0",
        "zlib=1.2",
        "zlib=1.3",
        {"pip": ["a", "a==1", "a==1", "imageio"]},
    ]
    (lock,) = read(tmp_path, "environment.yml", f"name: demo\ndependencies: {json.dumps(lines)}\n")
    assert [(p.manager, p.name, p.version, p.build) for p in lock.packages] == [
        ("conda", "imageio", "2.19", ""),
        ("conda", "numpy", "1.26", "py312_0"),
        ("conda", "zlib", "1.2", ""),
        ("conda", "zlib", "1.3", ""),  # which no solve can meet
        ("pip", "a", "1", ""),
        ("pip", "imageio", "", ""),
    ]


# --- what is not read, and what is broken ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("poetry.lock", '[[package]]\nname = "x"\n', "a lock of Poetry"),
        ("Pipfile.lock", "{}", "a lock of Pipenv"),
        ("pixi.toml", '[workspace]\nname = "x"\n', "the manifest of a pixi workspace"),
        ("package-lock.json", '{"lockfileVersion": 3}', "a lock of npm"),
        ("pdm.lock", "", "a lock of PDM"),
        ("Cargo.lock", "version = 4\n[[package]]\n", "a lock of Cargo"),
        ("other.lock", "# This file is automatically @generated by Poetry 1.8.3\n", "a lock of Poetry"),
        ("lock.json", '{"lockVersion": "1.0.2", "platform": "linux-64", "packages": {}}', "a lock of mamba in JSON"),
        ("any.json", '{"a": 1}', "JSON of an unknown kind"),
        ("pyproject.toml", '[project]\nname = "x"\n', "a project's metadata"),
    ],
)
def test_what_is_not_read_is_named_with_what_to_do(name: str, text: str, what: str, tmp_path: Path) -> None:
    error = refused(lambda: read(tmp_path, name, text))
    assert error is not None and str(error).startswith(f"{name}:1:1: {what}")
    assert error.hint and "delete" not in error.hint


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.lock", "version = 1\n[[package]]\nname = 5\n"),
        ("uv.lock", "version = 9\n[[package]]\nname = 'x'\n"),
        ("uv.lock", "version = 1\n[[package]]\nversion = '1'\n"),
        ("uv.lock", "version = 1\n[[package]]\nname = 'x'\nwheels = 'y'\n"),
        ("uv.lock", "version = 1\nx = " + "[" * 200_000 + "\n[[package]]\n"),
        ("uv.lock", UV[:-60]),
        ("uv.lock", UV.replace("2.2.6", "2.2\\u001b[31m")),
        ("pylock.toml", 'lock-version = "2.0"\n'),
        ("pylock.toml", 'lock-version = "1.0"\npackages = 5\n'),
        ("pylock.toml", 'lock-version = "1.0"\n[[packages]]\nversion = "1"\n'),
        ("pylock.toml", 'lock-version = "1.0"\nx = ' + "9" * 5000 + "\n"),
        ("pylock.toml", 'lock-version = "1.0"\n'),
        ("requirements.txt", "numpy==1.0 ; " + "(" * 200_000 + "\n"),
        ("requirements.txt", "numpy==1.0\nscipy==1.0 1.1\n"),
        ("environment.yml", "dependencies: 5\n"),
        ("environment.yml", "dependencies: [[a]]\n"),
        ("environment.yml", "dependencies: " + "[" * 200_000),
        ("environment.yml", "dependencies:\n  - pip: 5\n"),
        ("environment.yml", "dependencies: []\n"),
        ("environment.yml", 'dependencies: ["a\\e[31m=1"]\n'),
    ],
)
def test_bad_input_is_refused_with_its_place(name: str, text: str, tmp_path: Path) -> None:
    error = refused(lambda: read(tmp_path, name, text))
    assert error is not None and str(error).startswith(name) and error.hint
    assert "\x1b" not in error.what


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_marker_of_a_platform_holds_there_alone(platform: str) -> None:
    assert [other for other in PLATFORMS if holds(marker_of(platform), other)] == [platform]
