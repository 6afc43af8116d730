"""Index folders made up from a matrix: for every cell that it claims the record that proves it, and what that needs."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from envgen.curate.facts import facts
from envgen.curate.model import Fact
from envgen.curate.published import variant_package
from envgen.model.facts import Matrix
from envgen.model.platforms import PLATFORMS

PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")
PACKAGES = {"alpha": "alpha", "beta": "betalib"}


@dataclass(frozen=True)
class Entry:
    """One package record."""

    name: str
    version: str
    build: str
    depends: tuple[str, ...] = ()
    channel: str = "conda-forge"
    subdir: str = "noarch"

    @property
    def needs(self) -> str:
        return " ".join(self.depends)

    def needing(self, old: str, new: str) -> Entry:
        """The record with one dependency in place of another."""
        assert any(need.startswith(old) for need in self.depends), (old, self)
        return replace(self, depends=tuple(need for need in (new if d.startswith(old) else d for d in self.depends) if need))


def of_python(minor: str) -> tuple[str, str]:
    """What a package that is built for one Python minor needs."""
    major, _, number = minor.partition(".")
    return f"python >={minor},<{major}.{int(number) + 1}.0a0", f"python_abi {minor}.* *_cp{minor.replace('.', '')}"


def record_of(fact: Fact) -> Entry:
    """The record that confirms a fact, in the dialect of its provider."""
    minor, cu = str(fact.python), str(fact.variant or "").replace(".", "")
    needs = of_python(minor)
    if fact.variant:
        major = fact.variant.major
        toolkit = (
            f"cudatoolkit {fact.variant}.*"
            if fact.provider in ("pytorch", "vendor")
            else f"cuda-version >={fact.variant},<{major + 1}"
        )
        if fact.provider in ("conda-forge", "rapidsai") and major < 12:
            toolkit = f"cuda-version >={fact.variant},<{major + 1}.0a0"
        needs = (*needs, "__cuda", toolkit, *([f"cudnn >={fact.cudnn}.1,<{fact.cudnn + 1}.0a0"] if fact.cudnn else []))
    py = minor.replace(".", "")
    if fact.provider in ("conda-forge", "rapidsai"):
        build = f"cuda{cu}_py{py}_{fact.cudnn or 0}" if fact.variant else f"cpu_py{py}_0"
    else:
        build = f"py{minor}_cuda{fact.variant}_0" if fact.variant else f"py{minor}_cpu_0"
    return Entry(PACKAGES.get(fact.framework, fact.framework), str(fact.version), build, needs, fact.provider, fact.platform)


def world(matrix: Matrix) -> list[Entry]:
    """The records of everything that a small matrix claims, and of what those builds need."""
    claimed = facts(matrix, tuple(matrix.frameworks), PLATFORMS)
    beside = [
        *(Entry("python", f"{minor}.9", "0_cpython", subdir=p) for minor in PYTHONS for p in PLATFORMS),
        *(Entry("python_abi", minor, f"1_cp{minor.replace('.', '')}", (f"python {minor}.*",)) for minor in PYTHONS),
        *(Entry("cuda-version", version, "0") for version in ("11.8", "12.6")),
        *(Entry("cudatoolkit", f"{version}.0", "0", subdir=p) for version in ("11.8",) for p in PLATFORMS),
        *(Entry("cudnn", version, "0", subdir=p) for version in ("8.9.7.29", "9.10.2.21") for p in PLATFORMS),
        Entry("cpuonly", "2.0", "0", channel="vendor"),
        *(Entry("beta", version, "0") for version in ("3.0.0", "3.1.0")),
    ]
    return [*dict.fromkeys(record_of(fact) for fact in claimed), *beside]


def whole(matrix: Matrix) -> list[Entry]:
    """A record for every cell that the matrix of this repository claims, named as its provider names builds."""
    return [_as_spelled(fact) for fact in facts(matrix, tuple(matrix.frameworks), PLATFORMS)]


def _as_spelled(fact: Fact) -> Entry:
    assert fact.spelling
    record = record_of(fact)
    build = _at_the_end(fact, re.sub(r"_(\d)$", r"_9\1", record.build))  # a later build than any that was withdrawn
    package = variant_package(fact.framework, fact.spelling, fact.variant)
    entry = replace(record, name=package.name, build=build)
    old = (fact.framework, fact.provider) == ("pytorch", "pytorch") and fact.variant and fact.version.release < (1, 8)
    return replace(entry, build=entry.build.replace(str(fact.variant), f"{fact.variant}.89")) if old else entry


def _at_the_end(fact: Fact, build: str) -> str:
    """The build string, with the variant at its end where the spelling looks for it there."""
    assert fact.spelling
    asked = [spec.split() for spec in (fact.spelling.cuda if fact.variant else fact.spelling.cpu)]
    glob = next((words[2] for words in asked if len(words) > 2), "*")
    glob = glob.replace("{cu}", str(fact.variant or "").replace(".", "")).replace("{cuda}", str(fact.variant))
    if fnmatchcase(build, glob):
        return build
    py = str(fact.python).replace(".", "")
    if glob.startswith("*"):
        return f"py{py}_{fact.cudnn or 0}{glob[1:].replace('*', '0123456_9')}"
    return glob.replace("*", f"{'' if glob.endswith('py*') else 'py'}{py}_{fact.cudnn or 0}_9")


def publish(folder: Path, entries: Iterable[Entry], channels: Iterable[str] = ("conda-forge", "vendor")) -> Path:
    """Write an index folder, every subdir of every channel."""
    entries = list(entries)
    for channel in channels:
        for subdir in (*PLATFORMS, "noarch"):
            here = [entry for entry in entries if (entry.channel, entry.subdir) == (channel, subdir)]
            path = folder / channel / subdir / "repodata.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            packages = {f"{entry.name}-{entry.version}-{entry.build}.conda": _row(entry) for entry in here}
            path.write_text(
                json.dumps({"info": {"subdir": subdir}, "packages": {}, "packages.conda": packages, "repodata_version": 1})
            )
    return folder


def _row(entry: Entry) -> dict[str, object]:
    digest = hashlib.sha256(repr(entry).encode()).hexdigest()
    return {
        "name": entry.name,
        "version": entry.version,
        "build": entry.build,
        "build_number": 0,
        "depends": list(entry.depends),
        "md5": digest[:32],
        "sha256": digest,
        "size": 1,
        "subdir": entry.subdir,
        "timestamp": 1_700_000_000_000,
    }
