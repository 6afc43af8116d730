"""The script that runs inside an environment, the journal it keeps, what an environment says of itself, and the report."""

from __future__ import annotations

import ast
import io
import json
import re
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from unit.small import real_matrix

from envgen.formats.prefix import read_prefix
from envgen.model.catalogue import Catalogue, KnownPackage, WheelMarks
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.machine import Machine
from envgen.probe import child, runner
from envgen.probe.environment import read_environment
from envgen.probe.interpreter import of_prefix
from envgen.probe.journal import cuda_version, cudnn_version, read
from envgen.probe.location import origin
from envgen.probe.model import (
    Answer,
    Device,
    Expectation,
    InstalledEnvironment,
    LaunchEnvironment,
    ProbeResult,
    ProcessResult,
)
from envgen.probe.report import probe_json, probe_lines
from envgen.probe.verdict import evaluate
from envgen.verify.check import inferred

PACKAGE = Path(child.__file__).parent
SCRIPTS = sorted((PACKAGE / "scripts").glob("*.py"))
ENDED = ProcessResult(0)
KNOWN = real_matrix().catalogue


# --- inside ---------------------------------------------------------------------------------------------------------------

MAPS = """\
55d0c0a00000-55d0c0a01000 r--p 00000000 08:01 131 /env/bin/python3.12
7f0000000000-7f0000001000 rw-p 00000000 00:00 0
7f0000001000-7f0000002000 r--p 00000000 08:01 132                        /env/lib/libcudart.so.12.6.77
7f0000002000-7f0000003000 r-xp 00001000 08:01 132                        /env/lib/libcudart.so.12.6.77
7f0000003000-7f0000004000 r-xp 00001000 08:01 133                        /a folder/with spaces/libcublasLt.so.12
7f0000004000-7f0000005000 r-xp 00001000 08:01 134                        /old/libcudnn.so.8 (deleted)
7f0000005000-7f0000006000 r-xp 00001000 08:01 135                        /env/lib/libcudnn_ops_infer.so.8
7f0000006000-7f0000007000 r-xp 00001000 08:01 136                        /usr/lib/libcuda.so.560.35.03
7f0000007000-7f0000008000 r-xp 00001000 08:01 137                        /env/site/torch/lib/libcudart-d0da41ae.so.11.0
7f0000008000-7f0000009000 r-xp 00001000 08:01 138                        /env/lib/libnvrtc-builtins.so.12.6
7f0000009000-7f000000a000 r-xp 00001000 08:01 139                        /env/lib/libcurl.so.4
7f000000a000-7f000000b000 r-xp 00001000 08:01 140                        /env/lib/libtorch_cuda.so
7f000000b000-7f000000c000 r-xp 00001000 08:01 141                        /env/lib/libnccl.so.2
7f000000c000-7f000000d000 rw-p 00000000 00:00 0                          [stack]
"""


def libraries(maps: str) -> list[str]:
    """The CUDA libraries that envgen sees in a process with these maps."""
    journal = json.dumps({"libraries": child.shared_libraries(maps)})
    return [library.path for library in told(journal).libraries]


def told(journal: str, result: ProcessResult = ENDED) -> Answer:
    """A journal as the answer of a framework whose files all lie in its environment."""
    return read("pytorch", journal, result, KNOWN, lambda _: "environment")


def test_the_cuda_libraries_are_found_in_the_maps_of_a_process() -> None:
    assert libraries(MAPS) == [
        "/env/lib/libcudart.so.12.6.77",
        "/a folder/with spaces/libcublasLt.so.12",
        "/old/libcudnn.so.8",
        "/env/lib/libcudnn_ops_infer.so.8",
        "/usr/lib/libcuda.so.560.35.03",
        "/env/site/torch/lib/libcudart-d0da41ae.so.11.0",
        "/env/lib/libnvrtc-builtins.so.12.6",
        "/env/lib/libnccl.so.2",
    ]


