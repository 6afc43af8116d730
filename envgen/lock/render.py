"""A Resolution to the text of its two files.

Templates arrive in pull requests, so they run in Jinja's sandbox, with undefined names as errors, and cannot read outside
`templates/`. What a template renders is parsed again: it may lay out what was decided, not change it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from envgen.model.errors import BadInput, addressed
from envgen.model.facts import Address, Platform
from envgen.model.layout import SPEC, VIRTUAL
from envgen.model.resolution import RenderedFile, Resolution
from envgen.model.text import one_line
from envgen.resolver import specs
from envgen.resolver.specs import Group, environment_name, groups
from envgen.yamlfile.document import parse

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment


_SELECTOR = re.compile(r"\s*[^\s#].*#.*\[[^\[\]]+\]")
_SELECTORS = {"linux-64": "linux64", "linux-aarch64": "aarch64", "osx-64": "osx64", "osx-arm64": "arm64", "win-64": "win64"}


def render(resolution: Resolution, templates: Path, shown: str, source: str) -> tuple[RenderedFile, RenderedFile]:
    """`environment.yml` and `virtual-packages.yml` of one target. Raises BadInput that names the template's line."""
    return _environment_file(resolution, templates, shown, source), _virtual_file(resolution, source)


def digest(resolution: Resolution, files: tuple[RenderedFile, ...], templates: Path) -> str:
    """The sha256 of everything requested: the data of the files, `exclude-newer:`, and the text of the template."""
    data: dict[str, Any] = {file.name: parse(file.text, file.name).data for file in files}
    moment = resolution.project.exclude_newer
    data["exclude-newer"] = moment.isoformat() if moment else None
    data["template"] = _text(templates, resolution.project.template)
    selected = _selected(files[0].text)
    data.update({"selectors": selected} if selected else {})
    bounds = {platform: specs.constraints(resolution, platform) for platform in resolution.platforms} if resolution.bounds else {}
    data.update({"constraints": bounds} if bounds else {})
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def same_data(one: str, other: str) -> bool:
    """Whether two rendered files have the same data, apart from comments that are not selectors."""
    try:
        return _selected(one) == _selected(other) and bool(parse(one, "one").data == parse(other, "other").data)
    except BadInput:
        return False


def _virtual_file(resolution: Resolution, source: str) -> RenderedFile:
    """`__cuda` is the CUDA of the target, never that of this machine; a CPU target has none."""
    subdirs = {
        platform: {"packages": dict(sorted(resolution.target.virtual[platform].items()))} for platform in resolution.platforms
    }
    head = f"# What a machine promises to {environment_name(resolution)}: matrices/targets.yaml and {source}. Made by envgen.\n"
    return RenderedFile(VIRTUAL, head + yaml.safe_dump({"subdirs": subdirs}, sort_keys=False))


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
        "pip": project.pip,
        "pip_repositories": project.pip_repositories,
    }
    with addressed(project.at("template")):
        _text(templates, project.template)
    text = _run(templates, project.template, shown, values)
    _same_decisions(text, values, f"{shown}/{project.template}")
    return RenderedFile(SPEC, text)


def _run(templates: Path, template: str, shown: str, values: Mapping[str, Any]) -> str:
    import jinja2

    jinja = _sandbox(templates)
    try:
        return jinja.get_template(template).render(values)
    except jinja2.TemplateSyntaxError as error:
        where = Address(f"{shown}/{error.name or template}", error.lineno, 1)
        raise BadInput(f"not a template: {error.message}", where=where, hint="fix the line and run again") from None
    except BadInput as error:  # of an included template
        where = Address(f"{shown}/{template}", _template_line(error), 1)
        raise BadInput(error.what, where=where, hint=error.hint) from None
    except (
        jinja2.TemplateError,
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
        OSError,
        RecursionError,
        AttributeError,
    ) as error:
        where = Address(f"{shown}/{template}", _template_line(error), 1)
        what = f"cannot be rendered: {error or type(error).__name__}"
        hint = f"a template can use {', '.join(sorted(values))} and the filter `scalar`"
        raise BadInput(what, where=where, hint=hint) from None


@cache
def _sandbox(templates: Path) -> SandboxedEnvironment:
    from jinja2 import FunctionLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    jinja = ImmutableSandboxedEnvironment(
        loader=FunctionLoader(lambda name: _text(templates, name)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    jinja.filters = {"scalar": _scalar, "join": jinja.filters["join"], "sort": jinja.filters["sort"]}
    return jinja


def _text(templates: Path, name: str) -> str:
    """The text of one template. Raises BadInput if links or `..` lead out of the folder."""
    path = (templates / name).resolve()
    if not path.is_relative_to(templates.resolve()):
        raise BadInput(f"template {name!r} lies outside templates/", hint="move it into templates/")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"there is no readable template {name!r}", hint="`envgen init` writes environment.yml.j2") from None


def _template_line(error: BaseException) -> int:
    """The last line of template code in the traceback; Jinja names compiled templates `<template>`."""
    line, trace = 1, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


class _OnPlatform(str):
    """A spec for one platform."""

    __slots__ = ("selector",)
    selector: str

    @classmethod
    def of(cls, spec: str, platform: Platform) -> _OnPlatform:
        found = cls(spec)
        found.selector = _SELECTORS[platform]
        return found


def _marked(group: Group) -> tuple[str, ...]:
    """The specs of a group, those for one platform first; the filter `scalar` writes their selector."""
    return (*(_OnPlatform.of(spec, platform) for platform, spec in group.only), *group.specs)


def _scalar(value: object) -> str:
    """A string as YAML writes it, quoted only where necessary; a spec for one platform with the selector that conda-lock reads."""
    text = yaml.safe_dump(str(value), width=10**6).removesuffix("\n").removesuffix("\n...")
    return f"{text}  # [{value.selector}]" if isinstance(value, _OnPlatform) else text


def _selected(text: str) -> list[str]:
    """The lines of an environment.yml that conda-lock reads on some platforms alone."""
    return [line.strip() for line in text.splitlines() if _SELECTOR.match(line)]


def _same_decisions(text: str, values: Mapping[str, Any], template: str) -> None:
    """Parse the rendered text: it must be a conda environment that states what was decided and nothing else."""
    data, where = parse(text, f"{template} (rendered)").data, Address(template, 1, 1)
    own = [f"- {_scalar(spec)}" for group in values["groups"] for spec in group["specs"] if isinstance(spec, _OnPlatform)]
    found = _selected(text)
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
