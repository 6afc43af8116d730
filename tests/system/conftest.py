"""What several tests of whole commands start from."""

from __future__ import annotations

from pathlib import Path

import pytest
from system.channel import build


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index folder with one tiny channel, conda-forge."""
    folder = tmp_path_factory.mktemp("index")
    build(folder / "conda-forge")
    return folder