@pytest.mark.parametrize(
    "name",
    "libcufft.so.11 libcusparse.so.12 libcusparseLt.so.0 libcusolver.so.11 libcurand.so.10 libcupti.so.12 libnvJitLink.so.12 "
    "libnvidia-ml.so.1 libnvidia-ptxjitcompiler.so.560 libcufile.so.0 libcutensor.so.2 libnvToolsExt.so.1 libcuda.so".split(),
)
def test_a_library_of_cuda_is_known_by_its_name(name: str) -> None:
    assert libraries(f"1-2 r-xp 0 08:01 1 /x/{name}\n") == [f"/x/{name}"]


@given(st.text() | st.text("/ \t\nabco.sudl12()"))
def test_no_text_upsets_the_parser_of_maps(text: str) -> None:
    assert all(isinstance(path, str) for path in child.shared_libraries(text))


@pytest.mark.parametrize("path", [PACKAGE / "child.py", *SCRIPTS], ids=lambda path: path.name)
def test_what_runs_in_the_environment_is_python_3_6_and_needs_nothing(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 6))
    imported = {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= set(sys.stdlib_module_names)
    assert "annotations" not in source  # from __future__ import annotations came with 3.7
    assert not re.search(r"removesuffix|removeprefix|math\.prod|capture_output", source)


def test_no_module_beside_the_child_hides_one_of_the_standard_library() -> None:
    """Python puts the folder of a script first on its path; until `main` takes it out again, the script imports from there."""
    assert not {path.stem for path in PACKAGE.glob("*.py")} & set(sys.stdlib_module_names)


class Script:
    """A probe script whose first step fails."""

    @staticmethod
    def build(_: object) -> dict[str, object]:
        raise SystemExit(3)

    @staticmethod
    def name(module: ModuleType) -> dict[str, object]:
        return {"version": module.__name__}

    STEPS = (build, name)


def probed(name: str, script: object) -> Answer:
    file = io.StringIO()
    child.probe(name, script, child.Journal(file))
    return told(file.getvalue())


def test_a_step_that_fails_does_not_keep_the_next_from_running() -> None:
    answer = probed("json", Script)
    assert (answer.problems, answer.version, answer.done) == ((("build", "SystemExit: 3"),), "json", True)


def test_what_cannot_be_imported_is_asked_nothing() -> None:
    answer = probed("no_such_framework", Script)
    assert answer.problem("import") == "ModuleNotFoundError: No module named 'no_such_framework'"
    assert (answer.version, answer.done) == ("", True)


@pytest.mark.parametrize(
    ("computed", "ran_on", "agrees"),
    [
        (lambda rows: ("gpu", [product(rows)]), "gpu", True),
        (lambda rows: ("cpu", [product(rows), rows]), "cpu", False),
        (None, "", None),
    ],
)
def test_every_product_of_a_script_is_compared_with_the_exact_one(
    computed: Callable[[Matrix], object] | None, ran_on: str, agrees: bool | None
) -> None:
    script = SimpleNamespace(STEPS=(), matmul=lambda _, rows: computed(rows) if computed else None)
    answer = probed("json", script)
    assert (answer.ran_on, answer.agrees, answer.problems) == (ran_on, agrees, ())


def product(rows: list[list[float]]) -> list[list[float]]:
    return [[sum(a * b for a, b in zip(row, column)) for column in zip(*rows)] for row in rows]


@pytest.mark.parametrize("module", ["torch", "tensorflow", "jax", "cupy"])
def test_a_probe_script_is_found_by_import_name(module: str) -> None:
    (path,) = runner.script(module)
    script = child.load_script(path)
    assert [step.__name__ for step in script.STEPS][:2] == ["build", "devices"]
    assert callable(script.matmul)


@pytest.mark.parametrize("module", ["json", "__init__", "torch.nn", "../child", "TORCH" if sys.platform == "linux" else "x"])
def test_any_other_module_has_none(module: str) -> None:
    assert runner.script(module) == ()


def module(name: str, version: object = None) -> ModuleType:
    made = ModuleType(name)
    if version is not None:
        made.__version__ = version  # type: ignore[attr-defined]
    return made


@pytest.mark.parametrize(
    ("found", "version"),
    [
        (module("anything", "1.2.3"), "1.2.3"),
        (module("yaml"), metadata.version("pyyaml")),  # the distribution has another name than the module
        (module("yaml.reader", (1, 2)), metadata.version("pyyaml")),
        (module("no_such_module"), ""),
    ],
    ids=["its own", "its distribution's", "not a text", "unknown"],
)
@pytest.mark.skipif(sys.version_info < (3, 10), reason="no map from modules to distributions")
def test_without_a_probe_script_the_version_is_the_modules_or_its_distributions(found: ModuleType, version: str) -> None:
    assert child.Generic.STEPS[0](found) == {"version": version}


# --- journal --------------------------------------------------------------------------------------------------------------


def test_a_journal_that_was_cut_off_keeps_what_it_says() -> None:
    journal = '{"step": "import"}\n{"version": "2.7.1", "cuda": null}\n{"step": "matmul"}\n{"ran_o'
    answer = told(journal, ProcessResult(-11))
    assert (answer.version, answer.build, answer.step, answer.done) == ("2.7.1", "cpu", "matmul", False)


def test_a_cpu_build_and_an_unknown_one_are_different() -> None:
    builds = [told(text).build for text in ('{"cuda": null}', '{"cuda": ""}', '{"cuda": "12.6"}', "{}")]
    assert builds == ["cpu", "cuda", "cuda", "unknown"]


def test_devices_without_a_capability_are_devices() -> None:
    journal = json.dumps(
        {
            "devices": [
                {"name": "T4", "capability": "7.5"},
                {"name": "x", "capability": ""},
                {"name": "y", "capability": [8, 6]},
                {"capability": [7]},
                3,
            ]
        }
    )
    assert told(journal).devices == (Device("T4", Version("7.5")), Device("x"), Device("y", Version("8.6")), Device(""))


@pytest.mark.parametrize(
    ("text", "cuda"),
    [
        ("12.6", "12.6"),
        ("12.5.1", "12.5"),
        ("64_112", "11.2"),
        ("12", "12"),
        ("12060", "12.6"),
        ("9020", "9.2"),
        ("", None),
        ("rocm", None),
    ],
)
def test_a_cuda_version_as_frameworks_write_it(text: str, cuda: str | None) -> None:
    assert cuda_version(text) == (Version(cuda) if cuda else None)


@pytest.mark.parametrize(
    ("text", "cudnn"),
    [("90100", "9.1.0"), ("91002", "9.10.2"), ("8902", "8.9.2"), ("7605", "7.6.5"), ("9", "9"), ("64_8", "8"), ("x", None)],
)
def test_a_cudnn_version_as_frameworks_write_it(text: str, cudnn: str | None) -> None:
    assert cudnn_version(text) == (Version(cudnn) if cudnn else None)


keys = st.sampled_from(
    "version cuda cudnn devices code libraries problem available agrees ran_on done step file companion settings".split()
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "capability"]), inner, max_size=2),
    max_leaves=6,
)
journals = st.lists(st.text() | st.dictionaries(keys, values, max_size=4).map(json.dumps), max_size=5).map("\n".join)


