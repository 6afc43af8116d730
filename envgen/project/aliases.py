"""A text that a person brings to what it asks for: a framework, a version of it, a CUDA or none. Pure.

`matrices/words.yaml` says what a word means; the names of frameworks and of their companions are words by themselves. This room
knows how words are written: as conda specs, as requirements of pip, as names of targets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envgen.model.errors import BadInput, closest
from envgen.model.facts import Address, Alias, Matrix, RequestedFramework, Target
from envgen.yamlfile.document import version_range

ANY = "any version"
NEWEST = ("newest", "latest", "*")
_MOST = 200  # letters; whatever is longer is no word

_HEAD = re.compile(
    r"(?:(?P<channel>[^\s:]+)::)?(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:\[(?P<extras>[^\]=]*)\]\s*)?(?P<rest>(?:[\s=<>!~\[].*)?)"
)
_PART = r"[=<>!~]{0,3}\s*[\w.*+!-]+"
_REST = re.compile(rf"(?P<version>{_PART}(?:\s*,\s*{_PART})*)?(?:(?:\s+|\s*=\s*)(?P<build>[\w.*]+))?")
_LABEL = re.compile(r"\+([A-Za-z0-9.]+)")
_CUDA = re.compile(r"(?:cuda|gpu)?[\s=_-]*(?P<version>[\d.*,<>=!~\s]*)")
_MINOR = re.compile(r"(?P<sign>==|=|~=|>=)?\s*(?P<minor>\d+\.\d+)\.[\d.*]+")
_BUILT = re.compile(r"cu(?:da)?(?P<version>\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A word as it stands in a file; `rest` is what follows name and extras: version and build, not read yet."""

    text: str
    name: str
    extras: tuple[str, ...] = ()
    rest: str = ""
    channel: str = ""
    marked: bool = False  # holds only where a marker of pip holds


@dataclass(frozen=True, slots=True)
class AliasMeaning:
    """What a phrase asks for. `cuda` is a range of CUDA versions, None where it says nothing of one; `cpu` that there is none.

    `inside` is the address of the one target below which it stands, None where it is said of the whole project. `also` is
    what else to write in its place.
    """

    text: str
    at: Address
    because: str
    wish: RequestedFramework | None = None
    cpu: bool = False
    cuda: SpecifierSet | None = None
    inside: Address | None = None
    also: tuple[str, ...] = ()


def conda_phrase(text: str) -> Phrase:
    """A conda spec in parts: `pytorch::pytorch-cuda=12.1`, `cuda-version >=12,<13`, `jax[cuda12] 0.7.*`."""
    plain = text.strip()
    match = _HEAD.fullmatch(plain) if len(plain) < _MOST else None
    if match is None:
        return Phrase(plain, "")
    extras = tuple(part.strip() for part in (match["extras"] or "").split(",") if part.strip())
    return Phrase(plain, match["name"], extras, match["rest"].strip(), match["channel"] or "")


def pip_phrase(text: str) -> Phrase:
    """A requirement of pip in parts. One that names a url or a file is nobody's word; one in conda's spelling is read as such."""
    try:
        found = Requirement(text)
    except InvalidRequirement:
        return conda_phrase(text)
    name = "" if found.url else found.name
    return Phrase(text.strip(), name, tuple(sorted(found.extras)), str(found.specifier), marked=found.marker is not None)


def hear(matrix: Matrix, phrase: Phrase, at: Address, inside: Address | None = None) -> AliasMeaning | None:
    """What a phrase asks for; None where it is no word. Raises BadInput about a word that cannot be meant as it stands."""
    rows = _rows(matrix, phrase, at)
    owner = _owner(matrix, phrase)
    framework = owner or next((row.framework for row in rows if row.framework), "")
    if not rows and not framework:
        return None
    if phrase.marked:
        hint = "write it without the marker: `platforms:` and `targets:` say where it is wanted"
        raise BadInput(f"`{phrase.text}` holds in some places alone", where=at, hint=hint)
    version, signs = _behind(phrase, at)
    kind = rows[0].version if rows else "framework"
    built = [_built(sign, phrase, at) for sign in (signs if framework else ())]
    cpu = any(row.cpu for row in rows) or None in built
    ranges = [found for found in (*(row.cuda for row in rows), *built) if found is not None]
    if kind == "cuda":
        ranges.append(_read(cuda_range, version, phrase, at))
    if cpu and ranges:
        raise BadInput(f"`{phrase.text}` asks for CUDA and for none", where=at, hint="keep one of both")
    wish = _wish(matrix, framework, phrase, version if kind == "framework" else "", at) if framework else None
    because = "; ".join(dict.fromkeys(row.because for row in rows)) or _ours(wish)
    return AliasMeaning(phrase.text, at, because, wish, cpu, _all(ranges), inside)


