"""Unit tests cannot reach the world: no socket, no other process, no driver."""

from __future__ import annotations

import socket
import subprocess
from typing import NoReturn

import pytest
from unit.small import real_matrix

from envgen.model.facts import Matrix


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