@given(journals)
def test_any_journal_is_read_and_can_be_printed(real: Matrix, journal: str) -> None:
    here = InstalledEnvironment(prefix=Path("/env"), target="", expected=None, frameworks={})
    probed = ProbeResult(here, Machine(), (evaluate(told(journal), here, Machine(), LaunchEnvironment(), real),))
    assert json.loads(probe_json(probed))["frameworks"][0]["framework"] == "pytorch"
    "\n".join(probe_lines(probed)).encode()


# --- environment ----------------------------------------------------------------------------------------------------------------


def prefix(folder: Path, *packages: str, pip: tuple[str, ...] = ()) -> Path:
    """A folder that looks like an environment: packages as `name-version-build`, distributions as `name-version`."""
    (folder / "conda-meta").mkdir(parents=True)
    interpreter = folder / ("python.exe" if sys.platform == "win32" else "bin/python")
    interpreter.parent.mkdir(exist_ok=True)
    interpreter.touch()
    for name in packages:
        record = dict(zip(("name", "version", "build"), name.rsplit("-", 2), strict=True), subdir="linux-64")
        (folder / "conda-meta" / f"{name}.json").write_text(json.dumps(record))
    for name in pip:
        info = folder / "lib" / "python3.12" / "site-packages" / f"{name}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: {}\nVersion: {}\n".format(*name.split("-")))
    return folder


