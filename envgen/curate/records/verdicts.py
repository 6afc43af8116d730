"""How records stand to a fact: confirmed, refuted or not decidable, aspect by aspect, each with its reason. Pure.

A partial index proves that something is there, never that it is not: what is absent refutes only where the index is complete.
What refutes anywhere is a record that says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from envgen.curate.model import CONFIRMED, REFUTED, UNDECIDABLE, Aspect, Fact, Published, Shelf, told_variant
from envgen.model.findings import Finding

NO_SPELLING = Aspect(
    "spelling", REFUTED, "nothing asks for the build", "no row of `providers` has specs for such a build of this release"
)
_NODE = re.compile(r"^(?P<indent>(?:[│ ]  )*)(?P<last>[├└]─ )?(?P<text>.*)$")
_BLOCKED = re.compile(r"^(?P<name>[\w.-]+) .*cannot be installed because there are no viable options:?$")


@dataclass(frozen=True, slots=True)
class FactJudge:
    """What absence means: a complete index holds every published build. `namers` are the packages that name a CUDA."""

    complete: bool
    namers: tuple[str, ...] = ()

    def absent(self, name: str, kind: str, text: str) -> Aspect:
        """An aspect about something that is not in the records."""
        return Aspect(name, REFUTED if self.complete else UNDECIDABLE, kind, text)

    def records(self, fact: Fact, shelf: Shelf, majors: Collection[int]) -> tuple[Aspect, ...]:
        """What records say without a solve: whether there is such a build, the spelling selects it alone, and it links that cuDNN.

        `majors` are all the cuDNN majors that rows claim of this build.
        """
        aspects = [self._exists(fact, shelf), self._spelling(fact, shelf)]
        if fact.cudnn is not None and fact.variant is not None:
            aspects.append(self._cudnn(fact, shelf, majors))
        return tuple(aspect for aspect in aspects if aspect)

    def _exists(self, fact: Fact, shelf: Shelf) -> Aspect:
        package, where = shelf.carrier.package, f"for {fact.platform}"
        if not shelf.here:
            return self.absent(
                "exists", f"no channel {shelf.carrier.channel}", f"no channel {shelf.carrier.channel} in these records"
            )
        release = [build for build in shelf.builds if build.version == fact.version]
        if not release:
            return self.absent(
                "exists", "no record of the release on the platform", f"no record of {package} {fact.version} {where}"
            )
        variant = [build for build in release if build.variant == fact.variant]
        if not variant:
            told = ", ".join(sorted({told_variant(build.variant) for build in release}))
            text = f"records of {package} {fact.version} {where} are for {told}"
            return self.absent("exists", "records of the release, none of the variant", text)
        if not any(fact.python in build.pythons for build in variant):
            return self._python(fact, variant)
        return Aspect("exists", CONFIRMED)

    def _python(self, fact: Fact, builds: Sequence[Published]) -> Aspect:
        """No build for the Python: absent where each build is for one minor; denied by builds that are for several."""
        for_several = [build for build in builds if not build.tied]
        if len(for_several) == len(builds):
            needs = ", ".join(need for need in for_several[0].needs if need.split()[0] in ("python", "python_abi"))
            return Aspect("exists", REFUTED, "the record is for other Pythons", f"{for_several[0]} needs `{needs}`")
        told = ", ".join(map(str, sorted({python for build in builds for python in build.pythons})))
        which = f"{builds[0].package} {fact.version} for {told_variant(fact.variant)} on {fact.platform}"
        text = f"records of {which} are for Python {told}"
        return self.absent("exists", "records of the variant, none for the Python", text)

    def _spelling(self, fact: Fact, shelf: Shelf) -> Aspect | None:
        meant = [b for b in shelf.builds if (b.version, b.variant) == (fact.version, fact.variant)]
        foreign = [b for b in shelf.selected if (b.version, b.variant) != (fact.version, fact.variant)]
        selected = {id(build) for build in shelf.selected}
        missed = [b for b in meant if id(b) not in selected]
        if foreign:
            text = f"`{shelf.spec}` also selects {foreign[0]}, a build for {told_variant(foreign[0].variant)}"
            return Aspect("spelling", REFUTED, "the spelling selects another build", text + _more(foreign))
        if missed:
            text = f"`{shelf.spec}` does not select {missed[0]}{_more(missed)}"
            return Aspect("spelling", REFUTED, "the spelling misses a build", text)
        return Aspect("spelling", CONFIRMED) if meant else None

    def _cudnn(self, fact: Fact, shelf: Shelf, majors: Collection[int]) -> Aspect | None:
        builds = [b for b in shelf.builds if (b.version, b.variant) == (fact.version, fact.variant) and fact.python in b.pythons]
        told = {build.cudnn: build for build in builds if build.cudnn is not None}
        other = next((build for major, build in sorted(told.items()) if major not in majors), None)
        if fact.cudnn in told:
            return Aspect("cudnn", CONFIRMED)
        if other:
            return Aspect("cudnn", REFUTED, "another cuDNN", f"{other} links cuDNN {other.cudnn}, not {fact.cudnn}")
        if told:
            text = f"the records link cuDNN {', '.join(map(str, sorted(told)))}, which another row says"
            return self.absent("cudnn", "no record that links the row's cuDNN", text)
        return Aspect("cudnn", UNDECIDABLE, "the records do not tell the cuDNN", f"{builds[0]} names no cuDNN") if builds else None

    def unsolved(self, explanation: str, refused: Sequence[str]) -> Aspect:
        """No solution: refuted where the index is complete, or where every build needs what its own target cannot give."""
        if refused and all(refused):
            return Aspect("solves", REFUTED, "the target cannot give what the build needs", refused[0])
        if self.complete:
            return Aspect("solves", REFUTED, "no solution", explanation)
        culprit = culprit_of(explanation)
        return Aspect("solves", UNDECIDABLE, f"no record of {culprit} that fits the rest", explanation)

    def unasked(self, missing: Sequence[str]) -> Aspect:
        """Nothing to solve: no record fits something that the spelling asks for."""
        return self.absent("solves", f"no record of {missing[0]}", f"no record of {', '.join(missing)}")

    def solved(self, fact: Fact, package: str, build: Published | None, findings: Iterable[Finding]) -> tuple[Aspect, ...]:
        """What came out: the build itself and what names its CUDA prove; what else came along depends on what the records hold."""
        solves = Aspect("solves", CONFIRMED)
        if build is None or (build.version, build.variant) != (fact.version, fact.variant):
            text = f"{build or package} comes out" if build else f"{package} does not come out"
            return solves, Aspect("cuda", REFUTED, "another build comes out", text)
        for found in findings:
            text = f"{found.rule}: {found.package}{', ' if found.package else ''}{found.text}"
            if not found.package or found.package.split()[0] in (package, *self.namers):
                return solves, Aspect("cuda", REFUTED, f"what comes out is of another CUDA ({found.rule})", text)
            return solves, self.absent("cuda", f"what comes along is of another CUDA ({found.package.split()[0]})", text)
        return solves, Aspect("cuda", CONFIRMED)


def culprit_of(explanation: str) -> str:
    """The package at the end of the solver's first chain of reasons that is not about another Python."""
    lines = explanation.splitlines()
    top = lines[0].partition("because of: ")[2] if lines else ""
    none = re.match(r"No candidates were found for (.+?)\.?$", top)
    if none:
        return none[1]
    chain = [found["name"] for text in [top] if (found := _BLOCKED.match(text))]
    for branch in _branches(lines[1:]):
        names = [found["name"] for text in branch if (found := _BLOCKED.match(text))]
        leaf = branch[-1].split()[0] if branch else ""
        if leaf not in ("python", "python_abi"):
            return (names or [leaf])[-1]
    return chain[-1] if chain else "something"


def _branches(lines: Iterable[str]) -> list[list[str]]:
    """The tree below the first line, as one list of texts for each branch of its first level, down its first leaves."""
    found: list[list[str]] = []
    deepest = -1
    for line in lines:
        node = _NODE.match(line)
        if not node or not node["last"]:
            continue
        depth = len(node["indent"]) // 3
        if depth == 0:
            found.append([node["text"]])
            deepest = 0
        elif found and depth > deepest:
            found[-1].append(node["text"])
            deepest = depth
    return found


def _more(builds: Sequence[Published]) -> str:
    return f" and {len(builds) - 1} more" if len(builds) > 1 else ""
