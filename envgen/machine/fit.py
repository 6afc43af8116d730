"""Which targets of a project a machine can run, and which one to use on it. Pure.

The machine only selects among targets that exist; nothing in a lock depends on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.matrix import drivers
from envgen.matrix.constraints import Known, holds, known_of_target, violation_text
from envgen.matrix.gpu_code import BUILD
from envgen.matrix.gpu_names import gpu_named
from envgen.matrix.hardware import cudnn_pin, driver_os, has_code, no_code_text, runs_with
from envgen.model.constraint import Constraint
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, Platform, Release, Target, Variant, driver_text
from envgen.model.gpu import Gpu
from envgen.model.machine import Fit, LockedTarget, Machine, RunMode, System
from envgen.model.project import Project, RequestedFramework
from envgen.model.requested import provider_of, with_overrides, with_own_targets
from envgen.model.toolkit import Toolkit
from envgen.targets import MachineWord

Wanted = tuple[RequestedFramework, str]  # a framework that a project asks for, and its provider
_NOTHING: Known = MappingProxyType({})
_LEVEL = re.compile(r"x86_64(?:_v([0-9]))?$")


def choose_target(
    word: MachineWord,
    machine: Machine,
    matrix: Matrix,
    project: Project,
    system: System | None = None,
    locks: Mapping[str, LockedTarget] | None = None,
) -> tuple[str, str]:
    """The target of a project that `word` means on this machine, and why.

    With `locks` only locked targets count, and they are judged by what is in their locks; without, by what they can become.
    Raises BadInput if there is no CUDA target to choose, or none that the machine can run.
    """
    return choose(word, project_fits(machine, matrix, project, system, locks), machine, project)


def choose(word: MachineWord, fits: Sequence[Fit], machine: Machine, project: Project) -> tuple[str, str]:
    """The newest CUDA target that runs; else, for `auto`, the CPU target; without a driver the newest CUDA target."""
    locked = [fit for fit in fits if fit.locked]
    cuda = sorted((fit for fit in locked if fit.cuda), key=lambda fit: fit.cuda or Version("0"), reverse=True)
    cpu = next((fit.target for fit in locked if fit.cuda is None), None)
    newest = next((fit.target for fit in cuda if fit.runs), None)
    if newest and (word is MachineWord.GPU or cpu is None or machine.served):
        return newest, f"newest CUDA target that driver {_driver(machine)} can run"
    if word is MachineWord.AUTO and cpu:
        return cpu, _why_no_cuda(machine, cuda)
    if not cuda:
        unlocked = any(fit.cuda for fit in fits)
        what, hint = ("locked CUDA target", "run `envgen lock`") if unlocked else ("CUDA target", "add one, for example cu126")
        what, hint = (what, hint) if locked else ("locked target", "run `envgen lock`")
        raise BadInput(f"{project.name} has no {what}", where=project.at("targets"), hint=hint)
    if machine.driver is None:
        return cuda[0].target, f"{machine.note or 'no NVIDIA driver'}: the project's newest CUDA target"
    closest, what = _closest(cuda), _none_runs(machine, cuda, f" of {project.name}")
    older = "" if closest.driver_suffices else ", or add an older CUDA target"
    hint = f"{next(iter(closest.fixes), 'use another machine')}{older}, or use `--target cpu`"
    raise BadInput(what, where=project.at("targets"), hint=hint)


def project_fits(
    machine: Machine,
    matrix: Matrix,
    project: Project,
    system: System | None = None,
    locks: Mapping[str, LockedTarget] | None = None,
) -> tuple[Fit, ...]:
    """How every target of a project fits a machine, in the project's order; `locks` is None if nobody looked for locks."""
    matrix = with_own_targets(matrix, project)
    wanted = tuple((requested, provider_of(matrix, project, requested)) for requested in project.frameworks)
    return tuple(
        target_fit(machine, matrix, target, system, wanted, (locks or {}).get(target.name), lock_expected=locks is not None)
        for target in _targets(matrix, project)
    )


