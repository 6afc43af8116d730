"""A Resolution to the text of its two files.

Templates arrive in pull requests, so they run in a sandbox. What a template renders is parsed again: it may lay out what was
decided, not change it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from envgen.formats.selectors import OnPlatform, scalar, selected
from envgen.lock.template_text import text_of_template
from envgen.model.address import Address
from envgen.model.errors import BadInput, addressed
from envgen.model.facts import Platform
from envgen.model.layout import SPEC, VIRTUAL
from envgen.model.resolution import RenderedFile, Resolution
from envgen.model.text import one_line
from envgen.resolver.pip_specs import pip_requests
from envgen.resolver.specs import Group, environment_name, groups, pip_group
from envgen.yamlfile.document import data_of


def render(resolution: Resolution, templates: Path, shown: str, source: str) -> tuple[RenderedFile, RenderedFile]:
    """`environment.yml` and `virtual-packages.yml` of one target. Raises BadInput that names the template's line."""
    return _environment_file(resolution, templates, shown, source), _virtual_file(resolution, source)


def digest(resolution: Resolution, files: tuple[RenderedFile, ...], templates: Path) -> str:
    """The sha256 of what a target's files are made of: their data, and the text of the template."""
    data: dict[str, Any] = {file.name: data_of(file.text, file.name) for file in files}
    data["template"] = text_of_template(templates, resolution.project.template)
    data.update(_beside(resolution))
    by_platform = selected(files[0].text)
    data.update({"selectors": by_platform} if by_platform else {})
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _beside(resolution: Resolution) -> dict[str, Any]:
    """What decides about pip packages and is not in a file; nothing where there is nothing."""
    asked = pip_requests(resolution)
    rows = {
        platform: [row.constraints, [[index.url, index.packages] for index in row.indexes], row.find_links, row.build]
        for platform, row in asked.items()
        if row.constraints or row.indexes or row.find_links or row.build
    }
    return {"pip": rows} if rows else {}


def same_data(one: str, other: str) -> bool:
    """Whether two files, of which one is rendered now, have the same data, apart from comments that are not selectors."""
    try:
        return one == other or (selected(one) == selected(other) and bool(data_of(one, "one") == data_of(other, "other")))
    except BadInput:
        return False


def _virtual_file(resolution: Resolution, source: str) -> RenderedFile:
    """`__cuda` is the CUDA of the target, never that of this machine; a CPU target has none."""
    virtual = tuple((platform, tuple(sorted(resolution.target.virtual[platform].items()))) for platform in resolution.platforms)
    head = f"# What a machine promises to {environment_name(resolution)}: matrices/targets.yaml and {source}. Made by envgen.\n"
    return RenderedFile(VIRTUAL, head + _subdirs(virtual))


@lru_cache(64)  # machines promise the same to most targets of a repository
def _subdirs(virtual: tuple[tuple[Platform, tuple[tuple[str, str], ...]], ...]) -> str:
    subdirs = {platform: {"packages": dict(packages)} for platform, packages in virtual}
    return str(yaml.safe_dump({"subdirs": subdirs}, sort_keys=False))


def _environment_file(resolution: Resolution, templates: Path, shown: str, source: str) -> RenderedFile:
    project = resolution.project
    decided = groups(resolution)
    values = {
        "name": environment_name(resolution),
        "title": resolution.target.cuda_text,
        "project": project.name,
        "target": resolution.target.name,
        "source": source,
        "channels": project.channels,
        "platforms": resolution.platforms,
        "groups": [{"specs": _marked(group), "because": one_line(group.because)} for group in decided],
        "pip": _marked(pip_group(resolution)),
        "pip_repositories": project.pip_repositories,
    }
    with addressed(project.at("template")):
        text_of_template(templates, project.template)
    from envgen.lock.sandbox import run

    text = run(templates, project.template, shown, values)
    _same_decisions(text, values, f"{shown}/{project.template}")
    return RenderedFile(SPEC, text)


def _marked(group: Group) -> tuple[str, ...]:
    """The specs of a group, those for one platform first; the filter `scalar` writes their selector."""
    return (*(OnPlatform.of(spec, platform) for platform, spec in group.only), *group.specs)


def _same_decisions(text: str, values: Mapping[str, Any], template: str) -> None:
    """Parse the rendered text: it must be a conda environment that states what was decided and nothing else."""
    data, where = data_of(text, f"{template} (rendered)"), Address(template, 1, 1)
    specs = [*(spec for group in values["groups"] for spec in group["specs"]), *values["pip"]]
    own = [f"- {scalar(spec)}" for spec in specs if isinstance(spec, OnPlatform)]
    found = selected(text)
    selector = next((line for line in found if line not in own), None)
    if selector:
        what = f"it renders `{selector}`, which conda-lock would read as a platform selector"
        raise BadInput(what, where=where, hint="put the comment on a line of its own")
    if found != own:
        lost = next(line for line in own if line not in found)
        hint = "write each spec on a line of its own: `- {{ spec | scalar }}`"
        raise BadInput(f"it does not render `{lost}`, which is for one platform", where=where, hint=hint)
    if not isinstance(data, dict) or not isinstance(data.get("dependencies"), list):
        hint = "it must render name:, channels:, platforms: and dependencies:"
        raise BadInput("what it renders is not a conda environment", where=where, hint=hint)
    decided: dict[str, Any] = {
        "name": values["name"],
        "channels": list(values["channels"]),
        "platforms": list(values["platforms"]),
        "dependencies": [spec for group in values["groups"] for spec in group["specs"]],
        **({"pip": [{"pip": list(values["pip"])}]} if values["pip"] else {}),
        **(
            {"pip-repositories": list(values["pip_repositories"]), "allow-pypi-requests": False}
            if values["pip_repositories"]
            else {}
        ),
    }
    said = {**data, "dependencies": [item for item in data["dependencies"] if not _is_pip(item)]}
    said.update({"pip": pip} if (pip := [item for item in data["dependencies"] if _is_pip(item)]) else {})
    for key in (*decided, *(key for key in said if key not in decided)):
        if said.get(key) != decided.get(key):
            what = f"it changes {key}: from {decided.get(key)!r} to {said.get(key)!r}"
            raise BadInput(what, where=where, hint="a template may arrange and comment, but not change what was decided")


def _is_pip(item: object) -> bool:
    return isinstance(item, dict) and list(item) == ["pip"]
