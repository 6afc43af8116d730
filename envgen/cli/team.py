"""What `envgen init --ci` and `--hooks` write: workflows, and the hooks of pre-commit. Overwrites nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import yaml

from envgen import __version__
from envgen.files import write_files
from envgen.model.layout import Layout, starter
from envgen.model.resolution import RenderedFile

CodeHost = Literal["github", "gitlab"]
_WORKFLOWS, _GITLAB, _HOOKS = ".github/workflows", "docs/ci/gitlab-ci.yml", ".pre-commit-hooks.yaml"
_TRIGGERS = {
    "review": "on:\n  pull_request:\n",
    "relock": 'on:\n  schedule:\n    - cron: "17 4 * * 1"\n  workflow_dispatch:\n',
}
_ON = re.compile(r"^on:\n(?: .*\n|\n)*", re.MULTILINE)  # the triggers, up to the next key
_INPUT = re.compile(r"\$\{\{ inputs\.\w+ \|\| '([^']*)' \}\}")  # which only a workflow that is called has
_SECRET = "${{ secrets.token || github.token }}"  # noqa: S105 - an expression
_ABOUT = re.compile(r"^# Other repositories call this file.*\n", re.MULTILINE)
_REQUIREMENT = f"conda-envgen=={__version__}"


def for_ci(layout: Layout, host: CodeHost) -> Iterator[str]:
    """Write the workflows of a code host; a line about each file."""
    if host == "gitlab":
        text = (starter() / _GITLAB).read_text(encoding="utf-8")
        yield written(layout, layout.root / ".gitlab-ci.yml", text.replace(": conda-envgen\n", f": {_REQUIREMENT}\n"))
        return
    for name, triggers in _TRIGGERS.items():
        text = (starter() / _WORKFLOWS / f"{name}.yml").read_text(encoding="utf-8")
        yield written(layout, layout.root / _WORKFLOWS / f"envgen-{name}.yml", _own(text, triggers))


def _own(text: str, triggers: str) -> str:
    """A workflow that others call, as one of a repository's own: with triggers, and with the default of each input."""
    about = "# Written by `envgen init --ci`; `envgen help team` explains it.\n"
    text = _ON.sub(lambda _: f"{triggers}\n", _ABOUT.sub(about, text))
    text = _INPUT.sub(lambda found: f'"{found[1]}"', text).replace('"conda-envgen"', f'"{_REQUIREMENT}"')
    return text.replace(_SECRET, "${{ github.token }}")


def for_hooks(layout: Layout) -> Iterator[str]:
    """Write .pre-commit-config.yaml with the hooks of envgen; where there is one, say what to add to it."""
    path = layout.root / ".pre-commit-config.yaml"
    if path.exists() and "envgen" not in path.read_text(encoding="utf-8", errors="replace"):
        yield f"kept {layout.shown(path)}: add the hooks to it that `envgen help team` shows"
        return
    hooks = yaml.safe_load((starter() / _HOOKS).read_text(encoding="utf-8"))
    own = [{**hook, "additional_dependencies": [_REQUIREMENT]} for hook in hooks]
    text = yaml.safe_dump({"repos": [{"repo": "local", "hooks": own}]}, sort_keys=False, width=140)
    yield written(layout, path, f"# The hooks of envgen; `pre-commit install` makes git run them.\n{text}")


def written(layout: Layout, path: Path, text: str) -> str:
    """Write a file that is missing: `wrote X`; `kept X` for one that exists."""
    if path.exists():
        return f"kept {layout.shown(path)}"
    write_files(path.parent, (RenderedFile(path.name, text),), layout)
    return f"wrote {layout.shown(path)}"
