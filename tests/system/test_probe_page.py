"""The page about probing, done as it is written: stand-ins for frameworks, in an environment and in a virtual environment with pytest."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from conftest import REPO, clean_environment
from nvml.build import FakeNvml, changes
from system import frameworks, stand_in, walkthrough
from system.test_pytest_plugin import PLUGIN, made
from system.test_scenarios import command

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or frameworks.compiler() is None, reason="the stand-ins load libraries of Linux"
)


def test_the_page_about_probing(tmp_path: Path, nvml: FakeNvml) -> None:
    folder = tmp_path / "repository"
    python = made(folder, "2.7.1+cu126", "12.6")
    packages = [stand_in.python_package(), *frameworks.torch("2.7.1"), *frameworks.tensorflow("2.18.0", "12.6")]
    stand_in.environment(folder / "envs", packages, "vision-cu126")
    frameworks.cudart(folder / "toolkits" / "cuda-12.4" / "lib64", "12.4")
    commands = command(tmp_path)
    (commands / "pytest").write_text(
        f'#!/bin/sh\nexec "{python}" -m pytest -p {PLUGIN} -p no:cacheprovider "$@"\n', encoding="utf-8"
    )
    (commands / "pytest").chmod(0o755)
    environment = {
        **clean_environment(tmp_path),
        **changes(nvml(driver="560.35.03", cuda=12060, gpus="Tesla T4:7.5,Tesla T4:7.5")),
        "PATH": os.pathsep.join((str(commands), os.environ["PATH"])),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "COLUMNS": "120",
    }
    assert walkthrough.play(REPO / "docs" / "probe.md", folder, environment) == 4
    words = ("envgen", "probe", "--prefix", "envs/vision-cu126", "--target", "cu126")
    narrow = walkthrough.run(words, folder, {**environment, "COLUMNS": "80"}).stdout
    assert [line for line in narrow.splitlines() if len(line) > 80 and len(line.split()) > 1] == []
    assert "verdict" in narrow
