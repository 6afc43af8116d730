"""The rules about the files of a target whose choice is still allowed: that they are what its inputs make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from envgen.lock.inputs import as_of
from envgen.lock.plan import resolved_for_other
from envgen.lock.render import same_data
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.layout import SPEC, VIRTUAL
from envgen.review.registry import CHECK_FIX, RELOCK, STALE, Disagreements, TargetCase
from envgen.yamlfile.document import data_of

rule = STALE.rule


@rule("platform-not-locked", "A platform that is requested is not in the lock.", fix=RELOCK)
def platform_not_locked(case: TargetCase) -> Disagreements:
    """The platforms that the target can serve against those of the lock."""
    for platform in case.held.platforms if case.held else ():
        if case.stamp and platform not in case.stamp.downloads:
            yield case.plan.project.at("platforms"), f"{platform} is requested, and not locked"


@rule("platform-not-requested", "The lock has a platform that is not requested, or that the target cannot serve.", fix=CHECK_FIX)
def platform_not_requested(case: TargetCase) -> Disagreements:
    """The platforms of the lock against those that the target can serve."""
    for platform in case.stamp.downloads if case.stamp and case.held else ():
        if case.held and platform not in case.held.platforms:
            why = next((f": {row.because.text}" for row in case.held.dropped if row.platform == platform), "")
            yield case.in_lock("  platforms:"), f"{platform} is locked, and not requested{why}"


@rule("lock-old", "An older envgen did not record what it asked the solver.", fix=RELOCK)
def lock_old(case: TargetCase) -> Disagreements:
    """A stamp without `envgen-cells`."""
    if case.held and case.stamp and not case.stamp.cells:
        yield case.in_lock("custom_metadata"), "an older envgen wrote this lock, which does not say what was asked for it"


@rule("date-not-locked", "The lock may hold packages that are newer than the requested date.", fix=RELOCK)
def date_not_locked(case: TargetCase) -> Disagreements:
    """`exclude-newer:` against the stamp."""
    held, stamp = case.held, case.stamp
    if held and stamp and not as_of(stamp.exclude_newer, held.project.exclude_newer):
        was = f"as of {stamp.exclude_newer}" if stamp.exclude_newer else "without a date"
        yield case.plan.project.at("exclude-newer"), f"it was locked {was}, and {held.project.exclude_newer} is requested"


@rule("environment-missing", "Reviewers read environment.yml, and conda creates environments from it.", fix=CHECK_FIX)
def environment_missing(case: TargetCase) -> Disagreements:
    """A lock without the environment.yml that it was made from."""
    if case.rendered and SPEC not in case.texts:
        yield Address(f"{case.folder}/{SPEC}", 1, 1), f"{SPEC} is missing"


@rule("virtual-packages-missing", "conda-lock needs the file to lock again what is locked.", fix=CHECK_FIX)
def virtual_packages_missing(case: TargetCase) -> Disagreements:
    """A lock without the virtual-packages.yml that it was made from."""
    if case.rendered and VIRTUAL not in case.texts:
        yield Address(f"{case.folder}/{VIRTUAL}", 1, 1), f"{VIRTUAL} is missing"


@rule("environment-unreadable", "Nobody can create the environment from it.", fix=CHECK_FIX)
def environment_unreadable(case: TargetCase) -> Disagreements:
    """An environment.yml or a virtual-packages.yml that is not YAML."""
    for file in case.rendered:
        try:
            data_of(case.texts.get(file.name, ""), f"{case.folder}/{file.name}")
        except BadInput as error:
            yield _place(error, f"{case.folder}/{file.name}"), f"{file.name}: {error.what}"


@rule("environment-edited", "The file is made by envgen: what is edited in it has no effect on the lock.", fix=CHECK_FIX)
def environment_edited(case: TargetCase) -> Disagreements:
    """An environment.yml that differs, beside a lock that was made from what the inputs say."""
    if case.is_of_these_inputs and _differs(case, SPEC):
        old, new = _data(case, SPEC)
        extra = next((spec for spec in _specs(old) if spec not in _specs(new)), None)
        lost = next((spec for spec in _specs(new) if spec not in _specs(old)), None)
        told = f"{extra} was added" if extra else f"{lost} was removed" if lost else "it says something else than its inputs"
        yield case.in_spec(extra.strip("`") if extra else "dependencies:"), f"{SPEC} was changed by hand: {told}"


@rule("virtual-packages-edited", "The file is made by envgen: what is edited in it has no effect on the lock.", fix=CHECK_FIX)
def virtual_packages_edited(case: TargetCase) -> Disagreements:
    """A virtual-packages.yml that differs, beside a lock that was made from what the inputs say."""
    if case.is_of_these_inputs and _differs(case, VIRTUAL):
        yield Address(f"{case.folder}/{VIRTUAL}", 1, 1), f"{VIRTUAL} was changed by hand"


@rule("spec-not-locked", "What the project or the facts request is not in the lock.", fix=RELOCK)
def spec_not_locked(case: TargetCase) -> Disagreements:
    """The specs that the inputs make against those that were locked."""
    if not case.is_of_these_inputs and _differs(case, SPEC):
        old, new = _data(case, SPEC)
        for spec in _specs(new):
            if spec not in _specs(old):
                yield _written(case, spec), f"{spec} is requested, and not locked"


@rule("spec-not-requested", "The lock has what nothing requests any more.", fix=RELOCK)
def spec_not_requested(case: TargetCase) -> Disagreements:
    """The specs that were locked against those that the inputs make."""
    if not case.is_of_these_inputs and _differs(case, SPEC):
        old, new = _data(case, SPEC)
        for spec in _specs(old):
            if spec not in _specs(new):
                yield case.in_spec(spec.strip("`")), f"{spec} is locked, and not requested"


@rule("pip-not-locked", "The pip section of the project is not what was locked.", fix=RELOCK)
def pip_not_locked(case: TargetCase) -> Disagreements:
    """`pip:` against the pip section of environment.yml."""
    if not case.is_of_these_inputs and _differs(case, SPEC):
        old, new = map(_pip, _data(case, SPEC))
        changed = [
            *(f"{row} is requested" for row in new if row not in old),
            *(f"{row} is locked" for row in old if row not in new),
        ]
        if old != new:
            what = f": {changed[0]}" if changed else ""
            yield case.plan.project.at("pip"), f"the pip section is not what is locked{what}"


@rule("pip-inputs-changed", "The pip packages were resolved for something else than is asked now.", fix=RELOCK)
def pip_inputs_changed(case: TargetCase) -> Disagreements:
    """`envgen-pip`, the digest of what uv was asked and of what conda packages provide, where the other inputs are the same."""
    if case.is_of_these_inputs and case.is_settled and case.held and case.stamp:
        outdated = resolved_for_other(case.matrix, case.held, case.stamp, case.plan.locked)
        if outdated:
            told = "what conda packages provide of PyPI is not what the pip packages were resolved beside"
            yield case.plan.project.at("pip"), f"{', '.join(outdated)}: {told}"


@rule("channels-not-locked", "The packages come from channels in another order, or from others.", fix=RELOCK)
def channels_not_locked(case: TargetCase) -> Disagreements:
    """`channels:` against environment.yml."""
    if not case.is_of_these_inputs and _differs(case, SPEC):
        old, new = _data(case, SPEC)
        if _listed(old, "channels") != _listed(new, "channels"):
            channels = ", ".join(map(str, _listed(new, "channels")))
            yield case.plan.project.at("channels"), f"the channels changed to {channels}"


@rule("virtual-packages-changed", "The lock was solved for machines that promise something else.", fix=RELOCK)
def virtual_packages_changed(case: TargetCase) -> Disagreements:
    """The virtual packages of the target and the project against those that were locked."""
    if not case.is_of_these_inputs and _differs(case, VIRTUAL):
        yield case.requested.at, f"the virtual packages changed: {VIRTUAL} says something else"


@rule("template-changed", "environment.yml is not what its template makes now.", fix=CHECK_FIX)
def template_changed(case: TargetCase) -> Disagreements:
    """The digest of the template's text in the stamp, where the lock answers all that is requested."""
    same = all(not _differs(case, file.name) for file in case.rendered)
    if case.rendered and case.is_settled and same and not case.is_of_these_inputs:
        yield Address(case.template, 1, 1), "the template changed since the lock was made"


