"""Which targets of a project a machine can run, and which of them is taken. Pure.

The machine only chooses among targets that are described already: what is judged here never feeds a lock.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.matrix import drivers
from envgen.matrix.gpu_names import gpu_named
from envgen.model.errors import BadInput
from envgen.model.facts import Address, Gpu, Matrix, Platform, Project, Target, Toolkit, Variant, driver_text
from envgen.model.machine import Fit, LockedTarget, Machine, Manner, System
from envgen.resolver import constraints
from envgen.targets import AUTO, GPU

_LEVEL = re.compile(r"x86_64(?:_v(\d))?$")


def best_for(
    word: str,
    machine: Machine,
    matrix: Matrix,
    project: Project,
    only: Collection[str] | None = None,
    here: System | None = None,
    locks: Mapping[str, LockedTarget] | None = None,
) -> tuple[str, str]:
    """The target of a project that `word` (`gpu` or `auto`) means on this machine, and why; `only` of these, where they are given.

    Without `locks` a target is judged by what it may become when it is locked, with them by what it is.
    Raises BadInput when there is no CUDA target to take, or none that the machine can run.
    """
    return choose(word, verdicts(machine, matrix, project, here, locks), machine, project, only)


def choose(
    word: str, found: Sequence[Fit], machine: Machine, project: Project, only: Collection[str] | None = None
) -> tuple[str, str]:
    """Among verdicts: the newest CUDA target that fits; for `auto` then the CPU target; without a driver the newest CUDA target."""
    open_to = [verdict for verdict in found if only is None or verdict.target in only]
    cuda = sorted((verdict for verdict in open_to if verdict.cuda), key=_age, reverse=True)
    fitting = next((verdict.target for verdict in cuda if verdict.fits), None)
    cpu = next((verdict.target for verdict in open_to if verdict.cuda is None), None)
    if fitting and (word == GPU or cpu is None or machine.gpus or machine.hidden):
        return fitting, f"newest CUDA target that driver {_driver(machine)} can run"
    if word == AUTO and cpu:
        return cpu, f"the CPU target, because {_lacking(machine, cuda)}"
    if not cuda:
        what, hint = ("CUDA target", "add one, for instance cu126") if only is None else ("locked CUDA target", "run `envgen lock`")
        raise BadInput(f"{project.name} has no {what}", where=project.at("targets"), hint=hint)
    if machine.driver is None:
        return cuda[0].target, f"{machine.note or 'no NVIDIA driver here'}: the project's newest CUDA target"
    raise BadInput(
        f"driver {_driver(machine)} can run no CUDA target of {project.name} {_refused(cuda[-1])}",
        where=project.at("targets"),
        hint=f"it takes {next(iter(cuda[-1].fixes), 'another machine')}; or add an older CUDA target, or use `--target cpu`",
    )


def verdicts(
    machine: Machine,
    matrix: Matrix,
    project: Project,
    here: System | None = None,
    locks: Mapping[str, LockedTarget] | None = None,
) -> tuple[Fit, ...]:
    """A verdict for every target of a project, in the project's order; `locks` are those there are, None where nobody looked."""
    providers = tuple(dict.fromkeys(constraints.provider(matrix, project, wish) for wish in project.frameworks))
    return tuple(
        verdict(machine, matrix, target, here, providers, (locks or {}).get(target.name), asked=locks is not None)
        for target in _targets(matrix, project)
    )


def verdict(
    machine: Machine,
    matrix: Matrix,
    target: Target,
    here: System | None = None,
    providers: Sequence[str] = (),
    lock: LockedTarget | None = None,
    *,
    asked: bool = False,
) -> Fit:
    """Whether a machine can run one target, with every reason against it.

    Without `here` the platform is the target's first one and nothing is said about libc and processor. What a lock chose
    is held against the constraints as well; `providers` are those of the project's frameworks.
    """
    platforms = tuple(p for p in lock.platforms if p in target.virtual) if lock else target.platforms
    platform = here.platform if here else next(iter(platforms), "")
    against = list(_elsewhere(matrix, target, platforms, platform)) or list(_system(target, platform, here))
    case = _case(machine, matrix, target, platform, here)
    if case and not against:
        against = [*case.too_old(), *case.without_code(_known(matrix, providers, lock), lock)]
    locked = lock is not None or not asked
    if against:
        cures = tuple(dict.fromkeys(cure for _, cures in against for cure in cures))
        return Fit(
            target=target.name,
            cuda=target.cuda,
            how="",
            why=tuple(what for what, _ in against),
            cautions=(),
            fixes=cures,
            locked=locked,
        )
    how: Manner
    how, why, cautions = case.manner() if case else ("cpu", "needs no GPU", ())
    return Fit(target=target.name, cuda=target.cuda, how=how, why=(why,), cautions=cautions, fixes=(), locked=locked)


