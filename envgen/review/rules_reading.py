"""The rules about files that cannot be read, the most telling first."""

from __future__ import annotations

from envgen.resolver.resolve import Unsatisfiable
from envgen.review.registry import READING, ReadError

rule = READING.rule


@rule(
    "merge-conflict",
    "git could not merge two changes: nobody has decided yet what the file says.",
    fix="git checkout --ours -- {file}, or --theirs; then: envgen lock",
)
def merge_conflict(read: ReadError) -> bool:
    """Conflict markers in a project, a matrix or a lock."""
    return "merge conflict" in read.error.what


@rule("matrix-unreadable", "Without the facts nothing can be checked.", fix="envgen matrix lint")
def matrix_unreadable(read: ReadError) -> bool:
    """A file in matrices/ that is not YAML or breaks its schema."""
    return read.kind == "matrix"


@rule("unsatisfiable", "No choice meets what the project requests: it cannot be locked.", fix="envgen resolve {project} --explain")
def unsatisfiable(read: ReadError) -> bool:
    """A project without a choice for some target."""
    return isinstance(read.error, Unsatisfiable)


@rule("project-unreadable", "What the project requests is not known.", fix="envgen resolve {project}")
def project_unreadable(read: ReadError) -> bool:
    """A project.yaml that is not YAML, breaks its schema, or names what the matrices do not have."""
    return read.kind == "project"


@rule("template-unreadable", "environment.yml cannot be made.", fix="envgen lock {project} --dry-run")
def template_unreadable(read: ReadError) -> bool:
    """A template that is missing, has an error, or changes what was decided."""
    return read.kind == "template"


@rule("lock-edited", "The packages are not those that envgen wrote: nobody solved and verified them.", fix="git checkout -- {file}")
def lock_edited(read: ReadError) -> bool:
    """The stamp holds the digest of the packages."""
    return read.kind == "lock" and "were changed after it was written" in read.error.what


@rule("lock-unreadable", "Nothing can be installed from it.", fix="git checkout -- {file}")
def lock_unreadable(read: ReadError) -> bool:
    """A lock that is truncated, has no metadata, or is of another version."""
    return read.kind == "lock"


@rule("index-unreadable", "`envgen lock --offline` cannot read the records of the locked packages.", fix="git checkout -- {file}")
def index_unreadable(read: ReadError) -> bool:
    """A repodata.json of the recorded index that is not JSON, or not repodata."""
    return read.kind == "index"
