"""`pytest --require-cuda[=NAME,...]`: no test runs unless the frameworks compute on a GPU. Loaded by pytest wherever envgen is.

Tests that need a GPU are skipped where a framework sees none, and the job passes. With this option it fails before the first test,
with the verdict of `envgen probe`. Without it, nothing but this module is imported.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from envgen.model.layout import Layout
    from envgen.probe.model import ProbeResult

_HELP = (
    "fail before the first test unless these frameworks (default: all that are installed) compute on a GPU, as `envgen probe` "
    "judges it; write =NAME, or put the option last"
)


class Header:
    """A line for the head of pytest's report."""

    def __init__(self, line: str) -> None:
        self._line = line

    def pytest_report_header(self) -> str:
        """Return the line."""
        return self._line


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    group = parser.getgroup("envgen")
    group.addoption("--require-cuda", nargs="?", const="", default=None, metavar="NAME,...", help=_HELP)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Probe the Python that runs pytest, if this is asked for; end the session with status 1 where a framework has an error."""
    config = session.config
    value = config.getoption("require_cuda")
    if value is None or config.option.collectonly or hasattr(config, "workerinput"):  # a worker of xdist: its controller probes
        return
    import pytest

    from envgen.model.errors import EnvgenError

    names = tuple(filter(None, (name.strip() for name in value.split(","))))
    try:
        found = _probe(names, config.rootpath, config.invocation_params.dir)
    except EnvgenError as error:
        message = f"--require-cuda: {error}"
        raise pytest.UsageError(message) from None
    if found.state == "error":
        pytest.exit(_refusal(found, named=bool(names)), returncode=1)
    config.pluginmanager.register(Header(_summary(found)))


def _probe(names: tuple[str, ...], root: Path, here: Path) -> ProbeResult:
    """What the frameworks of this Python see. Raises BadInput."""
    from envgen.cli.console import Terminal
    from envgen.cli.options import facts_of
    from envgen.model.errors import BadInput
    from envgen.probe.probe import probe

    _, matrix = facts_of(_layout(root))
    known = {*matrix.catalogue.frameworks, *matrix.catalogue.frameworks.values()}
    for name in names:
        if name not in known and (here / name.partition("::")[0]).exists():
            raise BadInput(f"`{name}` is a path, not a framework", hint="write --require-cuda=NAME, or put the option last")
    with Terminal() as reporter:
        return probe(sys.executable, matrix, reporter, frameworks=names, cuda_required=True)


def _layout(root: Path) -> Layout | None:
    """The repository of envgen that the tests are in; None outside of one."""
    from envgen.model.errors import BadInput
    from envgen.model.layout import Layout, find_root

    try:
        return Layout(find_root(root))
    except BadInput:
        return None


def _refusal(found: ProbeResult, *, named: bool) -> str:
    """The verdicts, and what to do if only some of the frameworks need a GPU."""
    from envgen.probe.report import probe_lines

    wrong = [verdict.answer.framework for verdict in found.verdicts if verdict.state == "error"]
    right = [verdict.answer.framework for verdict in found.verdicts if verdict.state != "error"]
    lines = [f"--require-cuda: {', '.join(wrong)} {'does' if len(wrong) == 1 else 'do'} not compute on a GPU", *probe_lines(found)]
    more = [f"hint: if the others need none: --require-cuda={','.join(right)}"] if right and not named else []
    return "\n".join([*lines, *more])


def _summary(found: ProbeResult) -> str:
    told = [f"{verdict.answer.framework} {verdict.answer.version} {verdict.reason}" for verdict in found.verdicts]
    return f"require-cuda: {'; '.join(told)}"