def _targets(matrix: Matrix, project: Project) -> Iterator[Target]:
    """The project's targets as it wants them, on the platforms that it names."""
    for wish in project.targets:
        target = constraints.with_overrides(matrix.targets[wish.name], wish)
        yield replace(target, platforms=tuple(p for p in target.platforms if wish.platforms or p in project.platforms))


def _known(matrix: Matrix, providers: Sequence[str], lock: LockedTarget | None) -> constraints.Known:
    chosen = {name: (Version(version),) for name, version in (lock.chosen if lock else {}).items() if name in matrix.frameworks}
    return {**chosen, "provider": tuple(providers)} if chosen and providers else chosen


# --- reasons against: what it is, and what would unlock it -----------------------------------------------------------------

Against = Iterator[tuple[str, tuple[str, ...]]]


def _elsewhere(matrix: Matrix, target: Target, platforms: Sequence[Platform], platform: Platform) -> Against:
    if platform not in platforms:
        known = platform in matrix.targets[target.name].platforms
        cures = (f"`{platform}` in the project's platforms:, then `envgen lock`",) if known else ()
        yield f"is for {', '.join(platforms) or 'no platform'}, this machine is {platform or 'none of them'}", cures


def _system(target: Target, platform: Platform, here: System | None) -> Against:
    """What the target promises to the solver of libc and processor, and the system does not keep."""
    if here is None:
        return
    promised = target.virtual[platform]
    glibc = promised.get("__glibc", "").split(" ")[0]
    if glibc and (here.glibc < Version(glibc) if here.glibc else here.musl):
        have = f"glibc {here.glibc}" if here.glibc else "musl"
        yield f"is solved for glibc {glibc}, this system has {have}", (f"a system or container image with glibc {glibc} or newer",)
    level = promised.get("__archspec", "").split(" ")[-1]
    wanted, has = _LEVEL.match(level), _LEVEL.match(here.archspec)
    if wanted and has and int(has[1] or 1) < int(wanted[1] or 1):
        yield f"is solved for {level} processors, this one is {here.archspec}", (f"a processor of level {level}",)