@pytest.mark.parametrize(
    ("packages", "framework", "build", "cuda"),
    [
        ("pytorch-2.7.1-cuda126_mkl_py312_h1_300", "pytorch", "cuda", "12.6"),
        ("pytorch-2.7.1-cpu_generic_py312_h1_0", "pytorch", "cpu", None),
        ("pytorch-1.12.1-py3.10_cuda11.6_cudnn8.3.2_0", "pytorch", "cuda", "11.6"),
        ("pytorch-1.12.1-py3.10_cpu_0", "pytorch", "cpu", None),
        ("tensorflow-base-2.19.1-cuda128py312h1_201 tensorflow-2.19.1-cpu_0", "tensorflow", "cuda", "12.8"),
        ("tensorflow-2.4.1-gpu_py39h8236f22_0", "tensorflow", "cuda", None),  # the defaults channel
        ("tensorflow-2.4.1-mkl_py39h1_0", "tensorflow", "cpu", None),
        ("jaxlib-0.7.2-cuda129_py312h1_200 jax-0.7.2-pyhd8ed1ab_0", "jax", "cuda", "12.9"),
        ("cupy-core-13.6.0-py312h1_0 cuda-version-12.9-h1_3", "cupy", "cuda", "12"),
        ("pytorch-2.5.1-cuda_py312_h1_0 cuda-version-12.9-h1_3", "pytorch", "cuda", "12"),  # a newer minor may serve an older build
        ("pytorch-0.4.0-py36hdf912b8_0", "pytorch", "unknown", None),  # the defaults channel: both variants are called so
    ],
)
def test_a_build_string_says_what_a_conda_package_is_for(
    tmp_path: Path, packages: str, framework: str, build: str, cuda: str | None
) -> None:
    env = prefix(tmp_path / "env", *packages.split())
    found = read_environment(env, KNOWN).frameworks
    assert list(found) == [framework]
    assert (found[framework].expected.build, found[framework].expected.cuda) == (build, Version(cuda) if cuda else None)
    assert inferred(KNOWN, read_prefix(env, "env").packages).kind in (build, "mixed")  # which is what `verify` says


@pytest.mark.parametrize(
    ("pip", "framework", "build", "cuda"),
    [
        ("torch-2.7.1+cu126", "pytorch", "cuda", "12.6"),
        ("torch-2.7.1+cpu", "pytorch", "cpu", None),
        ("torch-2.7.1", "pytorch", "unknown", None),
        ("torch-2.7.1 nvidia_cudnn_cu12-9.5.1.17 nvidia_cuda_runtime_cu12-12.6.77", "pytorch", "cuda", "12.6"),
        ("torch-2.14.0 nvidia_cudnn_cu13-9.24.0.43", "pytorch", "cuda", "13"),
        ("tensorflow-2.19.0", "tensorflow", "unknown", None),
        ("tensorflow_cpu-2.19.0", "tensorflow", "cpu", None),
        ("tensorflow-2.19.0 nvidia_cudnn_cu12-9.3.0.75", "tensorflow", "cuda", "12"),
        ("jaxlib-0.7.2 jax-0.7.2", "jax", "cpu", None),
        ("jaxlib-0.7.2 jax_cuda12_plugin-0.7.2", "jax", "cuda", "12"),
        ("cupy_cuda12x-13.6.0", "cupy", "cuda", "12"),
    ],
)
def test_a_wheel_says_what_it_is_for_where_it_does(tmp_path: Path, pip: str, framework: str, build: str, cuda: str | None) -> None:
    found = read_environment(prefix(tmp_path / "env", pip=tuple(pip.split())), KNOWN).frameworks
    assert list(found) == [framework]
    assert (found[framework].expected.build, found[framework].expected.cuda) == (build, Version(cuda) if cuda else None)


