"""The rules about the recorded index, and about what is below environments/ and belongs to no lock."""

from __future__ import annotations

from envgen.model.address import Address
from envgen.review.registry import CHECK_FIX, REPOSITORY, Disagreements, RepositoryCase

rule = REPOSITORY.rule


@rule("record-missing", "`envgen lock --offline` cannot solve with a package that has no record.", fix="envgen lock")
def record_missing(case: RepositoryCase) -> Disagreements:
    """The packages of the locks against the recorded index."""
    for key, packages in case.locked.items():
        if key not in case.records:
            yield case.at(packages[0]), f"the recorded index has no record of {key}"


@rule("record-differs", "The record and the lock are of different files with one name.", fix="envgen lock --update")
def record_differs(case: RepositoryCase) -> Disagreements:
    """The hashes of the locks against those of the recorded index."""
    for key, packages in case.locked.items():
        record = case.records.get(key, {})
        for package in packages:
            for kind, text in (("sha256", package.sha256), ("md5", package.md5)):
                if text and record.get(kind) and record[kind] != text:
                    yield case.at(package), f"{key}: its {kind} is {text} here, and {record[kind]} in the recorded index"


@rule("hash-differs", "Two locks name one file with different hashes.", fix="envgen lock --update")
def hash_differs(case: RepositoryCase) -> Disagreements:
    """The hashes of one package in all locks."""
    for key, packages in case.locked.items():
        hashes = {package.sha256 for package in packages if package.sha256}
        if len(hashes) > 1:
            yield case.at(packages[-1]), f"{key}: its sha256 is not that of {case.at(packages[0]).place}"


@rule("record-unneeded", "The recorded index has the records of the locks, and no others.", fix=CHECK_FIX)
def record_unneeded(case: RepositoryCase) -> Disagreements:
    """The recorded index against the packages of the locks."""
    for key in case.records:
        if key not in case.locked:
            yield case.lines[key], f"no lock names {key}"


@rule("record-unordered", "A record on each line, sorted: so git merges the file, and a diff is short.", fix=CHECK_FIX)
def record_unordered(case: RepositoryCase) -> Disagreements:
    """The text of each repodata.json against the one that envgen writes."""
    for file in case.unordered:
        yield Address(file, 1, 1), "it is not written as envgen writes it"


@rule("project-removed", "Nothing says what these locks are for, and nothing locks them again.", fix="git rm -r {folder}")
def project_removed(case: RepositoryCase) -> Disagreements:
    """Locks of envgen's in a folder without project.yaml."""
    for file in case.orphans:
        yield Address(file, 1, 1), "its project has no project.yaml any more"


@rule("file-left", "A file that envgen made for a target that is gone: nothing updates it.", fix=CHECK_FIX)
def file_left(case: RepositoryCase) -> Disagreements:
    """A virtual-packages.yml of envgen's, and what is beside it, in a folder of no target."""
    for file in case.leftovers:
        yield Address(file, 1, 1), "its target is gone"


@rule("temporary-file", "A run that was killed left it.", severity="warning", fix=CHECK_FIX)
def temporary_file(case: RepositoryCase) -> Disagreements:
    """Files with `.envgen-tmp` in their names."""
    for file in case.temporary:
        yield Address(file, 1, 1), "a run that was killed left this file"


@rule(
    "link-out",
    "What a link leads to is not reviewed with the repository.",
    fix="git rm --cached -- {file}, and put a file in its place",
)
def link_out(case: RepositoryCase) -> Disagreements:
    """Symbolic links below environments/ that lead out of the repository."""
    for file in case.links:
        yield Address(file, 1, 1), "this symbolic link leads out of the repository"
