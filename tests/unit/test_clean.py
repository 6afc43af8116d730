"""Which variables a command in an environment gets: laws, and the cases that people meet."""

from __future__ import annotations

import ntpath
import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envgen.install.clean_env import SEARCH_PATHS, DroppedVariable, clean, within

PREFIX = "/home/me/envs/vision-cu126"
FOREIGN = {"/usr/local/cuda/lib64", "/usr/local/cuda-11.2/lib64", "/opt/cudnn/lib", "/usr/local/cuda/bin"}
ENTRIES = st.sampled_from([*FOREIGN, "/usr/bin", "/usr/lib/wsl/lib", f"{PREFIX}/lib", f"{PREFIX}/targets/cuda/lib", "", "relative"])
PATHS = st.lists(ENTRIES, min_size=1, max_size=6).map(":".join)
NAMES = st.sampled_from([*SEARCH_PATHS, "CUDA_HOME", "CUDA_PATH", "CUDNN_ROOT", "PYTHONPATH", "HOME", "CUDA_VISIBLE_DEVICES"])
ENVIRONS = st.dictionaries(NAMES, PATHS, max_size=8)


def foreign(folder: str) -> bool:
    return folder in FOREIGN


@given(ENVIRONS)
def test_nothing_foreign_is_left_and_nothing_else_is_lost(environ: dict[str, str]) -> None:
    kept, dropped = clean(environ, PREFIX, foreign)
    for name in SEARCH_PATHS:
        before, after = (found.get(name) for found in (environ, kept))
        if before is None:
            assert after is None
        else:
            wanted = [entry for entry in before.split(":") if entry not in FOREIGN]
            assert after == (":".join(wanted) if wanted else None)
    assert {item.variable for item in dropped} | kept.keys() >= environ.keys()


@given(ENVIRONS)
def test_cleaning_twice_is_cleaning_once(environ: dict[str, str]) -> None:
    kept, _ = clean(environ, PREFIX, foreign)
    assert clean(kept, PREFIX, foreign) == (kept, ())


@given(ENVIRONS)
def test_each_thing_that_is_dropped_is_said_once_and_was_there(environ: dict[str, str]) -> None:
    _, dropped = clean(environ, PREFIX, foreign)
    assert len(set(dropped)) == len(dropped)
    for item in dropped:
        assert item.value == environ[item.variable] or item.value in environ[item.variable].split(":")


@given(ENVIRONS)
def test_what_lies_in_the_environment_is_never_asked_about(environ: dict[str, str]) -> None:
    asked: list[str] = []
    clean(environ, PREFIX, lambda folder: bool(asked.append(folder)))
    assert not [folder for folder in asked if within(folder, PREFIX) or not folder]


@pytest.mark.parametrize(
    "name",
    ["CUDA_HOME", "CUDA_PATH", "CUDA_ROOT", "CUDA_PATH_V12_6", "CUDNN_ROOT", "CUDNN_INCLUDE_DIR", "PYTHONPATH", "PYTHONHOME"],
)
def test_variables_that_point_outside_go(name: str) -> None:
    assert clean({name: "/usr/local/cuda"}, PREFIX, foreign) == (
        {"PYTHONNOUSERSITE": "1"},
        (DroppedVariable(name, "/usr/local/cuda"),),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CUDA_HOME", f"{PREFIX}/targets/x86_64-linux"),
        ("CUDA_VISIBLE_DEVICES", "0,1"),
        ("CUDA_CACHE_PATH", "/tmp/cache"),
        ("CUDA_VERSION", "12.6.1"),
        ("CUDNN_VERSION", "9.1.0"),  # container images tell what they hold
        ("NVIDIA_VISIBLE_DEVICES", "all"),
        ("LD_LIBRARY_PATH", "/usr/lib/wsl/lib"),
        ("LD_LIBRARY_PATH", f"{PREFIX}/lib:"),
    ],
)
def test_what_does_no_harm_stays(name: str, value: str) -> None:
    assert clean({name: value}, PREFIX, foreign) == ({name: value, "PYTHONNOUSERSITE": "1"}, ())


def test_two_toolkits_on_one_path_both_go_and_the_order_of_the_rest_stays() -> None:
    value = "/b:/usr/local/cuda/lib64:/a:/usr/local/cuda-11.2/lib64:/usr/local/cuda/lib64:/c"
    kept, dropped = clean({"LD_LIBRARY_PATH": value}, PREFIX, foreign)
    assert kept["LD_LIBRARY_PATH"] == "/b:/a:/c"
    assert [item.value for item in dropped] == ["/usr/local/cuda/lib64", "/usr/local/cuda-11.2/lib64"]


def test_windows_has_its_own_separator_and_no_case() -> None:
    prefix = r"C:\Envs\vision"
    kept, dropped = clean({"PATH": r"c:\envs\VISION\bin;C:\CUDA\bin;C:\Windows"}, prefix, lambda folder: "CUDA" in folder, ntpath)
    assert kept["PATH"] == r"c:\envs\VISION\bin;C:\Windows"
    assert dropped == (DroppedVariable("PATH", r"C:\CUDA\bin"),)


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        (PREFIX, True),
        (f"{PREFIX}/", True),
        (f"{PREFIX}/lib/../lib", True),
        (f"{PREFIX}/../other", False),
        (f"{PREFIX}-old/lib", False),
        ("/", False),
    ],
)
def test_within_goes_by_whole_names(path: str, inside: bool) -> None:
    assert within(path, PREFIX, posixpath) is inside