@dataclass(frozen=True, slots=True)
class _Case:
    """One CUDA target on one machine; `system` is the family of its driver. What speaks against it comes with what unlocks it."""

    machine: Machine
    matrix: Matrix
    target: Target
    toolkit: Toolkit
    platform: Platform
    system: str

    def too_old(self) -> Against:
        """No driver, one below the floor, or, where nobody names a floor, one that runs no CUDA of this major."""
        cuda, floor, have = self.toolkit.version, self.toolkit.floor.get(self.system), self.machine.driver
        needs = f"driver {driver_text(floor)} or newer" if floor else f"a driver that runs CUDA {cuda.major}"
        if have is None:
            yield f"needs {needs}, here is none", (needs,)
        elif floor and have < floor:
            yield f"needs {needs}, this machine has {driver_text(have)}", (needs, *self._forward())
        elif not floor and self.machine.cuda and self.machine.cuda.major < cuda.major:
            yield f"needs {needs}, this one runs CUDA {self.machine.cuda}", (needs,)

    def _forward(self) -> Iterator[str]:
        """Forward compatibility is for data-centre GPUs, on Linux, and the next major of CUDA."""
        gpus, brings = self.machine.gpus, newest_native(self.matrix, self.machine, self.system)
        known = [gpu_named(self.matrix, gpu.name) for gpu in gpus]
        if drivers.forward(brings, self.toolkit, self.system) and known and all(gpu and gpu.data_centre for gpu in known):
            yield f"instead, on data-centre GPUs: {drivers.COMPAT}"

    def without_code(self, chosen: constraints.Known, lock: LockedTarget | None) -> Against:
        """GPUs for which the toolkit, a framework's build or the locked cuDNN has no code; each kind of GPU once."""
        kinds = tuple(dict.fromkeys(Gpu(name=gpu.name, capability=gpu.capability) for gpu in self.machine.gpus))
        bad = [(gpu, found) for gpu in kinds if (found := self._no_code(gpu, chosen) or self._no_cudnn(gpu, lock))]
        for gpu, (what, cures) in bad:
            yield what, (*cures, *((f"CUDA_VISIBLE_DEVICES without the {gpu.name}",) if len(bad) < len(kinds) else ()))

    def _no_code(self, gpu: Gpu, chosen: constraints.Known) -> tuple[str, tuple[str, ...]] | None:
        where = self._cell(gpu, self.target)
        if where.dead:
            return where.dead.text, self._served(gpu)
        known = {**where.known, **chosen}
        hard = (rule for rule in where.open if not rule.warn and any(axis.axis == "gpu" for axis in (*rule.when, *rule.need)))
        broken = next((rule for rule in hard if constraints.holds(rule, known) is False), None)
        return (f"{gpu.name}: {constraints.violated(broken, known)}", ()) if broken else None

    def _cell(self, gpu: Gpu, target: Target) -> constraints.Cell:
        return constraints.cell(self.matrix, _fleet(gpu), target, self.platform)

    def _served(self, gpu: Gpu) -> tuple[str, ...]:
        """The targets of the matrices whose CUDA has code for a GPU."""
        described = (row for row in self.matrix.targets.values() if row.cuda and self.platform in row.platforms)
        serving = [(row.cuda or Version("0"), row.name) for row in described if not self._cell(gpu, row).dead]
        if not serving:
            return ()
        (_, first), (_, last) = min(serving), max(serving)
        return (f"{f'a target from {first} to {last}' if first != last else first}: these have code for it",)

    def _no_cudnn(self, gpu: Gpu, lock: LockedTarget | None) -> tuple[str, tuple[str, ...]] | None:
        locked = lock.cudnn.get(self.platform) if lock else None
        pin = constraints.cudnn_pin(self.matrix, _fleet(gpu), self.target)
        if locked is None or pin is None or locked in SpecifierSet(pin[0]):
            return None
        cure = f'`gpus: ["{gpu.capability}"]` in the project, then `envgen lock`'
        return f"its lock holds cuDNN {locked}, and {pin[1].text}", (cure,)

    def manner(self) -> tuple[Manner, str, tuple[str, ...]]:
        """How the machine runs a target that it can run: the manner, in words, and what may fail all the same."""
        cuda, driver = self.toolkit.version, _driver(self.machine)
        brings = newest_native(self.matrix, self.machine, self.system)
        if brings is None or brings >= cuda:
            return "native", f"driver {driver} runs CUDA {brings or cuda}", ()
        floor, own = self.toolkit.floor.get(self.system), self.toolkit.driver.get(self.system)
        needs = f"needs driver {driver_text(floor)} or newer, this is {driver}" if floor else f"runs on driver {driver}"
        until = f" before driver {driver_text(own)}" if own else ""
        caution = f"what is compiled on the machine (torch.compile, Triton, XLA, numba) may fail{until}"
        return "minor", f"by minor-version compatibility: CUDA {cuda.major} {needs}", (caution,)


def _case(machine: Machine, matrix: Matrix, target: Target, platform: Platform, here: System | None) -> _Case | None:
    """None for a CPU target. WSL runs Linux programs on the Windows driver, and NVML tells that driver's version there."""
    if target.cuda is None:
        return None
    system = "windows" if here and here.wsl else constraints.system(platform)
    return _Case(machine, matrix, target, matrix.toolkits[target.cuda], platform, system)


def newest_native(matrix: Matrix, machine: Machine, system: str) -> Variant:
    """The newest CUDA that the driver runs natively: what NVML says, else the newest toolkit that came with it or before it."""
    if machine.cuda or machine.driver is None:
        return machine.cuda
    return drivers.native(matrix, machine.driver, system)


def _fleet(gpu: Gpu) -> Project:
    """A project that asks for nothing but this GPU: what a project says of its own fleet says nothing of this machine."""
    nothing = SpecifierSet()
    return Project(
        name="",
        python=nothing,
        python_text="",
        frameworks=(),
        targets=(),
        platforms=(),
        channels=(),
        dependencies=(),
        pip=(),
        driver=None,
        gpus=(gpu,),
        align=False,
        exclude_newer=None,
        template="",
        addresses={"": Address("", 1, 1)},
    )


def _age(found: Fit) -> Version:
    return found.cuda or Version("0")


def _driver(machine: Machine) -> str:
    return driver_text(machine.driver) if machine.driver else "?"


def _lacking(machine: Machine, cuda: Sequence[Fit]) -> str:
    """Why `auto` takes no CUDA target."""
    if machine.driver is None:
        return machine.note or "there is no NVIDIA driver"
    if not cuda:
        return "there is no CUDA target to choose"
    if not (machine.gpus or machine.hidden) and any(verdict.fits for verdict in cuda):
        return machine.note or "there is no GPU"
    return f"driver {_driver(machine)} can run no CUDA target {_refused(cuda[-1])}"


def _refused(found: Fit) -> str:
    return f"({found.target}: {'; '.join(found.why)})"
