"""Whether processes that a test had started are gone."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path


def ends(pid: int) -> bool:
    """Whether a process ends soon (10 seconds); one that only waits for its parent to ask after it has ended."""
    for _ in range(500):
        try:
            os.kill(pid, 0)
            if sys.platform.startswith("linux") and ") Z " in Path(f"/proc/{pid}/stat").read_text():
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False