@rule("request-changed", "The facts limit what the solver may choose in another way than when it was locked.", fix=RELOCK)
def request_changed(case: TargetCase) -> Disagreements:
    """The digest of what the solver was asked, where nothing that environment.yml could say has changed."""
    same = all(not _differs(case, file.name) for file in case.rendered)
    others = (platform_not_locked, platform_not_requested, lock_old, date_not_locked)
    if case.rendered and same and not case.is_settled and not any(found for check in others for found in check(case)):
        told = "the bounds, or the packages of another CUDA that are excluded, are not those that it was solved with"
        yield case.plan.project.at(""), told


@rule("requirements-changed", "The files are not what the project, the matrices and the templates make now.", fix=RELOCK)
def requirements_changed(case: TargetCase) -> Disagreements:
    """What environment.yml says apart from its specs and channels: its name, its platforms, the platform of a spec."""
    platforms = (platform_not_locked, platform_not_requested)
    if not case.is_of_these_inputs and _differs(case, SPEC) and not any(found for check in platforms for found in check(case)):
        old, new = _data(case, SPEC)
        if all(read(old) == read(new) for read in (_specs, _pip, lambda data: _listed(data, "channels"))):
            yield case.requested.at, f"the requirements changed: {SPEC} says something else"


# --- what differs ---------------------------------------------------------------------------------------------------------


def _differs(case: TargetCase, name: str) -> bool:
    """Whether a file is there, can be read, and says something else than the inputs make."""
    file = next((row for row in case.rendered if row.name == name), None)
    if file is None or name not in case.texts or same_data(case.texts[name], file.text):
        return False
    return not any(at.file.endswith(name) for at, _ in environment_unreadable(case))


def _data(case: TargetCase, name: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What a file says, and what the inputs make of it."""
    made = next(row.text for row in case.rendered if row.name == name)
    old, new = (data_of(text, name) for text in (case.texts[name], made))
    return (old if isinstance(old, Mapping) else {}), new


def _listed(data: Mapping[str, Any], key: str) -> list[Any]:
    value = data.get(key)
    return value if isinstance(value, list) else []


def _specs(data: Mapping[str, Any]) -> list[str]:
    return [f"`{spec}`" for spec in _listed(data, "dependencies") if isinstance(spec, str)]


def _pip(data: Mapping[str, Any]) -> list[str]:
    rows: Iterable[Any] = (item for item in _listed(data, "dependencies") if isinstance(item, Mapping))
    return [str(text) for row in rows for text in _listed(row, "pip")]


def _written(case: TargetCase, spec: str) -> Address:
    """Where a spec is requested: the project's own dependency, else the target."""
    own = {f"`{row.spec}`": row.at for row in (*case.plan.project.dependencies, *case.requested.dependencies)}
    return own.get(spec, case.requested.at)


def _place(error: BadInput, file: str) -> Address:
    return error.where if isinstance(error.where, Address) else Address(file, 1, 1)
