"""Reads the file of a framework: releases, their builds, and how each provider spells them."""

from __future__ import annotations

from collections.abc import Collection
from operator import itemgetter
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.matrix.conditions import no_repeats
from envgen.matrix.fields import AXES, StatedVariant
from envgen.matrix.hardware_rows import code_of
from envgen.matrix.schema import BuildRow, FrameworkFile, ReleaseRow, SpellingRow
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Build, Framework, LeftOut, Release, Spelling, Variant
from envgen.yamlfile.document import Document
from envgen.yamlfile.nodes import KeyPath


def framework_of(document: Document, file: FrameworkFile, toolkits: Collection[Version]) -> Framework:
    """The framework of a file; `toolkits` are every known CUDA. Raises BadInput with file:line:column."""
    stem = Path(document.file).stem
    if file.framework != stem:
        raise BadInput(
            f"framework: `{file.framework}` in a file named {stem}.yaml",
            where=document.at("framework"),
            hint="rename the file, or correct framework:",
        )
    if file.framework in AXES:
        hint = f"constraints use these names: {', '.join(AXES)}"
        raise BadInput(f"a framework cannot be called `{file.framework}`", where=document.at("framework"), hint=hint)
    if not file.releases and not file.packages:
        raise BadInput(
            "no releases and no packages", where=document.at(), hint="add `releases:`, or `packages:` for verify and probe"
        )
    releases = [_release(document, file.framework, index, row, toolkits) for index, row in enumerate(file.releases)]
    no_repeats(((release.version, release.at) for release in releases), "version")
    linked = bool(file.companion_of) and any(row.linked for row in file.packages)
    providers = {
        name: tuple(_spelling(name, row, document.at("providers", name, index), linked=linked) for index, row in enumerate(rows))
        for name, rows in file.providers.items()
    }
    named: list[tuple[str, tuple[str | int, ...]]] = [
        (build.provider, ("releases", index, "builds", place))
        for index, row in enumerate(file.releases)
        for place, build in enumerate(row.builds)
    ]
    named += [(row.provider, ("left-out", index)) for index, row in enumerate(file.left_out)]
    named += [(row.provider, ("code", index)) for index, row in enumerate(file.code)]
    for provider, path in named:
        if provider not in providers:
            what = f"provider `{provider}` has no entry in providers:"
            raise BadInput(what, where=document.at(*path, "provider"), hint="add its spelling there")
    newest_first = tuple(sorted(releases, key=lambda release: release.version, reverse=True))
    left_out = tuple(
        LeftOut(
            provider=row.provider,
            platforms=frozenset(row.platforms),
            variants=frozenset(row.variants),
            releases=row.releases,
            because=row.because,
            at=document.at("left-out", index),
            builds=row.builds or "",
        )
        for index, row in enumerate(file.left_out)
    )
    return Framework(
        name=file.framework,
        providers=providers,
        releases=newest_first,
        because=file.because,
        left_out=left_out,
        code=tuple(code_of(row, document.at("code", index)) for index, row in enumerate(file.code)),
        import_name=file.import_name or file.framework,
        companion_of=file.companion_of or "",
    )


def _release(document: Document, framework: str, index: int, row: ReleaseRow, toolkits: Collection[Version]) -> Release:
    path = ("releases", index)
    builds = tuple(_build(document, (*path, "builds", place), row, item, toolkits) for place, item in enumerate(row.builds))
    return Release(
        framework=framework,
        version=row.version,
        builds=builds,
        at=document.at(*path),
        note=row.note or "",
    )


def _build(document: Document, path: KeyPath, release: ReleaseRow, row: BuildRow, toolkits: Collection[Version]) -> Build:
    spans = tuple(_span(stated, toolkits) for stated in row.variants)
    for place, span in enumerate(spans):
        if not span:
            where = document.at(*path, "variants", place)
            raise BadInput("no CUDA of cuda.yaml is in this range", where=where, hint="correct it, or add the toolkit there")
    return Build(
        provider=row.provider,
        variants=frozenset[Variant]().union(*spans),
        platforms=frozenset(row.platforms),
        pythons=row.python,
        at=document.at(*path),
        cudnn=row.cudnn,
        glibc=row.glibc,
        because=row.because or "",
        needs=tuple(sorted({**release.needs, **row.needs}.items(), key=itemgetter(0))),
        spans=spans if any(len(span) > 1 for span in spans) else (),
    )


def _span(stated: StatedVariant, toolkits: Collection[Version]) -> frozenset[Variant]:
    """The variants that one of a row stands for: `any` for CPU and every CUDA, a range for every CUDA in it."""
    if isinstance(stated, str):  # any
        return frozenset({None, *toolkits})
    if isinstance(stated, SpecifierSet):
        return frozenset(cuda for cuda in toolkits if cuda in stated)
    return frozenset({stated})


def _spelling(provider: str, row: SpellingRow, at: Address, *, linked: bool) -> Spelling:
    """One row of `providers`. Raises BadInput for one of neither conda packages nor wheels, or of both.

    What is `linked` was compiled against the builds of the same provider, where the row does not say another.
    """
    if bool(row.channels) == bool(row.index):
        what = f"{provider}: `channels:` and `index:` in one row" if row.index else f"{provider}: neither `channels:` nor `index:`"
        raise BadInput(what, where=at, hint="write `channels:` for conda packages, or `index:` for wheels")
    if row.index and row.newer_minor:
        hint = "wheels bring the CUDA that they were built for: name each CUDA in `variants:`"
        raise BadInput(f"{provider}: `newer-minor:` is for conda packages", where=at, hint=hint)
    return Spelling(
        releases=row.releases,
        cpu=tuple(row.cpu),
        cuda=tuple(row.cuda),
        channels=tuple(row.channels),
        cpu_channels=tuple(row.cpu_channels),
        index=row.index or "",
        if_installed=tuple(row.if_installed),
        newer_minor=row.newer_minor,
        same_cuda=row.same_cuda,
        built_against=tuple(row.built_against) or ((provider,) if linked else ()),
        because=row.because,
        at=at,
    )
