"""What is seen of a system, on machines made in a temporary folder; nothing on them can make the look fail."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from unit.machines import build, inspect, toolkit
from unit.nobody import as_nobody
from unit.small import examples

from envgen.machine import cuda_paths, toolkits
from envgen.machine.system import current_platform
from envgen.model.machine import System, SystemCuda

CPUINFO = "processor\t: 0\nflags\t\t: {}\nbugs\t\t:\n"
V2 = "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3"
V3 = f"{V2} avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"
V4 = f"{V3} avx512f avx512bw avx512cd avx512dq avx512vl"


def see(root: Path, files: Mapping[str, str], platform: str = "linux-64", **environ: str) -> System:
    return inspect(build(root, files), environ, platform)


# --- the system -------------------------------------------------------------------------------------------------------------


def test_an_empty_machine_has_nothing(tmp_path: Path) -> None:
    assert see(tmp_path, {}) == System(platform="linux-64")


@pytest.mark.parametrize("place", ["lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "lib64", "usr/lib64"])
def test_glibc_is_read_from_its_own_file(tmp_path: Path, place: str) -> None:
    banner = "\x7fELF...GNU C Library (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36.\nCopyright"
    assert see(tmp_path, {f"{place}/libc.so.6": banner}).glibc == Version("2.36")
    assert inspect(tmp_path, {}, "osx-arm64").glibc is None


def test_musl_is_known_by_its_loader(tmp_path: Path) -> None:
    seen = see(tmp_path, {"lib/ld-musl-x86_64.so.1": ""})
    assert (seen.glibc, seen.musl) == (None, True)


@pytest.mark.parametrize(
    ("flags", "level"),
    [("sse2", "x86_64"), (V2, "x86_64_v2"), (V3, "x86_64_v3"), (V4, "x86_64_v4"), (V3.replace("fma", ""), "x86_64_v2")],
)
def test_the_level_of_a_processor_follows_from_its_flags(tmp_path: Path, flags: str, level: str) -> None:
    assert see(tmp_path, {"proc/cpuinfo": CPUINFO.format(flags)}).archspec == level


def test_of_another_architecture_only_its_name_is_known(tmp_path: Path) -> None:
    assert see(tmp_path, {}, "linux-aarch64").archspec == "aarch64"


def test_wsl_is_known_by_its_kernel(tmp_path: Path) -> None:
    files = {"proc/version": "Linux version 5.15.153.1-microsoft-standard-WSL2", "usr/lib/wsl/lib/libcuda.so.1": "", "dev/dxg": ""}
    seen = see(tmp_path, files)
    assert (seen.wsl, seen.driver_folders, seen.devices) == (True, ("/usr/lib/wsl/lib",), ("/dev/dxg",))


@pytest.mark.parametrize(
    ("files", "environ", "container"),
    [
        ({".dockerenv": ""}, {}, "docker"),
        ({"run/.containerenv": ""}, {}, "podman"),
        ({"proc/1/cgroup": "0::/docker/4711\n"}, {}, "docker"),
        ({"proc/1/cgroup": "0::/kubepods/besteffort/pod1\n", ".dockerenv": ""}, {}, "kubernetes"),
        ({}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"),
        ({}, {"APPTAINER_CONTAINER": "/image.sif"}, "apptainer"),
        ({}, {"SINGULARITY_CONTAINER": "/image.sif"}, "apptainer"),
        ({"proc/1/cgroup": "0::/init.scope\n"}, {}, ""),
    ],
)
def test_a_container_is_known_by_its_marks(tmp_path: Path, files: dict[str, str], environ: dict[str, str], container: str) -> None:
    assert see(tmp_path, files, **environ).container == container


def test_devices_module_and_libraries_of_the_driver(tmp_path: Path) -> None:
    module = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n"
    names = (
        "dev/nvidia0",
        "dev/nvidia1",
        "dev/nvidiactl",
        "dev/nvidia-uvm",
        "dev/null",
        "usr/lib/x86_64-linux-gnu/libcuda.so.535.104.05",
    )
    seen = see(tmp_path, {**dict.fromkeys(names, ""), "proc/driver/nvidia/version": module})
    assert seen.devices == ("/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl")
    assert (seen.kernel_module, seen.driver_folders) == ("535.104.05", ("/usr/lib/x86_64-linux-gnu",))


def test_the_open_kernel_module_tells_its_version_too(tmp_path: Path) -> None:
    text = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs-builder)\n"
    assert see(tmp_path, {"proc/driver/nvidia/version": text}).kernel_module == "580.65.06"


def test_this_process_has_a_platform() -> None:
    system, architecture = current_platform().split("-", 1)
    assert system in ("linux", "osx", "win")
    assert architecture


# --- CUDA from outside --------------------------------------------------------------------------------------------------------


def test_a_toolkit_is_known_by_each_way_that_leads_to_it(tmp_path: Path) -> None:
    ways = {
        "LD_LIBRARY_PATH": "/usr/local/cuda-12.4/lib64",
        "PATH": "/usr/bin:/usr/local/cuda-12.4/bin",
        "CUDA_HOME": "/usr/local/cuda",
    }
    seen = see(tmp_path, {**toolkit("12.4"), "usr/local/cuda": "->cuda-12.4"}, **ways)
    assert seen.outside == tuple(
        SystemCuda(kind="CUDA", version="12.4.1", folder="/usr/local/cuda-12.4", via=via) for via in (*ways, "disk")
    )
    assert seen.mamba_cuda == "12.4.1"


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"opt/x/version.txt": "CUDA Version 10.2.89", "opt/x/lib64/libcudart.so.10.2": ""}, "10.2.89"),
        ({"opt/x/lib64/libcudart.so.11.0": "", "opt/x/lib64/libcudart.so.11.8.89": ""}, "11.8.89"),
        ({"opt/x/lib64/libcudart.so.12": ""}, "12"),
        ({"opt/x/lib64/libcublas.so.12": ""}, ""),
        ({"opt/x/version.json": "{", "opt/x/lib64/libcudart.so.12": ""}, "12"),
    ],
)
def test_the_version_of_a_toolkit_is_as_exact_as_its_files_tell(tmp_path: Path, files: dict[str, str], version: str) -> None:
    (found,) = see(tmp_path, files, LD_LIBRARY_PATH="/opt/x/lib64").outside
    assert (found.kind, found.version) == ("CUDA", version)


def test_the_name_of_a_folder_tells_a_version(tmp_path: Path) -> None:
    (found,) = see(tmp_path, toolkit("11.8", told=False)).outside
    assert (found.version, found.folder) == ("11.8", "/usr/local/cuda-11.8")


def test_nvcc_behind_a_link_belongs_to_its_toolkit(tmp_path: Path) -> None:
    seen = see(tmp_path, {**toolkit("12.4"), "usr/bin/nvcc": "->../local/cuda-12.4/bin/nvcc"}, PATH="/usr/bin")
    assert SystemCuda(kind="CUDA", version="12.4.1", folder="/usr/local/cuda-12.4", via="PATH") in seen.outside


def test_cudnn_is_found_on_the_path_and_on_the_disk(tmp_path: Path) -> None:
    names = (
        "opt/cudnn/lib/libcudnn.so.8.9.7",
        "opt/cudnn/lib/libcudnn.so.8",
        "usr/lib64/libcudnn.so.9",
        "usr/lib64/libcudnn_ops.so.9",
    )
    assert see(tmp_path, dict.fromkeys(names, ""), LD_LIBRARY_PATH="/opt/cudnn/lib").outside == (
        SystemCuda(kind="cuDNN", version="8.9.7", folder="/opt/cudnn/lib", via="LD_LIBRARY_PATH"),
        SystemCuda(kind="cuDNN", version="9", folder="/usr/lib64", via="disk"),
    )


def test_a_stub_and_a_preloaded_library_are_told(tmp_path: Path) -> None:
    files = {"opt/cuda/lib64/stubs/libcuda.so": ""}
    seen = see(
        tmp_path,
        files,
        LD_LIBRARY_PATH="/opt/cuda/lib64/stubs",
        LD_PRELOAD="/usr/lib/wsl/lib/libcuda.so.1 /usr/lib/libcublas.so.11:/usr/lib/libjemalloc.so.2",
    )
    assert seen.outside == (
        SystemCuda(kind="driver stub", version="", folder="/opt/cuda/lib64/stubs", via="LD_LIBRARY_PATH"),
        SystemCuda(kind="CUDA", version="11", folder="/usr/lib/libcublas.so.11", via="LD_PRELOAD"),
    )
    assert seen.driver_folders == ()


def test_what_is_in_the_active_environment_is_not_outside(tmp_path: Path) -> None:
    files = {
        "opt/conda/envs/a/bin/nvcc": "",
        "opt/conda/envs/a/lib/libcudart.so.12": "",
        "opt/conda/envs/ab/lib/libcudart.so.12": "",
    }
    ways = {"PATH": "/opt/conda/envs/a/bin", "LD_LIBRARY_PATH": "/opt/conda/envs/a/lib", "CUDA_HOME": "/opt/conda/envs/a"}
    assert see(tmp_path, files, CONDA_PREFIX="/opt/conda/envs/a", **ways).outside == ()
    other = see(tmp_path, {}, CONDA_PREFIX="/opt/conda/envs/a", LD_LIBRARY_PATH="/opt/conda/envs/ab/lib")
    assert [thing.folder for thing in other.outside] == ["/opt/conda/envs/ab/lib"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"cuda": 12}', '{"cuda": {}}', '{"cuda": {"version": 12}}', '{"cuda": {"version": "x"}}', "\0"]
)
def test_a_version_json_that_cannot_be_understood_is_a_question_mark(tmp_path: Path, text: str) -> None:
    assert see(tmp_path, {"usr/local/cuda/version.json": text}).mamba_cuda == "?"


# --- Python -------------------------------------------------------------------------------------------------------------------


def test_frameworks_of_the_user_leak_into_every_environment(tmp_path: Path) -> None:
    place = "home/me/.local/lib/python3.12/site-packages"
    files = {f"{place}/{name}/__init__.py": "" for name in ("torch", "nvidia", "requests")}
    assert see(tmp_path, files, HOME="/home/me").shadowing == (f"nvidia in /{place}", f"torch in /{place}")
    assert inspect(tmp_path, {"HOME": "/home/me", "PYTHONNOUSERSITE": "1"}).shadowing == ()
    assert inspect(tmp_path, {"HOME": "/home/me", "PYTHONUSERBASE": "/opt/user"}).shadowing == ()
    assert inspect(tmp_path, {"PYTHONPATH": f"/{place}"}).shadowing == (
        f"nvidia in /{place} (PYTHONPATH)",
        f"torch in /{place} (PYTHONPATH)",
    )


# --- nothing makes it fail ------------------------------------------------------------------------------------------------------


def test_what_dangles_loops_or_is_no_folder_is_not_there(tmp_path: Path) -> None:
    files = {
        "usr/local/cuda": "->/nowhere/at/all",
        "usr/local/cuda-12.1": "->cuda-12.2",
        "usr/local/cuda-12.2": "->cuda-12.1",
        "opt/file": "text",
        "usr/local/cuda-11.8/version.json": "->version.json",
        "lib64/libc.so.6": "->/nowhere",
        "proc/cpuinfo": "flags",
    }
    ways = {
        "LD_LIBRARY_PATH": ":/opt/file::relative/lib:/nowhere:~",
        "PATH": "",
        "CUDA_HOME": "/usr/local/cuda-12.1",
        "CUDA_PATH": "cuda",
    }
    seen = see(tmp_path, files, **ways)
    assert [thing.folder for thing in seen.outside] == ["/usr/local/cuda-11.8"]
    assert seen.relative_entries == ("", "", "relative/lib", "~")


@pytest.mark.skipif(os.name != "posix", reason="pipes in folders are of POSIX")
def test_a_pipe_in_the_place_of_a_file_does_not_hold_it_up(tmp_path: Path) -> None:
    for place in ("usr/local/cuda", "proc"):
        (tmp_path / place).mkdir(parents=True)
    for name in ("usr/local/cuda/version.json", "usr/local/cuda/version.txt", "proc/cpuinfo"):
        os.mkfifo(tmp_path / name)
    assert inspect(tmp_path, {}, "linux-64").mamba_cuda == "?"


@pytest.mark.skipif(os.name != "posix", reason="modes of folders are of POSIX")
def test_a_folder_that_may_not_be_listed_is_not_there(tmp_path: Path) -> None:
    build(tmp_path, toolkit("12.4"))
    (tmp_path / "usr/local").chmod(0)
    try:
        with as_nobody(tmp_path):
            with pytest.raises(PermissionError):
                list((tmp_path / "usr/local").iterdir())
            assert inspect(tmp_path, {"LD_LIBRARY_PATH": "/usr/local/cuda-12.4/lib64"}, "linux-64") == System(
                platform="linux-64", variables={"LD_LIBRARY_PATH": "/usr/local/cuda-12.4/lib64"}
            )
    finally:
        (tmp_path / "usr/local").chmod(0o755)


VALUES = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(
    ("/usr/local/cuda/lib64:", "\0", "/" + "x" * 300, "//", "/../..")
)


@examples(80)
@given(
    st.dictionaries(
        st.sampled_from(("LD_LIBRARY_PATH", "LD_PRELOAD", "PATH", *cuda_paths.HOMES, "HOME", "PYTHONPATH", "CONDA_PREFIX")), VALUES
    )
)
def test_no_value_of_a_variable_makes_the_look_fail(tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]) -> None:
    root = tmp_path_factory.getbasetemp() / "machine"
    if not root.exists():
        build(root, {**toolkit("12.4"), "usr/local/cuda": "->cuda-12.4"})
    seen = inspect(root, environ, "linux-64")
    assert any(thing.via == "disk" for thing in seen.outside) or environ.get("CONDA_PREFIX")
    assert set(seen.variables) <= set(environ)


@pytest.mark.parametrize(
    ("system", "machine", "subdir"),
    [
        ("linux", "x86_64", "linux-64"),
        ("linux", "aarch64", "linux-aarch64"),
        ("linux", "arm64", "linux-aarch64"),
        ("linux", "ppc64le", "linux-ppc64le"),
        ("darwin", "x86_64", "osx-64"),
        ("darwin", "arm64", "osx-arm64"),
        ("darwin", "aarch64", "osx-arm64"),
        ("win32", "AMD64", "win-64"),
        ("win32", "ARM64", "win-arm64"),
    ],
)
def test_machines_have_condas_names(monkeypatch: pytest.MonkeyPatch, system: str, machine: str, subdir: str) -> None:
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert current_platform() == subdir


def test_this_machine_has_the_name_that_rattler_gives_it() -> None:
    from rattler import Subdir

    assert current_platform() == str(Subdir.current())


# --- which of several ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("versions", "different"),
    [
        (["12", "12.4", "12.4.127"], ["12.4.127"]),
        (["12", "12.4.1", "12.6"], ["12.4.1", "12.6"]),
        (["", "12.4"], ["12.4"]),
        (["", ""], [""]),
        (["11.8.1", "11.8.2"], ["11.8.1"]),
        (["12", "11.8"], ["12", "11.8"]),
        ([], []),
    ],
)
def test_a_version_is_told_as_precisely_as_any_place_tells_it(versions: list[str], different: list[str]) -> None:
    rows = [SystemCuda(kind="CUDA", version=version, folder=f"/{n}", via="disk") for n, version in enumerate(versions)]
    assert [row.version for row in toolkits.distinct(rows)] == different
    assert toolkits.listed(rows[:2]) == " and ".join(
        f"CUDA {row.version or 'of unknown version'} ({row.folder})" for row in rows[:2]
    )


@pytest.mark.parametrize(
    ("name", "shared"),
    [("libcuda.so.1", True), ("x.so", True), ("x.dylib", True), ("X.DLL", True), ("so.py", False), ("x.sock", False)],
)
def test_a_shared_library_is_known_by_its_name(name: str, shared: bool) -> None:
    assert cuda_paths.is_shared_library(name) is shared


@pytest.mark.parametrize(
    ("folder", "compat"),
    [
        ("/opt/compat", True),
        ("/opt/cuda-compat", True),
        ("/opt/compat/lib", True),
        ("/opt/compat/lib/x", False),
        ("/opt/compatible", False),
    ],
)
def test_a_folder_of_forward_compatibility_is_known_by_its_name(folder: str, compat: bool) -> None:
    assert cuda_paths.is_compat(folder) is compat


def test_what_is_on_the_disk_is_told_with_its_place(tmp_path: Path) -> None:
    files = {
        "usr/local/cuda/version.json": '{"cuda": {"version": "12.4.1"}}',
        "usr/local/cuda/lib64/libcudnn.so.9.1": "",
        "usr/local/other/version.json": '{"cuda": {"version": "11.8.0"}}',
        "usr/lib/x86_64-linux-gnu/libcudart.so.11.5": "",
        "usr/lib/x86_64-linux-gnu/libcudnn.so.8": "",
    }
    environ = {"LD_PRELOAD": "/a/libcudnn.so.9:/b/libcudart.so.12.2 /c/libm.so.6"}
    assert [(row.kind, row.version, row.folder, row.via) for row in inspect(build(tmp_path, files), environ).outside] == [
        ("cuDNN", "9", "/a/libcudnn.so.9", "LD_PRELOAD"),
        ("CUDA", "12.2", "/b/libcudart.so.12.2", "LD_PRELOAD"),
        ("CUDA", "12.4.1", "/usr/local/cuda", "disk"),
        ("cuDNN", "9.1", "/usr/local/cuda/lib64", "disk"),
        ("CUDA", "11.5", "/usr/lib/x86_64-linux-gnu", "disk"),
        ("cuDNN", "8", "/usr/lib/x86_64-linux-gnu", "disk"),
    ]


def test_a_file_that_cannot_be_read_has_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"\xff\xc3\xa4")
    assert cuda_paths.text_of(tmp_path / "a") == "\ufffd\u00e4"
    assert cuda_paths.text_of(tmp_path) == cuda_paths.text_of(tmp_path / "b") == ""

    def refused(*_: object, **__: object) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refused)
    assert cuda_paths.text_of(tmp_path / "a") == ""
