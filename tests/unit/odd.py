"""Facts that the real matrices do not have, but might: each axis of a question in `when` and in `need`, alone and together."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from unit.small import FILES, write_matrix

from envgen.matrix.load import load_matrix
from envgen.model.facts import Matrix

CONSTRAINTS = """\
constraints:
  - {when: {python: "3.11", alpha: ">=2"}, need: {driver: ">=530,<570", gpu: "!=8.0"}, because: odd}
  - {when: {gpu: ">=8"}, need: {python: ">=3.10"}, because: "</script><img src=x onerror=alert(1)><!-- {{ script }} \\u2028"}
  - {when: {driver: "525.*"}, need: {python: "<3.12"}, warn: true, because: "https://odd.example/<b>?a=1&b=2\\"onclick=alert(1)"}
  - {when: {provider: vendor}, need: {archspec: x86_64_v3}, because: odd}
  - {need: {driver: "!=560.28.3"}, because: "javascript:alert(1)"}
  - {when: {cuda: "12.6", python: "3.10"}, need: {platform: linux-64}, because: odd}
  - {when: {gpu: "7.0", driver: "~=525.60"}, need: {beta: ">=3"}, because: odd}
"""


@cache
def odd_matrix() -> Matrix:
    """The small matrix with odd constraints, a CUDA without a target, and one whose builds an older minor's may stand in for."""
    alpha = FILES["alpha.yaml"].replace("releases:\n  - v", f"{CONSTRAINTS}releases:\n  - v", 1)
    alpha = alpha.replace("channels: [conda-forge]", "channels: [conda-forge]\n      newer-minor: true", 1)
    older = '{provider: conda-forge, variants: ["12.0", "11.4"], platforms: [linux-64, win-64], python: "3.8, 3.10-3.12", cudnn: 9}'
    alpha = alpha.replace('python: "3.10-3.12", cudnn: 9}\n', f'python: "3.10-3.12", cudnn: 9}}\n      - {older}\n', 1)
    toolkit = '  - {version: "12.0", linux: "525.60.13", windows: "527.41", capabilities: ["5.0", "9.0"]}\n'
    cuda = FILES["cuda.yaml"].replace("toolkits:\n", f"toolkits:\n{toolkit}", 1)
    targets = f'{FILES["targets.yaml"]}  cu120: {{cuda: "12.0", platforms: [linux-64]}}\n'
    with TemporaryDirectory() as folder:
        return load_matrix(write_matrix(Path(folder), {**FILES, "alpha.yaml": alpha, "cuda.yaml": cuda, "targets.yaml": targets}))