def target_fit(
    machine: Machine,
    matrix: Matrix,
    target: Target,
    system: System | None = None,
    wanted: Sequence[Wanted] = (),
    lock: LockedTarget | None = None,
    *,
    lock_expected: bool = False,
) -> Fit:
    """Whether and how a machine can run one target, with every reason why not.

    Without `system` the platform is the target's first one, and libc and processor are not checked. With a lock, the constraints
    are also checked for what it chose; `wanted` are the project's frameworks, each with its provider.
    """
    platforms = tuple(p for p in lock.platforms if p in target.virtual) if lock else target.platforms
    platform = system.platform if system else next(iter(platforms), "")
    target = target.on(platform)
    refusals = list(_platform(matrix, target, platforms, platform)) or list(_virtual_packages(target, platform, system))
    cuda = _cuda_check(machine, matrix, target, platform, system, wanted)
    driver = list(cuda.driver()) if cuda else []
    if cuda and not refusals:
        refusals = [*driver, *cuda.gpus(_chosen(matrix, wanted, lock), lock)]
    locked = lock is not None or not lock_expected
    if refusals:
        why, fixes = tuple(refusal.why for refusal in refusals), dict.fromkeys(fix for refusal in refusals for fix in refusal.fixes)
        return Fit(
            target=target.name,
            cuda=target.cuda,
            mode=None,
            why=why,
            fixes=tuple(fixes),
            locked=locked,
            driver_suffices=not driver,
        )
    if cuda is None:
        return Fit(target=target.name, cuda=None, mode="cpu", why=("needs no GPU",), locked=locked)
    mode, reason, cautions = cuda.mode()
    return Fit(target=target.name, cuda=target.cuda, mode=mode, why=(reason,), cautions=cautions, locked=locked)


def _targets(matrix: Matrix, project: Project) -> Iterator[Target]:
    """The project's targets with its overrides, on the platforms that the project names."""
    for requested in project.targets:
        target = with_overrides(matrix.targets[requested.name], requested)
        yield replace(target, platforms=tuple(p for p in target.platforms if requested.platforms or p in project.platforms))


def _chosen(matrix: Matrix, wanted: Sequence[Wanted], lock: LockedTarget | None) -> Known:
    """The framework versions in a lock, as values for constraints."""
    providers = tuple(dict.fromkeys(provider for _, provider in wanted))
    chosen = {name: (Version(version),) for name, version in (lock.chosen if lock else {}).items() if name in matrix.frameworks}
    return {**chosen, "provider": tuple(providers)} if chosen and providers else chosen


# --- why a target does not run --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a machine cannot run a target, and what to do about it."""

    why: str
    fixes: tuple[str, ...] = ()


def _platform(matrix: Matrix, target: Target, platforms: Sequence[Platform], platform: Platform) -> Iterator[_Refusal]:
    if platform not in platforms:
        fix = f"add `{platform}` to `platforms:` in the project and run `envgen lock`"
        why = f"is for {', '.join(platforms) or 'no platform'}, but this machine is {platform or 'none of them'}"
        yield _Refusal(why, (fix,) if platform in matrix.targets[target.name].platforms else ())


def _virtual_packages(target: Target, platform: Platform, system: System | None) -> Iterator[_Refusal]:
    """A libc or processor that is older than what the target promised to the solver."""
    if system is None:
        return
    promised = target.virtual[platform]
    glibc = promised.get("__glibc", "").split(" ")[0]
    if glibc and (system.glibc < Version(glibc) if system.glibc else system.musl):
        have = f"glibc {system.glibc}" if system.glibc else "musl"
        fix = f"use a system or container image with glibc {glibc} or newer"
        yield _Refusal(f"is solved for glibc {glibc}, but this system has {have}", (fix,))
    level = promised.get("__archspec", "").split(" ")[-1]
    needed, has = _LEVEL.match(level), _LEVEL.match(system.archspec)
    if needed and has and int(has[1] or 1) < int(needed[1] or 1):
        why = f"is solved for {level} processors, but this one is {system.archspec}"
        yield _Refusal(why, (f"use a machine with a processor of level {level}",))


