"""What a target word means, for every command and every file that takes one."""

from __future__ import annotations

GPU, AUTO = "gpu", "auto"  # the newest CUDA target that this machine can run; the same, or else the CPU target
WORDS = (GPU, AUTO)
