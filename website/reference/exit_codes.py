"""The page of the exit codes: from the errors, and from the commands that check something."""

from __future__ import annotations

from envgen.cli.main import FAULT, INTERRUPTED
from envgen.model.errors import BadInput, CheckFailed, NoSolution
from envgen.resolver.resolve import Unsatisfiable
from website.reference.markdown import page, table

CODES = {
    0: ("done, or nothing to do", "`Nothing to do: every lock is up to date.`"),
    CheckFailed.exit_code: (
        "a check found something; or packages do not go together, and nothing was written",
        "`1 error in 18 locks`",
    ),
    BadInput.exit_code: ("a file or an option is wrong; the message has its line", "`project.yaml:2:1: target: unknown key`"),
    Unsatisfiable.exit_code: ("the resolver: no choice meets every requirement", "`vision: no choice meets every requirement`"),
    NoSolution.exit_code: (
        "the solver: no set of packages, or none without a build that `verify` refuses; or no channel, or no index of wheels",
        "`vision-cpu on linux-64: no solution in environments/index`",
    ),
    FAULT: ("a fault of envgen itself: please report it", "`a fault of envgen ...; ENVGEN_TRACEBACK=1 shows more`"),
    INTERRUPTED: ("interrupted with Ctrl-C", "`interrupted: files that were not replaced yet are unchanged`"),
}
"""Exit code -> what it means, and a message that comes with it."""

FOUND = {
    "check": "there is an error; with `--strict`, a warning",
    "diff": "with `--exit-code`: something changes",
    "doctor": "there is an error, or a project that was named has no locked target that runs here",
    "facts status": "with `--exit-code`: this envgen brings newer facts",
    "facts update": "a row that differs was kept, because both sides, or nobody knows who, changed it",
    "impact": "with `--exit-code`: something changes",
    "licenses": "a licence is not allowed",
    "lock": "with `--check`: a lock is not what its inputs say; else: the packages of a solution do not go together",
    "matrix lint": "there is an error; with `--strict`, a warning",
    "matrix refresh": "with `--exit-code`: there is a change",
    "matrix verify": "a fact is refuted, or a build is unknown",
    "merge-driver": "there is a conflict",
    "probe": "a framework does not see what it should, or crashes",
    "size": "a target exceeds the `budget:` of its project",
    "verify": "a rule found an error; with `--strict`, a warning",
}
"""Command -> when it ends with 1. What `install` finds out about a hash is a failed check, too."""


def exit_codes_page() -> str:
    """The page."""
    codes = table(("code", "meaning", "for example"), ((str(code), *texts) for code, texts in sorted(CODES.items())))
    found = table(
        ("command", "ends with 1 where"),
        ((f"[`envgen {name}`](commands.md#envgen-{name.replace(' ', '-')})", text) for name, text in FOUND.items()),
    )
    more = (
        "`envgen install` ends with 1 where the hash of a package does not match its lock, and `envgen run` with the code of the "
        "command that it ran. A run over several projects ends with the highest code of any."
    )
    return page("# Exit codes", codes, "## Commands that check", found, more)