@dataclass(frozen=True, kw_only=True)  # without slots: a cached property needs a place
class _CudaCheck:
    """One CUDA target on one machine; `driver_os` is the system that the driver is for, "linux" or "windows".

    `wanted` are the frameworks of the project, each with its provider.
    """

    machine: Machine
    matrix: Matrix
    target: Target
    toolkit: Toolkit
    platform: Platform
    driver_os: str
    wanted: tuple[Wanted, ...]

    @cached_property
    def _about_gpus(self) -> list[Constraint]:
        """What may refuse a GPU."""
        return [
            rule for rule in self.matrix.constraints if not rule.warn and any(c.axis == "gpu" for c in (*rule.when, *rule.need))
        ]

    @property
    def native(self) -> Variant:
        """The newest CUDA that the driver runs natively: as NVML says, else the newest toolkit that it came with or after."""
        if self.machine.cuda or self.machine.driver is None:
            return self.machine.cuda
        return drivers.native(self.matrix, self.machine.driver, self.driver_os)

    def driver(self) -> Iterator[_Refusal]:
        """A missing driver, or one that is too old: below the minimum, or, if there is none, of an older CUDA major."""
        cuda, floor, have = self.toolkit.version, self.toolkit.floor.get(self.driver_os), self.machine.driver
        needed = f"driver {driver_text(floor)} or newer" if floor else f"a driver that runs CUDA {cuda.major}"
        install = f"install {needed}"
        if have is None:
            yield _Refusal(f"needs {needed}, but this machine has no driver", (install,))
        elif floor and have < floor:
            why = f"needs {needed}, but this machine has {driver_text(have)}"
            yield _Refusal(why, (install, *self._forward_compatibility()))
        elif not floor and self.machine.cuda and self.machine.cuda.major < cuda.major:
            yield _Refusal(f"needs {needed}, but this one runs CUDA {self.machine.cuda}", (install,))

    def _forward_compatibility(self) -> Iterator[str]:
        """Is for data-centre GPUs, for Linux, and for the next major of CUDA."""
        known = [gpu_named(self.matrix, gpu.name) for gpu in self.machine.served]
        reaches = drivers.forward(self.native, self.toolkit, self.driver_os)
        if reaches and known and all(gpu and gpu.data_centre for gpu in known):
            yield f"or, on data-centre GPUs, use {drivers.compat(self.matrix)}"

    def gpus(self, chosen: Known, lock: LockedTarget | None) -> Iterator[_Refusal]:
        """Each model of GPU without code in the toolkit, a build or the locked cuDNN; of hidden GPUs none where one has it."""
        models = tuple(dict.fromkeys(Gpu(name=gpu.name, capability=gpu.capability) for gpu in self.machine.served))
        refused = [(gpu, found) for gpu in models if (found := self._no_code(gpu, chosen) or self._no_cudnn_code(gpu, lock))]
        others_serve = len(refused) < len(models)
        for gpu, refusal in refused if self.machine.gpus or not others_serve else ():
            hide = (f"hide the {gpu.name} with CUDA_VISIBLE_DEVICES",) if others_serve else ()
            yield _Refusal(refusal.why, (*refusal.fixes, *hide))

    def _no_code(self, gpu: Gpu, chosen: Known) -> _Refusal | None:
        if why := self._violated(gpu, self.target):
            return _Refusal(why, self._served_by(gpu))
        why = self._violated(gpu, self.target, chosen)
        return _Refusal(why) if why else None

    def _violated(self, gpu: Gpu, target: Target, chosen: Known = _NOTHING) -> str:
        """Why neither the toolkit of a target nor the builds of these frameworks have code for a GPU; "" if they do."""
        toolkit = self.matrix.toolkits[target.cuda] if target.cuda else self.toolkit
        if not has_code(toolkit, gpu):
            return no_code_text(toolkit, gpu)
        build: Known = {BUILD: (target.cuda,)} if target.cuda else {}
        known = {**known_of_target(target, self.platform), **build, "gpu": (gpu.capability,), **chosen}
        violated = next((rule for rule in self._about_gpus if holds(rule, known) is False), None)
        return f"{gpu.name}: {violation_text(violated, known)}" if violated else ""

    def _served_by(self, gpu: Gpu) -> tuple[str, ...]:
        """Which targets of the matrices have code for a GPU, and builds of the project's frameworks."""
        here = (row for row in self.matrix.targets.values() if self.platform in row.platforms and not row.own)
        targets = [row for row in here if row.cuda in self.matrix.built]
        serving = [(row.cuda, row.name) for row in targets if row.cuda and not self._violated(gpu, row)]
        built = [(cuda, name) for cuda, name in serving if all(self._is_built(*one, cuda, gpu) for one in self.wanted)]
        if not built:
            names = ", ".join(str(requested) for requested, _ in self.wanted)
            return (f"change `frameworks:`, because no CUDA build of {names} has code for it",) if serving else ()
        (_, first), (_, last) = min(built), max(built)
        return (f"use {f'a target from {first} to {last}' if first != last else f'target {first}'}, which has code for it",)

    def _is_built(self, requested: RequestedFramework, provider: str, cuda: Version, gpu: Gpu) -> bool:
        """Whether a version that the project allows has a build that runs with a CUDA and was made by one with code for a GPU."""
        framework = self.matrix.frameworks.get(requested.framework)
        releases = framework.releases if framework else ()
        allowed = [release for release in releases if requested.versions.contains(release.version, prereleases=True)]
        return any(self._serves(variant, cuda, gpu) for release in allowed for variant in self._variants(release, provider, cuda))

    def _variants(self, release: Release, provider: str, cuda: Version) -> Iterator[Variant]:
        """The builds of a release for this platform that may be taken for a CUDA: where its dialect allows it, older ones, too."""
        spelling = self.matrix.frameworks[release.framework].spelling(provider, release.version)
        here = (build for build in release.builds if build.provider == provider and self.platform in build.platforms)
        variants = (variant for build in here for variant in build.variants)
        return (variant for variant in variants if variant == cuda or (spelling and spelling.newer_minor))

    def _serves(self, variant: Variant, cuda: Version, gpu: Gpu) -> bool:
        """Whether a build for one CUDA runs with another, and has code for a GPU."""
        return variant is not None and runs_with(variant, cuda) and has_code(self.matrix.toolkits[variant], gpu)

    def _no_cudnn_code(self, gpu: Gpu, lock: LockedTarget | None) -> _Refusal | None:
        locked = lock.cudnn.get(self.platform) if lock else None
        pin = cudnn_pin(self.matrix, (gpu,), self.target)
        if locked is None or pin is None or locked in SpecifierSet(pin[0]):
            return None
        fix = f'add `gpus: ["{gpu.capability}"]` to the project and run `envgen lock`'
        return _Refusal(f"its lock has cuDNN {locked}, but {pin[1].text}", (fix,))

    def mode(self) -> tuple[RunMode, str, tuple[str, ...]]:
        """How the machine runs the target, why, and what may fail nevertheless."""
        cuda, driver = self.toolkit.version, _driver(self.machine)
        if self.native is None or self.native >= cuda:
            return "native", f"driver {driver} runs CUDA {self.native or cuda}", ()
        floor, own = self.toolkit.floor.get(self.driver_os), self.toolkit.driver.get(self.driver_os)
        needs = f"needs driver {driver_text(floor)} or newer, and this is {driver}" if floor else f"runs on driver {driver}"
        since = f" on drivers before {driver_text(own)}" if own else ""
        compilers = ", ".join(self.matrix.catalogue.compilers)
        caution = f"code compiled at run time{f' ({compilers})' if compilers else ''} may fail{since}"
        return "minor", f"by minor-version compatibility: CUDA {cuda.major} {needs}", (caution,)


