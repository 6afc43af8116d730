"""The keys of `project.yaml`, each read into values and the aliases that are written in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envgen.matrix.drivers import check_driver
from envgen.matrix.gpu_names import required_gpu
from envgen.model.address import Address
from envgen.model.errors import BadInput, closest
from envgen.model.facts import Matrix, Platform, Reason, driver_text
from envgen.model.gpu import Gpu
from envgen.model.pip import LocalPackage
from envgen.model.platforms import COMMONLY
from envgen.model.project import Dependency, RequestedFramework, RequestedTarget, target_key
from envgen.model.ranges import version_range
from envgen.model.target_names import CPU
from envgen.project.aliases import ANY, AliasMeaning, any_version, read_alias
from envgen.project.draft import DraftTarget
from envgen.project.notes import gpu_note, python_note, spelled_gpu
from envgen.project.own_target import own_target
from envgen.project.package_spec import PackageSpec, conda_spec, pip_spec, version_and_builds, without_brackets
from envgen.project.pip_lines import check_requirement, local_package
from envgen.project.python import WHY, PythonRange, by_minor
from envgen.project.schema import CUDA_HINT, SPEC, CudaRow, ProjectFile, RequestedFrameworkRow, RequestedTargetRow
from envgen.targets import NEWEST, TargetRange, exactly, in_file, newest_first, of_others
from envgen.yamlfile.document import Document

Item = TypeVar("Item")
_AS_DEPENDENCY = "put `{}` under dependencies: instead, and the solver chooses its build"


@dataclass(frozen=True, slots=True)
class Section(Generic[Item]):
    """What one key holds: values in the terms of envgen, and the aliases."""

    items: tuple[Item, ...] = ()
    aliases: tuple[AliasMeaning, ...] = ()


@dataclass(frozen=True, slots=True)
class Sections:
    """Reads the keys of one project file. Every method raises BadInput with the address of what is wrong."""

    document: Document
    matrix: Matrix

    def at(self, *path: str | int) -> Address:
        """Where a value is written."""
        return self.document.at(*path)

    def python(self, file: ProjectFile) -> PythonRange:
        """The Python minors that the key and a `python` under `dependencies:` allow; the matrices must know one of them."""
        found = self._python(self.text("python"), f"python: {self.text('python')}", self.at("python"))
        for spec, at in self._specs(file.dependencies, "dependencies"):
            if _is_python(spec):
                version, _ = version_and_builds(without_brackets(spec, at), at)
                found = self._both(found, self._python(version or "*", spec.text, at), spec.text, at)
        return found

    def with_builds(self, found: PythonRange, aliases: Iterable[AliasMeaning]) -> PythonRange:
        """The Python minors that the builds in aliases are for, too; a note where that is less than the key allows."""
        for alias in aliases:
            if alias.python:
                both = self._both(found, self._python(alias.python, alias.text, alias.at), alias.text, alias.at)
                found = both if both.text != found.text else found
        return found

    def _python(self, written: str, shown: str, at: Address) -> PythonRange:
        """One range of Pythons, with a note where minors were read into the key."""
        known, text = sorted(self.matrix.pythons), by_minor(written)
        try:
            versions = version_range(text)
        except ValueError as error:
            raise BadInput(f"`{shown}` in minors: {error}", where=at, hint=f"write minors, such as 3.12: {WHY}") from None
        if known and not any(version in versions for version in known):
            hint = f"the matrices know Python {known[0]} to {known[-1]}"
            raise BadInput(f"python: the matrices know no minor in {written}", where=at, hint=hint)
        noted = at == self.at("python") and text != written
        return PythonRange(versions, text, (python_note(shown, text, text, at),) if noted else ())

    def _both(self, key: PythonRange, more: PythonRange, shown: str, at: Address) -> PythonRange:
        """The range of the key and of a dependency. Raises BadInput where the matrices know no minor in both."""
        first, second = ({version for version in self.matrix.pythons if version in one.versions} for one in (key, more))
        if not first & second:
            what = f"`{shown}` requests python {more.text}, but {key.text} is requested at {self.at('python')}"
            raise BadInput(what, where=at, hint="they exclude each other: keep one of the two")
        text = key.text if first <= second else more.text if second <= first else f"{key.text},{more.text}"
        instead = text if text != key.text else ""
        return PythonRange(key.versions & more.versions, text, (*key.notes, python_note(shown, more.text, instead, at)))

    def text(self, *path: str) -> str:
        """A value as it is written; "" where there is none."""
        value: Any = self.document.data
        for part in path:
            value = value.get(part, "") if isinstance(value, Mapping) else ""
        return str(value)

    # --- frameworks -------------------------------------------------------------------------------------------------------

    def frameworks(self, rows: Mapping[str, RequestedFrameworkRow]) -> Section[RequestedFramework]:
        """The frameworks; a key may be an alias, also one that requests a target alone."""
        aliases = {key: self._framework_alias(key, row) for key, row in rows.items() if key not in self.matrix.frameworks}
        found = [one for key, row in rows.items() for one in self._with_companions(key, row, aliases.get(key))]
        return Section(tuple(found), tuple(alias for alias in aliases.values() if alias))

    def _with_companions(self, key: str, row: RequestedFrameworkRow, alias: AliasMeaning | None) -> Iterator[RequestedFramework]:
        """The framework of a key, and those that are listed as its companions, in any version."""
        framework = self._framework(key, row, alias)
        if framework is None:
            return
        yield framework
        for index, name in enumerate(row.companions):
            yield any_version(self.matrix, name, self.at("frameworks", key, "with", index))

    def _framework_alias(self, key: str, row: RequestedFrameworkRow) -> AliasMeaning | None:
        spec, version = conda_spec(key), self._version(key, row)
        if version != ANY:
            spec = replace(spec, text=f'{key}: "{version}"', rest=version)
        return read_alias(self.matrix, spec, self.at("frameworks", key))

    def _version(self, key: str, row: RequestedFrameworkRow) -> str:
        written = self.text("frameworks", key, "version") or self.text("frameworks", key)
        return written if row.version != SpecifierSet() else ANY

    def _framework(self, key: str, row: RequestedFrameworkRow, alias: AliasMeaning | None) -> RequestedFramework | None:
        if alias and alias.framework is None:
            return None
        read = alias.framework if alias else None
        name, at = (read.framework, read.at) if read else (key, self.at("frameworks", key))
        if name in self.matrix.catalogue.frameworks.keys() - self.matrix.frameworks.keys():
            raise BadInput(f"matrices/ has no releases of {name} to choose from", where=at, hint=_AS_DEPENDENCY.format(name))
        if name not in self.matrix.frameworks:
            near, instead = closest(name, self.matrix.frameworks), _AS_DEPENDENCY.format(name)
            raise BadInput(f"no framework `{name}` in matrices/", where=at, hint=near if near.endswith("?") else instead)
        self._check(key, name, row)
        if read is None:
            return RequestedFramework(
                framework=name,
                versions=row.version,
                text=self._version(key, row),
                provider=row.provider,
                at=at,
                host=self.matrix.frameworks[name].companion_of,
            )
        return replace(read, provider=row.provider or read.provider)

    def _check(self, key: str, name: str, row: RequestedFrameworkRow) -> None:
        framework = self.matrix.frameworks[name]
        if row.provider is not None and row.provider not in framework.providers:
            hint = closest(row.provider, framework.providers)
            raise BadInput(f"{name} has no provider `{row.provider}`", where=self.at("frameworks", key, "provider"), hint=hint)
        own = {other.name for other in self.matrix.frameworks.values() if other.companion_of == name}
        for index, companion in enumerate(row.companions):
            if companion not in own:
                where, hint = self.at("frameworks", key, "with", index), closest(companion, own)
                raise BadInput(f"`{companion}` is not a companion of {name}", where=where, hint=hint)

    # --- targets ----------------------------------------------------------------------------------------------------------

    def targets(self, rows: Mapping[str, RequestedTargetRow], build: Sequence[str]) -> Section[DraftTarget]:
        """The targets that are listed, and the aliases: in the place of a name, and in `dependencies:` below one."""
        return _joined(self._target(key, row, build) for key, row in rows.items())

    def _target(self, key: str, row: RequestedTargetRow, build: Sequence[str]) -> Section[DraftTarget]:
        listed = self.document.data["targets"]
        path: tuple[str | int, ...] = ("targets", listed.index(key) if isinstance(listed, list) else key)
        at, own = self.at(*path), own_target(self.document, self.matrix, key, row.cuda)
        known = own or self.matrix.targets.get(key)
        alias = None if known else self._target_alias(key, at)
        allowed = alias.target if alias and alias.target else exactly(known or self.matrix.targets[CPU])
        name = known.name if known else CPU if allowed.cuda is None else ""
        platforms = self.platforms(row.platforms, *path, "platforms") if row.platforms is not None else None
        extra = self.dependencies(row.dependencies, *path, "dependencies", inside=at)
        wheels = self.pip(row.pip, *path, "pip", build=build, inside=at)
        for folder in self.local(row.pip, *path, "pip"):
            hint = "list it under `pip:` of the project: it is installed in every target"
            raise BadInput(f"`{folder}` is a folder, which is not for one target", where=folder.at, hint=hint)
        requested = RequestedTarget(
            name=name,
            at=at,
            platforms=platforms,
            virtual=row.virtual_packages,
            dependencies=extra.items,
            own=own,
            driver=row.driver,
            gpus=tuple(gpu for _, gpu, _ in self._gpus(row.gpus, *path, "gpus")),
            pip=wheels.items,
        )
        return Section((DraftTarget(requested, allowed),), (*([alias] if alias else []), *extra.aliases, *wheels.aliases))

    def addresses(self, rows: Mapping[str, RequestedTargetRow], targets: Sequence[DraftTarget]) -> dict[str, Address]:
        """Where the virtual packages, the driver and the GPUs of each target are written.

        Raises BadInput for a CUDA that is older than the target's.
        """
        found: dict[str, Address] = {}
        for (key, row), target in zip(rows.items(), targets, strict=True):
            found.update(
                {target_key(target.requested, one): self.at("targets", key, one) for one in ("driver", "gpus") if getattr(row, one)}
            )
            for package, value in target.requested.virtual.items():
                at = found[target_key(target.requested, package)] = self.at("targets", key, "virtual-packages", package)
                known = target.requested.own or self.matrix.targets.get(target.requested.name)
                cuda = known.cuda if known else None
                if package == "__cuda" and cuda and Version(value.split(" ")[0]) < cuda:
                    hint = f"remove it: target {target.requested.name} promises __cuda {cuda}"
                    raise BadInput(
                        f"__cuda {value} is older than CUDA {cuda} of target {target.requested.name}", where=at, hint=hint
                    )
        return found

    def _target_alias(self, key: str, at: Address) -> AliasMeaning:
        alias = read_alias(self.matrix, conda_spec(key), at)
        if alias and alias.target:
            return alias
        allowed = in_file(key, self.matrix, at)
        if allowed is None:
            hint = of_others(key) or closest(key, self.matrix.targets)
            if isinstance(self.document.data["targets"], dict) and not of_others(key) and not hint.startswith("did you mean"):
                hint = f"{hint}; a target of the project's own has `cuda:`"
            raise BadInput(f"no target `{key}` in matrices/targets.yaml", where=at, hint=hint)
        return AliasMeaning(text=key, at=at, because=self._because(allowed), target=allowed)

    def cuda(self, row: CudaRow | None) -> Section[DraftTarget]:
        """The target that the key `cuda:` adds."""
        if row is None:
            return Section()
        at, written, version = self.at("cuda"), self.document.data["cuda"], row.version or NEWEST[0]
        allowed = in_file(version, self.matrix, at)
        if allowed is None or allowed.cuda is None:
            raise BadInput(f"cuda: {version!r} is not a CUDA version", where=at, hint=CUDA_HINT)
        gpus = [spelled_gpu(required_gpu(self.matrix, name, self.at("cuda", "gpus", i))) for i, name in enumerate(row.gpus)]
        also: tuple[str, ...] = (f'`driver: ">={driver_text(row.driver)}"`',) if row.driver else ()
        also += (f"`gpus: [{', '.join(gpus)}]`",) if gpus else ()
        text = f"cuda: {written if isinstance(written, str) else _on_one_line(written)}"
        alias = AliasMeaning(text=text, at=at, because=self._because(allowed), target=allowed, also=also)
        return Section((DraftTarget(RequestedTarget(name="", at=at), allowed),), (alias,))

    def _because(self, allowed: TargetRange) -> str:
        if allowed.cuda is None:
            return "target names are lower case"
        found = newest_first(allowed, self.matrix)
        return f"CUDA {found[0].cuda}" if len(found) == 1 else "the newest that the rest of the project allows"

    # --- packages ---------------------------------------------------------------------------------------------------------

    def dependencies(self, found: Sequence[str], *path: str | int, inside: Address | None = None) -> Section[Dependency]:
        """The conda specs; `inside` is the address of the target below which they are listed."""
        specs = ((spec, at) for spec, at in self._specs(found, *path) if inside or not _is_python(spec))
        own, aliases = self._sorted(specs, inside)
        return Section(tuple(_dependency(spec.text, at) for spec, at in own), aliases)

    def _specs(self, found: Sequence[str], *path: str | int) -> Iterator[tuple[PackageSpec, Address]]:
        return ((conda_spec(text), self.at(*path, index)) for index, text in enumerate(found))

    def pip(self, found: Sequence[str], *path: str | int, build: Sequence[str], inside: Address | None = None) -> Section[str]:
        """The requirements of pip, as they are written, without packages in folders. `build` names what may be built."""
        lines = {at: text for place, text in enumerate(found) if not local_package(text, at := self.at(*path, place))}
        own, aliases = self._sorted(((pip_spec(text), at) for at, text in lines.items()), inside)
        allowed = set(map(canonicalize_name, build))
        for _, at in own:
            check_requirement(lines[at], at, allowed)
        return Section(tuple(lines[at] for _, at in own), tuple(replace(alias, of_pip=True) for alias in aliases))

    def local(self, found: Sequence[str], *path: str | int) -> tuple[LocalPackage, ...]:
        """The packages in folders among the lines of `pip:`."""
        return tuple(filter(None, (local_package(text, self.at(*path, index)) for index, text in enumerate(found))))

    def _sorted(
        self, specs: Iterable[tuple[PackageSpec, Address]], inside: Address | None = None
    ) -> tuple[list[tuple[PackageSpec, Address]], tuple[AliasMeaning, ...]]:
        """The specs that are not aliases, and what the others request."""
        read = [(spec, at, read_alias(self.matrix, spec, at, inside)) for spec, at in specs]
        own = [(spec, at) for spec, at, alias in read if alias is None]
        return own, tuple(alias for _, _, alias in read if alias)

    # --- platforms and hardware -------------------------------------------------------------------------------------------

    def platforms(self, found: Sequence[str], *path: str | int) -> tuple[Platform, ...]:
        """The platforms, sorted; each must be one that some target supports."""
        known = {platform for target in self.matrix.targets.values() for platform in target.platforms}
        for index, platform in enumerate(found):
            if platform not in known:
                where, hint = self.at(*path, index), closest(COMMONLY.get(platform.lower(), platform), known)
                raise BadInput(f"no target supports the platform `{platform}`", where=where, hint=hint)
        return tuple(sorted(set(found)))

    def driver(self, file: ProjectFile) -> Version | None:
        """The oldest driver, which may be written in two places and must be the same in both."""
        other = file.cuda.driver if file.cuda else None
        own = ((row.driver, ("targets", key, "driver")) for key, row in file.targets.items())
        for driver, path in ((file.driver, ("driver",)), (other, ("cuda", "driver")), *own):
            if driver:
                check_driver(self.matrix, driver, self.at(*path))
        if file.driver and other and file.driver != other:
            what = f"cuda.driver: {driver_text(other)}, but driver: is {driver_text(file.driver)} at {self.at('driver')}"
            raise BadInput(what, where=self.at("cuda", "driver"), hint="keep the older one")
        return file.driver or other

    def gpus(self, file: ProjectFile) -> tuple[tuple[Gpu, ...], tuple[Reason, ...]]:
        """The GPUs of both keys that hold some, and a note for each that is written in another way than in the matrices."""
        found = [*self._gpus(file.gpus, "gpus"), *self._gpus(file.cuda.gpus if file.cuda else (), "cuda", "gpus")]
        found += [one for key, row in file.targets.items() for one in self._gpus(row.gpus, "targets", key, "gpus")]
        own = sum(len(row.gpus) for row in file.targets.values())
        platforms = {*file.platforms, *(platform for row in file.targets.values() for platform in row.platforms or ())}
        for name, gpu, at in found:
            if not any(map(gpu.on, platforms)):
                where = " and ".join(sorted(gpu.platforms))
                what = f"`{name}` is in {where} machines alone, and platforms: has {', '.join(sorted(platforms))}"
                raise BadInput(what, where=at, hint=f"add {where} to platforms:, or remove the GPU")
        notes = (gpu_note(name, gpu, at) for name, gpu, at in found)
        return tuple(gpu for _, gpu, _ in found[: len(found) - own]), tuple(one for one in notes if one)

    def _gpus(self, names: Sequence[str], *path: str | int) -> list[tuple[str, Gpu, Address]]:
        """Each GPU by the name that is written, with its place."""
        places = [(name, self.at(*path, index)) for index, name in enumerate(names)]
        return [(name, required_gpu(self.matrix, name, at), at) for name, at in places]


def _joined(sections: Iterator[Section[Item]]) -> Section[Item]:
    found = tuple(sections)
    items = tuple(item for section in found for item in section.items)
    return Section(items, tuple(alias for section in found for alias in section.aliases))


def _dependency(spec: str, at: Address) -> Dependency:
    match = re.fullmatch(SPEC, spec)
    name = match[1].lower() if match else spec
    if name == "python":
        hint = "write the version under the key `python:`, which is for all targets"
        raise BadInput("`python` is not a dependency of one target", where=at, hint=hint)
    return Dependency(spec, name, at)


def _is_python(spec: PackageSpec) -> bool:
    return spec.name.lower() == "python"


def _on_one_line(data: Mapping[str, Any]) -> str:
    """A mapping in YAML's flow style."""
    values = (f"[{', '.join(value)}]" if isinstance(value, list) else f'"{value}"' for value in data.values())
    return f"{{{', '.join(f'{key}: {value}' for key, value in zip(data, values, strict=True))}}}"