# --- CUDA -----------------------------------------------------------------------------------------------------------------


def cuda_range(text: str) -> SpecifierSet:
    """A range of CUDA minors: `12`, `=11.8.0`, `>=12,<13`, `newest`. Raises ValueError."""
    plain = text.strip().lower()
    if plain in ("", *NEWEST):
        return version_range("*")
    return version_range(",".join(_by_minor(part.strip()) for part in plain.split(",") if part.strip()))


def _by_minor(part: str) -> str:
    """`==11.8.0` is 11.8, whichever its patch release; a bound below a patch release is one below its minor."""
    match = _MINOR.fullmatch(part)
    if match is None:
        return part
    return f"{'>=' if match['sign'] == '>=' else ''}{match['minor']}"


def cuda_word(matrix: Matrix, text: str) -> SpecifierSet | None:
    """The CUDA that a name of a target or the value of `cuda:` means: `cuda`, `gpu`, `cuda12.1`, `12.6`; None for another word."""
    plain = text.strip().lower()
    if plain in matrix.targets:
        return exactly(matrix.targets[plain])
    if plain in NEWEST:
        return cuda_range(plain)
    match = _CUDA.fullmatch(plain) if len(plain) < _MOST and any(letter.isalnum() for letter in plain) else None
    try:
        return cuda_range(_dotted(match["version"])) if match else None
    except ValueError:
        return None


def _dotted(text: str) -> str:
    """The digits of a name with the dot that they lost: 121 is 12.1."""
    plain = text.strip()
    return f"{plain[:-1]}.{plain[-1]}" if re.fullmatch(r"\d{3,}", plain) else plain


def exactly(target: Target) -> SpecifierSet | None:
    """The range that holds the CUDA of one target and no other; None for CPU."""
    return version_range(f"{target.cuda}.*") if target.cuda else None


def served(matrix: Matrix, cuda: SpecifierSet) -> tuple[Target, ...]:
    """The targets whose CUDA is in a range, newest first."""
    found = (target for target in matrix.targets.values() if target.cuda and target.cuda in cuda)
    return tuple(sorted(found, key=_age, reverse=True))


def nearest(matrix: Matrix, text: str) -> str:
    """Which targets have the CUDA next to the first version in a text, as a hint."""
    number = re.search(r"\d{1,9}(?:\.\d{1,9})?", text.partition("[")[0] if "[" in text else text)
    asked = _place(Version(number[0])) if number else 0
    near = sorted(filter(_age, matrix.targets.values()), key=lambda target: (abs(_place(target.cuda) - asked), target.name))[:3]
    return f"the nearest are {', '.join(target.name for target in sorted(near, key=_age))}" if near else "there is no CUDA target"


def _age(target: Target) -> int:
    return _place(target.cuda)


def _place(version: Version | None) -> int:
    """A minor on a line, on which 12.9 is nearer to 13.0 than to 12.0."""
    return version.major * 10 + version.minor if version else 0


# --- the parts of a phrase ------------------------------------------------------------------------------------------------


def _rows(matrix: Matrix, phrase: Phrase, at: Address) -> list[Alias]:
    """What words.yaml says of the name and of each extra. An extra that it does not know is an error, if the name is a word."""
    name = canonicalize_name(phrase.name)
    extras = [str(canonicalize_name(extra)) for extra in phrase.extras]
    known = {extra for word, extra in matrix.aliases if word == name}
    rows = [matrix.aliases[name, extra] for extra in ("", *extras) if extra in known]
    strange = [extra for extra in extras if extra not in known]
    if strange and (known or _owner(matrix, phrase)):
        hint = f"name what it brings under `dependencies:`; {closest(strange[0], known - {''})}"
        raise BadInput(f"`{strange[0]}` is no extra of {name} that envgen knows", where=at, hint=hint)
    return rows