def _cuda_check(
    machine: Machine, matrix: Matrix, target: Target, platform: Platform, system: System | None, wanted: Sequence[Wanted]
) -> _CudaCheck | None:
    """None for a CPU target. In WSL programs for Linux use the driver of Windows, whose version NVML reports there."""
    if target.cuda is None:
        return None
    return _CudaCheck(
        machine=machine,
        matrix=matrix,
        target=target,
        toolkit=matrix.toolkits[target.cuda],
        platform=platform,
        driver_os="windows" if system and system.wsl else driver_os(platform),
        wanted=tuple(wanted),
    )


def _driver(machine: Machine) -> str:
    return driver_text(machine.driver) if machine.driver else "?"


def _why_no_cuda(machine: Machine, cuda: Sequence[Fit]) -> str:
    """Why `auto` means the CPU target; `cuda` are the CUDA targets, newest first."""
    if machine.driver is None:
        return machine.note or "no NVIDIA driver"
    if not cuda:
        return "no CUDA target to choose"
    if not machine.served and any(fit.runs for fit in cuda):
        return machine.note or "no GPU"
    return _none_runs(machine, cuda)


def _none_runs(machine: Machine, cuda: Sequence[Fit], of: str = "") -> str:
    """That none of some CUDA targets runs, with the reasons of the closest one."""
    closest = _closest(cuda)
    subject = (
        f"no CUDA target{of} runs here" if closest.driver_suffices else f"driver {_driver(machine)} cannot run any CUDA target{of}"
    )
    return f"{subject} ({closest.target}: {'; '.join(closest.why)})"


def _closest(cuda: Sequence[Fit]) -> Fit:
    """Of CUDA targets that do not run, the newest first: the newest for which the driver suffices, else the oldest."""
    return next((fit for fit in cuda if fit.driver_suffices), cuda[-1])
