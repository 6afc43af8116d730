"""Variant wheels (PEP 825): a label after the platform in the name of the file, and the properties that a target stands for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import REPO
from unit.small import project_of, real_matrix
from unit.test_wheel_platforms import said

from envgen.cli.main import main
from envgen.formats.reading import read_any
from envgen.formats.wheel_files import of_python, platform_tags, runs_on, variant_label, without_label
from envgen.resolver.resolve import resolve
from envgen.resolver.variant_properties import variant_properties

LINUX = "cp312-cp312-manylinux_2_28_x86_64"


@pytest.mark.parametrize(
    ("wheel", "label"),
    [
        (f"torch-2.8.0-{LINUX}-cu129.whl", "cu129"),
        (f"torch-2.8.0-3-{LINUX}-x86_64_v3.whl", "x86_64_v3"),
        (f"torch-2.8.0-{LINUX}-null.whl", "null"),
        (f"torch-2.8.0-{LINUX}.whl", ""),
        (f"torch-2.8.0-3-{LINUX}.whl", ""),
        (f"torch-2.8.0-{LINUX}-CU129.whl", ""),  # not a label: capitals
        ("torch.whl", ""),
    ],
)
def test_a_label_follows_the_platform(wheel: str, label: str) -> None:
    """A build tag, which begins with a digit, makes the parts as many."""
    assert variant_label(wheel) == label
    assert without_label(wheel) == (wheel.replace(f"-{label}.whl", ".whl") if label else wheel)


def test_the_tags_of_a_variant_are_those_before_its_label() -> None:
    wheel = f"torch-2.8.0-{LINUX}-cu129.whl"
    assert platform_tags(wheel) == ["manylinux_2_28_x86_64"]
    assert (runs_on(wheel, "linux-64"), runs_on(wheel, "win-64")) == (True, False)
    assert (of_python(wheel, "3.12"), of_python(wheel, "3.11")) == (True, False)


def test_the_url_of_a_variant_is_compared_with_its_entry() -> None:
    assert said("linux-64", "manylinux_2_28_x86_64-v3") == []
    assert said("win-64", "manylinux_2_28_x86_64-v3") == [
        "its url is for another platform: numpy-2.2.6-cp312-cp312-manylinux_2_28_x86_64-v3.whl"
    ]


@pytest.mark.parametrize(
    ("labels", "taken", "variants"),
    [
        (["cu129", "null", ""], "", ("", "cu129", "null")),
        (["cu129", "null"], "null", ("cu129", "null")),
        (["cu129"], "cu129", ()),
        ([""], "", ()),
    ],
)
def test_of_several_variants_the_most_general_is_read_and_all_are_named(
    labels: list[str], taken: str, variants: tuple[str, ...], tmp_path: Path
) -> None:
    names = [f"torch-2.8.0-{LINUX}{f'-{label}' if label else ''}.whl" for label in labels]
    wheels = ", ".join(f'{{ url = "https://f.example/{name}", hash = "sha256:{"ab" * 32}" }}' for name in names)
    text = f'version = 1\nrequires-python = ">=3.12"\n\n[[package]]\nname = "torch"\nversion = "2.8.0"\nwheels = [{wheels}]\n'
    (tmp_path / "uv.lock").write_text(text)
    (lock,) = read_any(tmp_path / "uv.lock", "uv.lock")
    package = next(one for one in lock.packages if one.platform == "linux-64")
    assert (variant_label(package.url.rpartition("/")[2]), package.variants) == (taken, variants)


def test_a_target_stands_for_the_cuda_of_its_drivers_and_its_gpus() -> None:
    matrix = real_matrix()
    text = 'python: "3.12"\nframeworks: {pytorch: "2.7.*"}\ntargets: [cpu, cu126]\nplatforms: [linux-64]\nchannels: [conda-forge]\n'
    marks = matrix.catalogue.wheels
    found = resolve(matrix, project_of(f"{text}gpus: [A100, V100, '8.0']\n", matrix))
    assert [variant_properties(row, marks) for row in found] == [
        {"linux-64": []},
        {
            "linux-64": [
                "nvidia :: cuda_version_lower_bound :: 12.6",
                "nvidia :: sm_arch :: 80_real",
                "nvidia :: sm_arch :: 70_real",
            ]
        },
    ]


@pytest.mark.parametrize("explain", [(), ("--explain",)])
@pytest.mark.thorough
def test_resolve_tells_a_program_the_properties(explain: tuple[str, ...]) -> None:
    words = ["--root", str(REPO), "resolve", "vision", "--target", "cu126", "--json", *explain]
    (row,) = json.loads(CliRunner().invoke(main, words, catch_exceptions=False).stdout)
    assert row["variant_properties"]["linux-64"] == ["nvidia :: cuda_version_lower_bound :: 12.6"]