def _owner(matrix: Matrix, phrase: Phrase) -> str:
    """The framework that a name is, or that it follows; "" for none."""
    name = str(canonicalize_name(phrase.name))
    if name in matrix.frameworks:
        return name
    return next((framework.name for framework in matrix.frameworks.values() if name in framework.companions), "")


def _behind(phrase: Phrase, at: Address) -> tuple[str, list[str]]:
    """The version behind a name, and what else tells of its build: the label of a local version, the build string."""
    match = _REST.fullmatch(phrase.rest)
    if match is None:
        raise BadInput(f"`{phrase.text}` cannot be read", where=at, hint='write for instance "name >=2.5,<3"')
    version = match["version"] or ""
    if version.startswith("=") and not version.startswith("=="):
        version = version[1:].strip()
    signs = [*_LABEL.findall(version), *([match["build"]] if (match["build"] or "*").strip("*") else [])]
    return _LABEL.sub("", version), signs


def _built(sign: str, phrase: Phrase, at: Address) -> SpecifierSet | None:
    """The CUDA that a build string or a label names (`cuda126*`, `cu118`); None for CPU."""
    plain = sign.lower()
    match = _BUILT.search(plain)
    if match:
        return cuda_range(_dotted(match["version"]))
    if "cpu" in plain:
        return None
    if "cuda" in plain or "gpu" in plain:
        return cuda_range("newest")
    hint = "write its version alone: which build it is, follows from the target"
    raise BadInput(f"`{phrase.text}` names a build", where=at, hint=hint)


def _wish(matrix: Matrix, framework: str, phrase: Phrase, version: str, at: Address) -> RequestedFramework:
    known = matrix.frameworks[framework]
    if phrase.channel and phrase.channel not in known.providers:
        raise BadInput(f"{framework} has no provider `{phrase.channel}`", where=at, hint=closest(phrase.channel, known.providers))
    found = _read(version_range, version or "*", phrase, at)
    text = version if found != SpecifierSet() else ANY
    name = str(canonicalize_name(phrase.name))
    companions: tuple[str, ...] = ()
    if name in known.companions and name != framework:
        companions = (name,)
        if text != ANY:
            found, text = _followed(matrix, framework, name, found, phrase, at)
    return RequestedFramework(
        framework=framework, versions=found, text=text, provider=phrase.channel or None, companions=companions, at=at
    )


def _followed(
    matrix: Matrix, framework: str, companion: str, asked: SpecifierSet, phrase: Phrase, at: Address
) -> tuple[SpecifierSet, str]:
    """The releases of a framework whose companion is in a range."""
    rows = [release for release in matrix.frameworks[framework].releases if companion in release.companions]
    fits = [r.version for r in rows if not (asked & version_range(f"{r.companions[companion]}.*")).is_unsatisfiable()]
    if not fits:
        known = sorted({release.companions[companion] for release in rows}, key=Version)
        hint = f"the matrices know {companion} {known[0]} to {known[-1]}"
        raise BadInput(f"no {framework} has a companion `{phrase.text}`", where=at, hint=hint)
    strangers = [str(r.version) for r in matrix.frameworks[framework].releases if min(fits) < r.version < max(fits)]
    holes = [f"!={version}" for version in strangers if Version(version) not in fits]
    text = str(fits[0]) if len(fits) == 1 else ",".join((f">={min(fits)}", f"<={max(fits)}", *holes))
    return version_range(text), text


def _ours(wish: RequestedFramework | None) -> str:
    if wish and wish.companions:
        return f"it follows {wish.framework} and gets the same CPU or CUDA build"
    return "envgen chooses its build for every target"


def _read(reader: Callable[[str], SpecifierSet], text: str, phrase: Phrase, at: Address) -> SpecifierSet:
    try:
        return reader(text)
    except ValueError as error:
        raise BadInput(f"`{phrase.text}`: {error}", where=at, hint='write for instance "name >=2.5,<3"') from None


def _all(ranges: Iterable[SpecifierSet]) -> SpecifierSet | None:
    """What is in all of some ranges; None where there is none."""
    found: SpecifierSet | None = None
    for one in ranges:
        found = one if found is None else found & one
    return found
