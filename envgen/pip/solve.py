"""From a PipRequest and conda's packages to locked pip packages."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from envgen.cache import cache_folder
from envgen.channels.channel import bare, filled_in, redacted, with_braces
from envgen.channels.watch import Say
from envgen.model.catalogue import Catalogue
from envgen.model.errors import NoSolution
from envgen.model.packages import LockedPackage, Record
from envgen.model.pip import PipRequest
from envgen.model.safe_text import without_secrets
from envgen.pip.answer import locked
from envgen.pip.process import run_uv
from envgen.pip.provided import provided
from envgen.pip.question import (
    CONFIGURATION,
    CONSTRAINTS,
    NAMED,
    PYLOCK,
    PYPROJECT,
    Question,
    configuration,
    constraints,
    macos_of,
    options,
    places,
    preferences,
    pyproject,
)
from envgen.pip.refusal import refusal

_ROUNDS = 8  # each finds packages that come from an index of their own and that no requirement names
_STUB_TIME = (1980, 1, 1, 0, 0, 0)


def locked_wheels(
    request: PipRequest, records: Iterable[Record], catalogue: Catalogue, pins: Mapping[str, str], say: Say
) -> tuple[LockedPackage, ...]:
    """The pip packages of one platform, each with the url and the sha256 of one file. `pins` are versions that are preferred.

    What the conda `records` provide is not among them. `say` is told what is waited for. Raises NoSolution where there is none, or
    an index cannot be read, and BadInput where an environment variable in a URL is not set.
    """
    there = provided(records, catalogue)
    python = next((record.version for record in records if record.name == "python"), "")
    question = Question(request=request, python=python, provided=there, pins=pins)
    for _ in range(_ROUNDS):
        found = _answered(question, say)
        names = (package.name for package in found)
        more = [name for name in names if name not in question.direct and any(index.serves(name) for index in request.indexes)]
        if not more:
            return found
        question = replace(question, indexed=(*question.indexed, *more))
    what = f"{request.place}: its packages lead to ever more of pip-indexes"
    raise NoSolution(what, hint="list the packages that you need under `pip:`")


def _answered(question: Question, say: Say) -> tuple[LockedPackage, ...]:
    """The answer to one question, asked twice: which files there are now, and who needs what."""
    request = question.request
    urls = {url: filled_in(url, f"index `{url}`") for url in places(request)}
    with tempfile.TemporaryDirectory(prefix="envgen-") as scratch:
        folder = Path(scratch)
        stubs = {name: _stub(folder, name, version) for name, version in question.provided.items()}
        (folder / PYPROJECT).write_text(pyproject(question, urls), encoding="utf-8")
        (folder / CONFIGURATION).write_text(configuration(request, urls), encoding="utf-8")
        (folder / CONSTRAINTS).write_text(constraints(question, stubs), encoding="utf-8")
        if question.pins:
            (folder / PYLOCK).write_text(preferences(question.pins), encoding="utf-8")
        own = [PYPROJECT, "--config-file", CONFIGURATION, "--constraints", CONSTRAINTS, *options(question, urls)]
        files = [*own, "--refresh", "--format", "pylock.toml", "--generate-hashes", "--output-file", PYLOCK]
        text = _asked(files, PYLOCK, question, folder, say)
        found = locked(text, "", request, question.python, stubs)
        (folder / NAMED).write_text("".join(f"{one.name}=={one.version}\n" for one in found), encoding="utf-8")
        needs = _asked([*own, "--no-strip-extras", "--output-file", NAMED], NAMED, question, folder, say)
        whole = locked(text, needs, request, question.python, stubs)
    return tuple(replace(package, url=_shown(package.url, urls)) for package in whole)


def _asked(arguments: list[str], output: str, question: Question, folder: Path, say: Say) -> str:
    """What uv writes. Raises NoSolution: in its words, or where an index is silent, too slow or sends too much."""
    macos = macos_of(question.request)
    more = {"MACOSX_DEPLOYMENT_TARGET": macos} if macos else {}
    try:
        done = run_uv(arguments, folder, cache_folder() / "uv", more, lambda text: say(f"{question.request.work}: {text}"))
    except NoSolution as error:
        raise NoSolution(f"{question.request.place}: {error.what}", hint=error.hint) from None
    if done.returncode:
        raise refusal(redacted(done.stderr), question)
    return (folder / output).read_text(encoding="utf-8")


def _stub(folder: Path, name: str, version: str) -> Path:
    """A wheel of nothing but a name and a version: what conda provides needs nothing from an index."""
    own = name.replace("-", "_")
    path, info = folder / f"{own}-{version}-py3-none-any.whl", f"{own}-{version}.dist-info"
    texts = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: envgen\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in texts.items():
            archive.writestr(zipfile.ZipInfo(f"{info}/{file}", _STUB_TIME), text)
    return path


def _shown(url: str, urls: Mapping[str, str]) -> str:
    """The URL of a file as a lock has it: with `${NAME}` for each credential of the index that it comes from."""
    plain = with_braces(without_secrets(url))
    for written, live in urls.items():
        head, login, host = _parts(written)
        if login and bare(live).startswith(f"{head}{host}") and plain.startswith(f"{head}{host}/"):
            return with_braces(f"{head}{login}@{plain.removeprefix(head)}")
    return plain


def _parts(url: str) -> tuple[str, str, str]:
    """`https://`, the login and the host of a URL."""
    head, _, rest = url.partition("://")
    login, _, host = rest.partition("/")[0].rpartition("@")
    return f"{head}://", login, host