def test_the_conda_package_speaks_where_both_are_there(tmp_path: Path) -> None:
    """conda's own packages have a dist-info, too."""
    env = prefix(tmp_path / "env", "pytorch-2.7.1-cpu_generic_py312_h1_0", pip=("torch-2.7.1",))
    assert read_environment(env, KNOWN).frameworks["pytorch"].package == "pytorch 2.7.1 cpu_generic_py312_h1_0"


def loom(**row: Any) -> Catalogue:
    """A catalogue with one framework, `loom`, and its one row."""
    rows = (KnownPackage(role="framework", framework="loom", **row),)
    wheels = WheelMarks(cpu_versions=("*+cpu",), cuda_versions=("*+cu{cu}",))
    return Catalogue(packages=rows, frameworks={"loom": "loom.core"}, wheels=wheels)


@pytest.mark.parametrize(
    ("build", "row", "expected"),
    [
        ("h0123456_0", {}, "unknown"),  # nothing says how its builds are told apart
        ("cpu_h0123456_0", {}, "cpu"),
        ("cuda126_h0123456_0", {}, "cuda"),
        ("h0123456_0", {"cuda_builds": ("gpu_*",)}, "unknown"),  # older CUDA builds may have no mark
        ("gpu_h0123456_0", {"cuda_builds": ("gpu_*",)}, "cuda"),
        ("h0123456_0", {"only": "cuda"}, "cuda"),
        ("h0123456_0", {"only": "cpu"}, "cpu"),
    ],
)
def test_a_framework_that_only_the_matrices_know_is_found_with_its_module_and_build(
    tmp_path: Path, build: str, row: dict[str, Any], expected: str
) -> None:
    (found,) = read_environment(prefix(tmp_path / "env", f"loom-1.0-{build}"), loom(conda=("loom",), **row)).frameworks.values()
    assert (found.framework, found.module, found.package) == ("loom", "loom.core", f"loom 1.0 {build}")
    assert found.expected.build == expected


@pytest.mark.parametrize(("pip", "expected"), [("loom-1.0", "unknown"), ("loom-1.0+cpu", "cpu"), ("loom-1.0+cu126", "cuda")])
def test_so_is_its_wheel(tmp_path: Path, pip: str, expected: str) -> None:
    (found,) = read_environment(prefix(tmp_path / "env", pip=(pip,)), loom(pip=("loom",))).frameworks.values()
    assert (found.package, found.expected.build) == (f"{pip.replace('-', ' ')} (pip)", expected)


def test_a_target_is_what_the_option_says_else_the_mark(tmp_path: Path) -> None:
    env = prefix(tmp_path / "env", "pytorch-2.7.1-cpu_generic_py312_h1_0")
    assert (read_environment(env, KNOWN).target, read_environment(env, KNOWN).expected) == ("", None)
    (env / "conda-meta" / "envgen").write_text('{"project": "vision", "target": "cu126", "lock": "x", "platform": "linux-64"}')
    assert read_environment(env, KNOWN).expected == Expectation(
        "cuda", cuda=Version("12.6"), because="target cu126 (conda-meta/envgen)"
    )
    assert read_environment(env, KNOWN, "cpu").expected == Expectation("cpu", because="target cpu (--target)")


@pytest.mark.parametrize("target", ["gpu", "cu", "cu1", "cuda126", "cu1260", "CPU", "cu12.6"])
def test_what_is_no_target_is_refused(tmp_path: Path, target: str) -> None:
    with pytest.raises(BadInput, match="is not a target"):
        read_environment(prefix(tmp_path / "env"), KNOWN, target)


