"""What the attacks start from."""

from __future__ import annotations

from system.conftest import index

__all__ = ["index"]
