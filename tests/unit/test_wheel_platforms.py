"""The platform in the name of a wheel, against the platform that it is locked for."""

from __future__ import annotations

import pytest
from unit.small import small_matrix

from envgen.formats.wheel_files import glibc_minor
from envgen.model.findings import Claim
from envgen.model.packages import Lock, LockedPackage
from envgen.verify.check import check

NONE = Claim(kind="none", cuda=None, source="")
FITTING = [
    ("linux-64", "manylinux_2_28_x86_64"),
    ("linux-64", "manylinux2014_x86_64.manylinux_2_17_x86_64"),
    ("linux-64", "musllinux_1_2_x86_64"),
    ("linux-64", "linux_x86_64"),
    ("linux-aarch64", "manylinux_2_28_aarch64"),
    ("win-64", "win_amd64"),
    ("osx-64", "macosx_10_9_x86_64"),
    ("osx-64", "macosx_10_9_intel"),
    ("osx-64", "macosx_10_9_universal"),
    ("osx-64", "macosx_11_0_universal2"),
    ("osx-64", "macosx_10_6_fat64"),
    ("osx-arm64", "macosx_11_0_arm64"),
    ("osx-arm64", "macosx_11_0_universal2"),
    ("osx-arm64", "macosx_10_9_x86_64.macosx_11_0_arm64"),
    *((platform, "any") for platform in ("linux-64", "win-64", "osx-64", "osx-arm64")),
    ("linux-ppc64le", "win_amd64"),  # a platform that is not known here: nothing is said
    ("linux-64", "wasm32"),  # a tag that is not known here: nothing is said
]
OTHER = [
    ("linux-64", "manylinux_2_28_aarch64"),
    ("linux-64", "win_amd64"),
    ("linux-64", "macosx_11_0_universal2"),
    ("linux-aarch64", "manylinux_2_28_x86_64"),
    ("win-64", "win32"),
    ("win-64", "win_arm64"),
    ("win-64", "manylinux_2_28_x86_64"),
    ("osx-64", "macosx_11_0_arm64"),
    ("osx-arm64", "macosx_10_9_x86_64"),
    ("osx-arm64", "macosx_10_9_intel"),
    ("osx-arm64", "macosx_10_9_universal"),
    ("osx-arm64", "win_amd64"),
]


def said(platform: str, tag: str, python: str = "cp312-cp312") -> list[str]:
    """What `url-mismatch` says of a wheel."""
    file = f"numpy-2.2.6-{python}-{tag}.whl"
    package = LockedPackage(
        name="numpy",
        version="2.2.6",
        build="",
        manager="pip",
        platform=platform,
        url=f"https://wheels.example/{file}",
        sha256="ab" * 32,
    )
    lock = Lock(shown="lock.yml", format="conda-lock 1", environment="", packages=(package,))
    return [row.text for row in check(lock, {platform: NONE}, small_matrix()) if row.rule == "url-mismatch"]


@pytest.mark.parametrize(("platform", "tag"), FITTING)
def test_a_wheel_for_the_platform_is_right(platform: str, tag: str) -> None:
    assert said(platform, tag) == []


@pytest.mark.parametrize(("platform", "tag"), OTHER)
def test_a_wheel_for_another_platform_is_wrong(platform: str, tag: str) -> None:
    assert said(platform, tag) == [f"its url is for another platform: numpy-2.2.6-cp312-cp312-{tag}.whl"]


@pytest.mark.parametrize(
    ("tag", "minor"),
    [
        ("manylinux1_x86_64", 5), ("manylinux2010_x86_64", 12), ("manylinux2014_aarch64", 17), ("manylinux_2_28_x86_64", 28),
        ("manylinux_2_5_x86_64", 5), ("manylinux2014", None), ("manylinux_3_0_x86_64", None), ("musllinux_1_2_x86_64", None),
        ("linux_x86_64", None), ("macosx_11_0_arm64", None), ("any", None), ("", None),
    ],
)  # fmt: skip
def test_a_tag_of_manylinux_names_a_glibc(tag: str, minor: int | None) -> None:
    assert glibc_minor(tag) == minor