@pytest.mark.parametrize("text", ["", "{", "[]", '"cpu"', "{}", '{"target": 3}', '{"target": null}', "\udce9"])
def test_a_mark_that_names_no_target_is_an_error_with_its_place(tmp_path: Path, text: str) -> None:
    env = prefix(tmp_path / "env")
    (env / "conda-meta" / "envgen").write_text(text, errors="surrogateescape")
    with pytest.raises(BadInput, match="the manifest does not name a target") as error:
        read_environment(env, KNOWN)
    assert str(error.value.where).endswith("envgen")


def test_what_is_no_environment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no conda-meta"):
        read_environment(tmp_path, KNOWN)
    (tmp_path / "conda-meta").mkdir()
    with pytest.raises(BadInput, match="this environment has no Python"):
        read_environment(tmp_path, KNOWN)


# --- where libraries are from ---------------------------------------------------------------------------------------------


def test_a_library_is_of_the_environment_also_where_its_package_is_linked_from_a_store(tmp_path: Path) -> None:
    env, store = tmp_path / "env", tmp_path / "store"
    (env / "lib").mkdir(parents=True)
    store.mkdir()
    (env / "conda-meta").mkdir()
    for name in ("libcudart.so.12.6.77", "libcublas.so.12"):
        (store / name).touch()
    (env / "lib" / "libcudart.so.12.6.77").symlink_to(store / "libcudart.so.12.6.77")
    (env / "lib" / "libcudart.so.12").symlink_to("libcudart.so.12.6.77")
    assert origin(str(store / "libcudart.so.12.6.77"), [env]) == "environment"
    assert origin(str(store / "libcublas.so.12"), [env]) == "foreign"


def test_an_environment_is_known_by_its_real_path_too(tmp_path: Path) -> None:
    (tmp_path / "real" / "lib").mkdir(parents=True)
    (tmp_path / "env").symlink_to(tmp_path / "real")
    for name in ("real", "env"):
        assert origin(f"{tmp_path}/{name}/lib/libcudart.so.12", [tmp_path / "env"]) == "environment"


def test_an_environment_below_another_is_another(tmp_path: Path) -> None:
    assert origin(str(tmp_path / "envs" / "other" / "lib" / "libcudart.so.12"), [tmp_path]) == "foreign"
    assert origin(str(tmp_path / "pkgs" / "cuda-cudart" / "libcudart.so.12"), [tmp_path]) == "environment"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/usr/lib/x86_64-linux-gnu/libcuda.so.560.35.03", "driver"),
        ("/usr/lib/wsl/lib/libcuda.so.1", "driver"),
        ("/usr/lib/libnvidia-ptxjitcompiler.so.1", "driver"),
        ("/usr/local/cuda/lib64/stubs/libcuda.so", "foreign"),
        ("/usr/local/cuda/lib64/libcudart.so.12", "foreign"),
    ],
)
def test_the_driver_is_always_from_outside_and_rightly_so(tmp_path: Path, path: str, expected: str) -> None:
    assert origin(path, [tmp_path]) == expected


def test_only_path_is_changed_in_what_a_framework_inherits(tmp_path: Path) -> None:
    before = {"PATH": "/usr/bin", "LD_LIBRARY_PATH": "/usr/local/cuda/lib64", "PYTHONPATH": "x"}
    after = runner.with_path(before, of_prefix(tmp_path).programs)
    assert after["PATH"].startswith(str(tmp_path)) and after["PATH"].endswith("/usr/bin")
    assert {**after, "PATH": ""} == {**before, "PATH": ""}


# --- docs -----------------------------------------------------------------------------------------------------------------


def test_every_rule_has_a_line_in_the_docs(repo: Path) -> None:
    sources = "".join(
        (PACKAGE / f"{name}.py").read_text(encoding="utf-8") for name in ("rules_no_answer", "rules_no_gpu", "rules_answer")
    )
    named = set(re.findall(r'rule(?:=|, text = )"([a-z-]+)"', sources))
    documented = set(re.findall(r"^\| `([a-z][a-z-]+)` \|", (repo / "docs" / "probe.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert len(named) > 20
    assert named == documented
