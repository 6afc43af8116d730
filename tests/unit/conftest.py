"""Unit tests cannot reach the world: no socket, no other process, no driver."""

from __future__ import annotations

import os
import socket
import subprocess
from typing import NoReturn

import pytest
from hypothesis import settings
from unit.small import real_matrix

from envgen.model.facts import Matrix

# The same examples in every run; ENVGEN_EXAMPLES=10 makes ten times as many, and other ones each time; 0.2 makes a fifth of them, for
# a first look. Nothing is written here.
SAME = float(os.environ.get("ENVGEN_EXAMPLES", "1")) <= 1
settings.register_profile("envgen", deadline=None, database=None, derandomize=SAME, print_blob=False)
settings.load_profile("envgen")


@pytest.fixture(scope="session")
def real() -> Matrix:
    """The facts of this repository."""
    return real_matrix()


@pytest.fixture(autouse=True)
def _no_world(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a unit test reached for the world")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr("pynvml.nvmlInit", refuse)
