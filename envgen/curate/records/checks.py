"""The checks of a fact against package records: each aspect is confirmed, refuted or undecidable, with its reason. Pure.

A partial index proves that something exists, never that it does not. So what is absent refutes a fact only where the index is
complete; a record that says otherwise refutes it anywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from envgen.channels.explanation import blocking_package
from envgen.curate.model import Aspect, AspectName, Fact, PublishedBuild, Selection, and_more, variant_label
from envgen.model.findings import Finding

NO_SPELLING = Aspect(
    name="spelling",
    verdict="refuted",
    reason="no spelling requests the build",
    text="no row of `providers` has specs for such a build of this release",
)

ALONE = Aspect(
    name="solves",
    verdict="undecidable",
    reason="the matrix has nothing that it goes with",
    text="no release that it needs has a build for the same platform, Python and CUDA",
)


@dataclass(frozen=True, slots=True)
class FactChecker:
    """Checks facts. `complete`: the index holds every published build. `namers` are the packages that name a CUDA version."""

    complete: bool
    namers: tuple[str, ...]

    def by_records(self, fact: Fact, selection: Selection, majors: Collection[int]) -> tuple[Aspect, ...]:
        """What records say without a solve: whether the build exists, its spelling selects it alone, and it links that cuDNN.

        `majors` are the cuDNN versions that all rows together claim of this build.
        """
        same = [build for build in selection.builds if _is_variant(fact, build)]
        cudnn = self._cudnn(fact, same, majors) if fact.cudnn is not None and fact.variant is not None else None
        found = (self._exists(fact, selection, same), _spelling(fact, selection, same), cudnn)
        return tuple(aspect for aspect in found if aspect)

    def _exists(self, fact: Fact, selection: Selection, same: Sequence[PublishedBuild]) -> Aspect:
        if not selection.has_channel:
            reason = f"no channel {selection.package.channel}"
            return self._absent("exists", reason, f"{reason} in these records")
        gone = [build for build in selection.withdrawn if _is_variant(fact, build) and fact.python in build.pythons]
        if gone and not any(fact.python in build.pythons for build in same):
            return self._absent("exists", "the channel withdrew the build", f"its channel withdrew {gone[0]}{and_more(gone)}")
        package, platform = selection.package.name, fact.platform
        variants = {build.variant for build in selection.builds if build.version == fact.version}
        if not variants:
            text = f"no record of {package} {fact.version} for {platform}"
            return self._absent("exists", "no record of the release on the platform", text)
        if not same:
            text = f"records of {package} {fact.version} for {platform} are for {_listed(map(variant_label, variants))}"
            return self._absent("exists", "records of the release, none of the variant", text)
        if not any(fact.python in build.pythons for build in same):
            return self._other_pythons(fact, same)
        return Aspect(name="exists", verdict="confirmed")

    def _other_pythons(self, fact: Fact, builds: Sequence[PublishedBuild]) -> Aspect:
        """No build for the Python. Builds for one Python each leave that open; builds for several that exclude it refute it."""
        first = builds[0]
        if not any(build.one_python for build in builds):
            needs = ", ".join(need for need in first.needs if need.split()[0] in ("python", "python_abi", "cpython"))
            reason, text = "the record is for other Pythons", f"{first} needs `{needs}`"
            return Aspect(name="exists", verdict="refuted", reason=reason, text=text)
        pythons = ", ".join(map(str, sorted({python for build in builds for python in build.pythons})))
        what = f"{first.package} {fact.version} for {variant_label(fact.variant)} on {fact.platform}"
        return self._absent("exists", "records of the variant, none for the Python", f"records of {what} are for Python {pythons}")

    def _cudnn(self, fact: Fact, same: Sequence[PublishedBuild], majors: Collection[int]) -> Aspect | None:
        """None where no build is for the Python: the check of existence says so."""
        builds = [build for build in same if fact.python in build.pythons]
        linked = {build.cudnn: build for build in builds if build.cudnn is not None}
        other = next((build for major, build in sorted(linked.items()) if major not in majors), None)
        if fact.cudnn in linked:
            return Aspect(name="cudnn", verdict="confirmed")
        if other:
            text = f"{other} links cuDNN {other.cudnn}, not {fact.cudnn}"
            return Aspect(name="cudnn", verdict="refuted", reason="another cuDNN", text=text)
        if linked:
            text = f"the records link cuDNN {', '.join(map(str, sorted(linked)))}, which another row claims"
            return self._absent("cudnn", "no record that links the row's cuDNN", text)
        if not builds:
            return None
        return Aspect(name="cudnn", verdict="undecidable", reason="the records name no cuDNN", text=f"{builds[0]} names no cuDNN")

    def without_solve(self, missing: Sequence[str]) -> Aspect:
        """Nothing was solved: no record matches some of the specs."""
        return self._absent("solves", f"no record of {missing[0]}", f"no record of {', '.join(missing)}")

    def unsolvable(self, explanation: str, unmet: Sequence[str]) -> Aspect:
        """There is no solution. Refuted where the index is complete, or where every build needs what its own target cannot give.

        `unmet` says for each build what that is, "" if nothing.
        """
        if unmet and all(unmet):
            reason = "the target cannot give what the build needs"
            return Aspect(name="solves", verdict="refuted", reason=reason, text=unmet[0])
        if self.complete:
            return Aspect(name="solves", verdict="refuted", reason="no solution", text=explanation)
        reason = f"no record of {blocking_package(explanation)} that fits the rest"
        return Aspect(name="solves", verdict="undecidable", reason=reason, text=explanation)

    def solved(self, fact: Fact, package: str, build: PublishedBuild | None, findings: Iterable[Finding]) -> tuple[Aspect, ...]:
        """There is a solution: whether it has the right build, and everything else in it is for the same CUDA.

        The build, and packages that name a CUDA version, prove something in any index. Other packages depend on what it holds.
        """
        solves = Aspect(name="solves", verdict="confirmed")
        if build is None or not _is_variant(fact, build):
            text = f"the solution has {build}" if build else f"the solution has no known build of {package}"
            return solves, Aspect(name="cuda", verdict="refuted", reason="the solution has another build", text=text)
        found = next(iter(findings), None)
        if found is None:
            return solves, Aspect(name="cuda", verdict="confirmed")
        name = found.package.partition(" ")[0]
        text = f"{found.rule}: {found.package}{', ' if found.package else ''}{found.text}"
        if name in ("", package, *self.namers):
            return solves, Aspect(
                name="cuda", verdict="refuted", reason=f"the solution is for another CUDA ({found.rule})", text=text
            )
        return solves, self._absent("cuda", f"a dependency is for another CUDA ({name})", text)

    def _absent(self, name: AspectName, reason: str, text: str) -> Aspect:
        """An aspect that fails because something is not in the records."""
        return Aspect(name=name, verdict="refuted" if self.complete else "undecidable", reason=reason, text=text)


def _spelling(fact: Fact, selection: Selection, same: Sequence[PublishedBuild]) -> Aspect | None:
    """Whether the spec selects every build of the variant and nothing else; None where there is no such build to select.

    None, too, for a companion whose builds have no name of their own: the framework's build decides, and only a solve can tell.
    """
    if fact.needs and len(selection.spec.split()) < 3:
        return None
    foreign = [build for build in selection.selected if not _is_variant(fact, build)]
    if foreign:
        reason = "the spelling selects another build"
        text = f"`{selection.spec}` also selects {foreign[0]}, a build for {variant_label(foreign[0].variant)}{and_more(foreign)}"
        return Aspect(name="spelling", verdict="refuted", reason=reason, text=text)
    selected = set(map(str, selection.selected))
    missed = [build for build in same if str(build) not in selected]
    if missed:
        text = f"`{selection.spec}` does not select {missed[0]}{and_more(missed)}"
        return Aspect(name="spelling", verdict="refuted", reason="the spelling misses a build", text=text)
    return Aspect(name="spelling", verdict="confirmed") if same else None


def _is_variant(fact: Fact, build: PublishedBuild) -> bool:
    return build.version == fact.version and build.variant in fact.stands_for


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(sorted(set(texts)))
