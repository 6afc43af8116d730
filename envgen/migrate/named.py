"""A draft with the names of targets in the place of words such as `newest`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from envgen.migrate.draft import DraftRow, ProjectDraft
from envgen.model.facts import Matrix
from envgen.model.target_names import named_cuda
from envgen.targets import newest_first, on_any_machine

WHY = "a file means the same everywhere"


def renamed(draft: ProjectDraft, names: Mapping[str, str]) -> ProjectDraft:
    """The draft with the names of targets in place of words; a target that two words mean is there once, with what both have."""
    rows: dict[str, DraftRow] = {}
    for row in (_with_version(row, names) for row in draft.targets):
        key = names.get(row.key, row.key)
        first = rows.get(key, replace(row, key=key, dependencies=(), pip=()))
        rows[key] = replace(
            first,
            dependencies=tuple(dict.fromkeys((*first.dependencies, *row.dependencies))),
            pip=tuple(dict.fromkeys((*first.pip, *row.pip))),
        )
    return replace(
        draft,
        targets=tuple(rows.values()),
        notes=tuple(
            replace(note, target=names[note.target], word=note.target) if note.target in names else note for note in draft.notes
        ),
    )


def _with_version(row: DraftRow, names: Mapping[str, str]) -> DraftRow:
    """A target of the project's own with the CUDA version of the target that its word means."""
    name = names.get(row.cuda)
    return replace(row, key=f"{name}{row.key.removeprefix(row.cuda)}", cuda=str(named_cuda(name))) if name else row


def without_own(draft: ProjectDraft) -> ProjectDraft:
    """The draft without targets of its own whose CUDA is still the word for another target."""
    words = {row.key for row in draft.targets}
    return replace(draft, targets=tuple(row for row in draft.targets if row.cuda not in words))


def with_versions(draft: ProjectDraft, matrix: Matrix) -> ProjectDraft:
    """The draft with the newest target of the matrices for each word that is the CUDA of another target: `cuda:` takes no word."""
    words = {row.key for row in draft.targets} & {row.cuda for row in draft.targets}
    return renamed(draft, {word: newest_first(on_any_machine(word, matrix, WHY), matrix)[0].name for word in words})
