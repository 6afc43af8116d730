"""Is what a framework answered what its environment is meant for, and if not, why not? Pure.

There are three modules of rules. Those in `rules_no_answer` are about a framework that gave no answer: the first that yields an
issue has the reason, and no other rule runs. Those in `rules_no_gpu` are about a GPU that is expected and not seen: again only the
first counts. Those in `rules_answer` all apply.
"""

from __future__ import annotations

from envgen.model.facts import Matrix
from envgen.model.machine import Machine
from envgen.probe.model import Answer, Comparison, Expectation, InstalledEnvironment, Issue, LaunchEnvironment, ProbeRule, Verdict
from envgen.probe.rules_answer import ANSWER
from envgen.probe.rules_no_answer import NO_ANSWER
from envgen.probe.rules_no_gpu import NO_GPU, cpu_build


def evaluate(
    answer: Answer, environment: InstalledEnvironment, machine: Machine, launch: LaunchEnvironment, matrix: Matrix
) -> Verdict:
    """The verdict on one framework."""
    installed = environment.frameworks.get(answer.framework)
    expected = environment.expected or (installed.expected if installed else Expectation("unknown"))
    if environment.cuda_required and expected.build != "cuda":
        expected = Expectation("cuda", because="--require-cuda")
    case = Comparison(
        answer=answer,
        installed=installed,
        expected=expected,
        machine=machine,
        launch=launch,
        matrix=matrix,
        cuda_required=environment.cuda_required,
    )
    issues = _first(NO_ANSWER, case) or _answered(case)
    return Verdict(answer=answer, expected=expected, issues=issues, reason=_reason(case, issues))


def _answered(case: Comparison) -> tuple[Issue, ...]:
    """Why a GPU is missing, and what else is found, except for warnings about a folder that the former has named."""
    missing = _missing_gpu(case)
    folders = {issue.folder for issue in missing} - {""}
    beside = (issue for rule in ANSWER for issue in rule(case))
    return (*missing, *(issue for issue in beside if issue.severity == "error" or issue.folder not in folders))


def _missing_gpu(case: Comparison) -> tuple[Issue, ...]:
    """Why an expected GPU is not seen; if the framework was not asked for GPUs, only what its build says."""
    if case.expected.build == "cpu" or case.answer.sees_gpu:
        return ()
    return _first(NO_GPU if case.answer.asked_for_gpu else (cpu_build,), case)


def _first(rules: tuple[ProbeRule, ...], case: Comparison) -> tuple[Issue, ...]:
    return next((found for rule in rules if (found := tuple(rule(case)))), ())


def _reason(case: Comparison, issues: tuple[Issue, ...]) -> str:
    for severity in ("error", "warning"):
        for issue in issues:
            if issue.severity == severity:
                return issue.text
    answer = case.answer
    if not answer.asked_for_gpu:
        count = len(answer.libraries)
        return f"can be imported, and loads {count or 'no'} CUDA librar{'y' if count == 1 else 'ies'}"
    if not answer.sees_gpu:
        on_cpu = "cpu" in (case.build, case.expected.build)
        return "sees no GPU, as expected of a CPU build" if on_cpu else "sees no GPU, and nothing says whether it should"
    names = ", ".join(dict.fromkeys(device.name for device in answer.devices))
    count = len(answer.devices)
    return f"sees {count} GPU{'' if count == 1 else 's'} ({names}), and computes on {'it' if count == 1 else 'one of them'}"
