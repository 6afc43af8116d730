"""Is what envgen said on a machine right? Pure: what was observed in, one verdict for each question out. Standard library only.

A check that cannot read an answer fails: an answer that says nothing is not a right one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

State = Literal["passed", "failed", "skipped"]
SHADOWS = ("not-a-library", "empty-library", "stubs")  # what a wrong LD_LIBRARY_PATH leads to


@dataclass(frozen=True, kw_only=True)
class Run:
    """A command that ran: its exit status (None if it was stopped), what it wrote, and its seconds."""

    status: int | None
    out: str = ""
    err: str = ""
    seconds: float = 0.0

    @property
    def data(self) -> Any:
        """What it wrote on stdout, as JSON. Raises ValueError."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Card:
    """A GPU as nvidia-smi names it; `mig` is whether it is partitioned."""

    name: str
    capability: str
    mig: bool = False


@dataclass(frozen=True)
class Told:
    """What the machine says of itself without envgen."""

    cards: tuple[Card, ...]
    driver: str
    cuda: str


@dataclass(frozen=True, kw_only=True)
class Observed:
    """Everything that ran on a machine.

    `told` is None if there was nothing to compare with. `runs` are named by their question; `folders` are those that a wrong
    LD_LIBRARY_PATH led to. `interpreters` are the labels of the Pythons that were probed.
    """

    told: Told | None
    runs: Mapping[str, Run] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)
    interpreters: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question, what the right answer is, what the answer was, and whether it is right."""

    group: str
    question: str
    expected: str
    found: str
    state: State


def judge(observed: Observed) -> tuple[Check, ...]:
    """Every check, in the order of the report."""
    checks = [*_doctor_checks(observed), *_target_checks(observed)]
    for label in observed.interpreters:
        checks.extend(_probe_checks(observed, label))
    return tuple(checks)


Answer = tuple[str, str, bool]  # expected, found, right


def _check(group: str, question: str, ask: Callable[[], Answer]) -> Check:
    try:
        expected, found, right = ask()
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, StopIteration) as error:
        return Check(group=group, question=question, expected="an answer", found=f"{type(error).__name__}: {error}", state="failed")
    return Check(group=group, question=question, expected=expected, found=found, state="passed" if right else "failed")


def _skipped(group: str, question: str, why: str) -> Check:
    return Check(group=group, question=question, expected="", found=why, state="skipped")


# --- doctor ---------------------------------------------------------------------------------------------------------------


def _doctor_checks(observed: Observed) -> Iterator[Check]:
    ask = partial(_check, "doctor")
    if observed.told:
        for question, here in _COMPARED.items():
            yield ask(question, partial(_compared, observed, observed.told, here))
    else:
        yield _skipped("doctor", "does doctor agree with nvidia-smi?", "there is no nvidia-smi")
    yield ask("does doctor find no driver fault?", lambda: _no_fault(observed.runs["doctor"]))
    yield ask("what does an empty CUDA_VISIBLE_DEVICES do?", lambda: _doctor_hidden(observed))
    for shadow in SHADOWS:
        if shadow in observed.folders:
            yield ask(f"does doctor name the folder in LD_LIBRARY_PATH ({shadow})?", partial(_doctor_shadow, observed, shadow))
    if "text/doctor" in observed.runs:
        yield ask("does its page fit 80 columns?", lambda: _page_fits(observed.runs["text/doctor"], _names(observed)))


_COMPARED: dict[str, tuple[Callable[[Told], Any], Callable[[Any], Any]]] = {
    "which GPUs are there?": (lambda told: [card.name for card in told.cards], lambda here: [gpu["name"] for gpu in here["gpus"]]),
    "which compute capability do they have?": (
        lambda told: [card.capability for card in told.cards],
        lambda here: [gpu["capability"] for gpu in here["gpus"]],
    ),
    "which driver is it?": (lambda told: _numbers(told.driver), lambda here: _numbers(here["driver"])),
    "which CUDA does the driver run?": (lambda told: told.cuda, lambda here: here["cuda"]),
    "is MIG on?": (lambda told: [card.mig for card in told.cards], lambda here: [gpu["mig"] is not None for gpu in here["gpus"]]),
}


def _compared(observed: Observed, told: Told, here: tuple[Callable[[Told], Any], Callable[[Any], Any]]) -> Answer:
    expected, found = here[0](told), here[1](observed.runs["doctor"].data["machine"])
    return str(expected), str(found), bool(expected) and expected == found


def _numbers(version: str) -> tuple[int, ...]:
    """580.65.06 is 580.65.6."""
    return tuple(int(part) for part in version.split("."))


def _no_fault(run: Run) -> Answer:
    found = run.data
    faults = [
        symptom["rule"] for symptom in found["symptoms"] if symptom["rule"] in ("driver", "driver-answers", "container-driver")
    ]
    return "a driver that answers everything", ", ".join(faults) or f"driver {found['machine']['driver']}", _right(found, faults)


def _right(found: Any, faults: Sequence[str]) -> bool:
    return not faults and bool(found["machine"]["driver"]) and bool(found["machine"]["gpus"]) and not found["machine"]["note"]


def _doctor_hidden(observed: Observed) -> Answer:
    run = observed.runs["doctor/hidden"]
    here = run.data["machine"]
    errors = [symptom["rule"] for symptom in run.data["symptoms"] if symptom["severity"] == "error"]
    names = [gpu["name"] for gpu in here["hidden"]]
    right = run.status == 1 and "hidden-gpus" in errors and not here["gpus"] and names == _names(observed)
    return "exit 1, hidden-gpus, every GPU hidden", f"exit {run.status}, {errors}, hidden: {names}", right


def _names(observed: Observed) -> list[str]:
    """The GPUs by NVML."""
    return [gpu["name"] for gpu in observed.runs["doctor"].data["machine"]["gpus"]]


def _doctor_shadow(observed: Observed, shadow: str) -> Answer:
    run, folder = observed.runs[f"doctor/{shadow}"], observed.folders[shadow]
    told = [symptom["rule"] for symptom in run.data["symptoms"] if folder in symptom["text"]]
    severe = [symptom for symptom in run.data["symptoms"] if folder in symptom["text"] and symptom["severity"] != "note"]
    wanted = "driver-stub" if shadow == "stubs" else "library-path"
    return wanted, ", ".join(told) or "nothing", wanted in told and bool(severe)


def _page_fits(run: Run, names: Sequence[str]) -> Answer:
    """Every line fits, and what the machine has stands in the page."""
    lines = run.out.splitlines()
    longest = max(map(len, lines))
    right = run.status == 0 and longest <= 80 and all(name in run.out for name in names) and "Traceback" not in run.err
    return f"exit 0, at most 80 columns, {names}", f"exit {run.status}, {len(lines)} lines of at most {longest} columns", right


# --- targets --------------------------------------------------------------------------------------------------------------


def _target_checks(observed: Observed) -> Iterator[Check]:
    ask = partial(_check, "targets")
    for name in sorted(name.removeprefix("name/") for name in observed.runs if name.startswith("name/")):
        yield ask(f"does gpus.yaml know `{name}`?", partial(_named, observed, name))
    for project in sorted(name.removeprefix("lock/") for name in observed.runs if name.startswith("lock/")):
        yield ask(f"what is --target gpu of {project}?", partial(_chosen, observed, project))
    if "newest" in observed.runs:
        yield ask("what is cuda: newest for this driver and GPU?", lambda: _newest(observed))


def _named(observed: Observed, name: str) -> Answer:
    expected = next(gpu["capability"] for gpu in observed.runs["doctor"].data["machine"]["gpus"] if gpu["name"] == name)
    run = observed.runs[f"name/{name}"]
    found = [gpu["capability"] for gpu in run.data["question"]["gpus"]]
    return f"compute capability {expected}", f"{found}, exit {run.status}", run.status == 0 and found == [expected]


def _chosen(observed: Observed, project: str) -> Answer:
    """The newest CUDA target that doctor says runs here; an error if none does."""
    fits = next(row["targets"] for row in observed.runs["doctor"].data["projects"] if row["project"] == project)
    cuda = [fit for fit in fits if fit["cuda"]]
    runs = max((fit for fit in cuda if fit["fits"]), key=lambda fit: _numbers(fit["cuda"]), default=None)
    driver = _numbers(observed.runs["doctor"].data["machine"]["cuda"])
    run = observed.runs[f"lock/{project}"]
    if runs is None:
        refused = run.status == 2 and (not cuda or "CUDA target" in run.err)
        return (
            "no CUDA target runs here",
            f"exit {run.status}: {run.err.partition(chr(10))[0]}",
            refused or (not cuda and run.status == 0),
        )
    rows = [(row["target"], row["state"]) for row in run.data]
    newer = [fit["target"] for fit in cuda if _numbers(fit["cuda"]) > _numbers(runs["cuda"]) and not fit["why"]]
    right = rows == [(runs["target"], "unchanged")] and _numbers(runs["cuda"])[0] <= driver[0] and not newer and run.status == 0
    return f"{runs['target']}, whose lock is unchanged", f"{rows}, exit {run.status}", right


def _newest(observed: Observed) -> Answer:
    """The newest target of the matrices that runs here and has builds; what is newer than the driver's CUDA major never is."""
    run = observed.runs["newest"]
    found = [row["target"] for row in run.data if row["cuda"]]
    fits = {row["target"]: row for row in observed.runs["doctor/outside"].data["targets"]}
    driver = _numbers(observed.runs["doctor"].data["machine"]["cuda"])
    runs = [name for name, row in fits.items() if row["fits"] and row["cuda"] and _numbers(row["cuda"]) <= driver]
    right = run.status == 0 and len(found) == 1 and fits[found[0]]["fits"]
    native = max((_numbers(fits[name]["cuda"]) for name in runs), default=())
    right = right and _numbers(fits[found[0]]["cuda"])[0] == native[0]
    return f"one of the CUDA {native[0] if native else '?'} targets that run here", f"{found}, exit {run.status}", bool(right)


# --- probe ----------------------------------------------------------------------------------------------------------------


def _probe_checks(observed: Observed, label: str) -> Iterator[Check]:
    ask, runs = partial(_check, label), {name.rpartition("/")[2]: run for name, run in observed.runs.items() if _of(name, label)}
    if "hidden" not in runs:
        yield ask("what can be probed?", lambda: _nothing_to_probe(runs["as-it-is"]))
        return
    yield ask("does every framework compute on the GPU?", lambda: _computes(runs))
    for framework in _frameworks(runs["as-it-is"]):
        yield ask(f"which GPU does {framework} see?", partial(_sees, observed, runs, framework))
    yield ask("--require-cuda with the GPU", lambda: _exit(runs["required"], 0, _FINE))
    yield ask("an empty CUDA_VISIBLE_DEVICES", lambda: _hidden(runs["hidden"]))
    yield ask("an empty CUDA_VISIBLE_DEVICES with --require-cuda", lambda: _required(runs["hidden-required"], {"hidden"}))
    for shadow in SHADOWS:
        if shadow in runs:
            yield ask(f"a wrong LD_LIBRARY_PATH ({shadow})", partial(_shadowed, runs[shadow], observed.folders[shadow]))
    if "setting" in runs:
        yield ask("a variable that selects the CPU with --require-cuda", lambda: _setting(runs["setting"]))
    if f"text/{label}" in observed.runs:
        yield ask("what does probe print?", lambda: _printed(observed.runs[f"text/{label}"], runs["as-it-is"], _names(observed)))
    yield from _pytest_checks(observed, label)
    if "stubs-required" in runs:
        yield ask("a stub of the driver with --require-cuda", lambda: _consistent(runs["stubs-required"]))


def _of(name: str, label: str) -> bool:
    return name.startswith(f"probe/{label}/")


def _setting(run: Run) -> Answer:
    """An error, whose text and hint name the variable."""
    issues = [issue for row in run.data["frameworks"] for issue in row["issues"] if issue["severity"] == "error"]
    named = [issue["rule"] for issue in issues if "JAX_PLATFORMS=cpu" in issue["text"] and "JAX_PLATFORMS" in issue["hint"]]
    return "exit 1, JAX_PLATFORMS=cpu is named", f"exit {run.status}, {_rules(run)}", run.status == 1 and bool(named)


def _printed(run: Run, told: Run, names: Sequence[str]) -> Answer:
    """A line for each framework with the same verdict as in the JSON, and the GPUs."""
    lines = [f"{row['framework']}: {row['state']}: {row['reason']}" for row in told.data["frameworks"] if _is_cuda(row)]
    missing = [line for line in (*lines, *names) if line not in run.out]
    return f"exit 0, {len(lines)} verdicts, {names}", f"exit {run.status}, missing: {missing}", run.status == 0 and not missing


def _pytest_checks(observed: Observed, label: str) -> Iterator[Check]:
    """The plugin, where pytest and envgen can be started in that Python."""
    runs = {name.rpartition("/")[2]: run for name, run in observed.runs.items() if name.startswith(f"pytest/{label}/")}
    question = "pytest --require-cuda"
    if not runs:
        return
    if runs["starts"].status != 0:
        yield _skipped(label, question, f"pytest does not start there: {runs['starts'].err.strip().rpartition(chr(10))[2]}")
        return
    yield _check(label, f"{question} with the GPU", lambda: _tested(runs["seen"]))
    yield _check(label, f"{question} and an empty CUDA_VISIBLE_DEVICES", lambda: _not_tested(runs["hidden"]))


def _tested(run: Run) -> Answer:
    right = run.status == 0 and "1 passed" in run.out and "require-cuda: " in run.out
    return "exit 0, 1 passed", f"exit {run.status}, {_last(run)}", right


def _not_tested(run: Run) -> Answer:
    right = run.status == 1 and "[hidden]" in run.out and "passed" not in run.out
    return "exit 1, [hidden], no test", f"exit {run.status}, {_last(run)}", right


def _last(run: Run) -> str:
    """The last line that says something."""
    lines = [line for line in f"{run.out}\n{run.err}".splitlines() if line.strip(" =!")]
    return lines[-1].strip(" =!") if lines else "nothing"


def _nothing_to_probe(run: Run) -> Answer:
    """An interpreter without frameworks, or too old, is refused with the reason."""
    first = run.err.partition("\n")[0]
    return (
        "exit 2 and the reason",
        f"exit {run.status}: {first}",
        run.status == 2 and ("no framework" in first or "the probe needs" in first),
    )


def _frameworks(run: Run) -> list[str]:
    try:
        return [row["framework"] for row in run.data["frameworks"] if _is_cuda(row)]
    except (ValueError, KeyError, TypeError):
        return []


def _is_cuda(row: Mapping[str, Any]) -> bool:
    """Whether a framework is, or is meant to be, a CUDA build that can be asked for its GPUs."""
    return row["meant"]["gpu"] is not False and row["cuda_build"] is not False and not _only_imported(row)


def _only_imported(row: Mapping[str, Any]) -> bool:
    return any(issue["rule"] == "import-only" for issue in row["issues"])


def _computes(runs: Mapping[str, Run]) -> Answer:
    """Every CUDA build computes on the GPU; a warning about the machine's own LD_LIBRARY_PATH is right if none is left without it.

    A note is no fault: that CUDA's minor-version compatibility applies, or that nothing names what a build is meant for.
    """
    rows = runs["as-it-is"].data["frameworks"]
    builds = [row for row in rows if _is_cuda(row)]
    others = [row["framework"] for row in rows if not _is_cuda(row) and row["state"] not in _FINE]
    right = bool(builds) and all(map(_on_gpu, builds)) and not others
    if not right and "clean" in runs:
        blamed = [row for row in builds if not _on_gpu(row) and not _names_variable(row)]
        clean = [row for row in runs["clean"].data["frameworks"] if _is_cuda(row)]
        same = bool(builds) and [row["framework"] for row in clean] == [row["framework"] for row in builds]
        right = same and all(map(_on_gpu, clean)) and not blamed and not others
        return f"{_COMPUTES}, or so without LD_LIBRARY_PATH", f"{_told(builds)}; without LD_LIBRARY_PATH {_told(clean)}", right
    return f"{_COMPUTES}, each CUDA build", f"{_told(builds)}{f'; wrong: {others}' if others else ''}", right


_FINE, _COMPUTES = ("ok", "note"), "ok or note, computed on the GPU"


def _on_gpu(row: Mapping[str, Any]) -> bool:
    return row["state"] in _FINE and row["ran_on"] == "gpu" and row["agrees"] is True


def _told(rows: Sequence[Mapping[str, Any]]) -> str:
    """The verdict on each framework, with its notes."""
    told = {row["framework"]: ", ".join((row["state"], *(issue["rule"] for issue in row["issues"]))) for row in rows}
    return "; ".join(f"{name}: {state}" for name, state in told.items()) or "none"


def _names_variable(row: Mapping[str, Any]) -> bool:
    return all("LD_LIBRARY_PATH contains" in issue["hint"] for issue in row["issues"] if issue["severity"] != "note")


def _sees(observed: Observed, runs: Mapping[str, Run], framework: str) -> Answer:
    row = next(row for row in runs["as-it-is"].data["frameworks"] if row["framework"] == framework)
    names, capabilities = _names(observed), [gpu["capability"] for gpu in observed.runs["doctor"].data["machine"]["gpus"]]
    seen = [device["name"] for device in row["devices"]]
    told = [device["capability"] for device in row["devices"] if device["capability"]]
    right = (
        sorted(seen) == sorted(names) and sorted(told) in ([], sorted(capabilities)) and row["ran_on"] == "gpu" and row["agrees"]
    )
    found = f"{seen}, compute capability {told}, {framework} {row['version']} for CUDA {row['cuda']}, product on {row['ran_on']}"
    return f"{names}, product on gpu", found, right is True


def _exit(run: Run, status: int, states: Sequence[str]) -> Answer:
    told = {row["framework"]: row["state"] for row in run.data["frameworks"]}
    right = run.status == status and bool(told) and set(told.values()) <= set(states)
    return f"exit {status}, {' or '.join(states)}", f"exit {run.status}, {told}", right


def _rules(run: Run) -> dict[str, list[str]]:
    return {row["framework"]: [i["rule"] for i in row["issues"] if i["severity"] != "note"] for row in run.data["frameworks"]}


def _hidden(run: Run) -> Answer:
    """Each says `hidden`: an error where CUDA is expected, a warning where nothing says so; no GPU is seen."""
    rules = _rules(run)
    right = bool(rules) and all("hidden" in told for told in rules.values())
    right = right and not any(row["devices"] or row["ran_on"] == "gpu" for row in run.data["frameworks"])
    return "hidden", f"{rules}, exit {run.status}", right and _agrees(run)


def _required(run: Run, wanted: set[str]) -> Answer:
    rules = _rules(run)
    states = {row["state"] for row in run.data["frameworks"]}
    right = run.status == 1 and states == {"error"} and all(wanted & set(told) for told in rules.values())
    return f"exit 1, an error for each: {', '.join(sorted(wanted))}", f"exit {run.status}, {rules}", right


def _agrees(run: Run) -> bool:
    """Whether the exit status agrees with the states: 1 if there is an error, else 0."""
    return run.status == int(any(row["state"] == "error" for row in run.data["frameworks"]))


def _shadowed(run: Run, folder: str) -> Answer:
    """Each computes with its own libraries on the GPU, or the finding names the folder."""
    told = {row["framework"]: _outcome(row, folder) for row in run.data["frameworks"]}
    right = bool(told) and all(one != "wrong" for one, _ in told.values()) and _agrees(run)
    text = "; ".join(f"{name}: {outcome} ({detail})" for name, (outcome, detail) in told.items())
    return "own libraries and the GPU, or a finding that names the folder", f"{text}, exit {run.status}", right


def _outcome(row: Mapping[str, Any], folder: str) -> tuple[str, str]:
    rules = ", ".join(issue["rule"] for issue in row["issues"]) or "no finding"
    loaded = any(_within(library["path"], folder) for library in row["libraries"])
    if _on_gpu(row) and not loaded:
        return "own libraries", rules
    told = any(folder in f"{issue['text']} {issue['hint']}" for issue in row["issues"] if issue["severity"] != "note")
    return ("named" if told else "wrong"), rules


def _within(path: str, folder: str) -> bool:
    return path.startswith(f"{folder.rstrip('/')}/")


def _consistent(run: Run) -> Answer:
    """With --require-cuda there is an error for each that does not compute on the GPU, and for no other."""
    told = {row["framework"]: (row["state"], row["ran_on"]) for row in run.data["frameworks"]}
    right = bool(told) and all((state == "error") == (ran_on != "gpu") for state, ran_on in told.values()) and _agrees(run)
    return "an error for each that does not compute on the GPU", f"{told}, exit {run.status}", right


# --- what may be published ------------------------------------------------------------------------------------------------


_PATH = re.compile(r"(?<![\w.:/])/(?:[\w.+@~-]+/)+(?P<file>[\w.+@~-]*)")
_UUID = re.compile(r"\b(?:GPU|MIG)-[0-9a-fA-F-]{6,}|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")


def published(value: Any, hosts: Sequence[str] = ()) -> Any:
    """A value without paths (but the names of files), UUIDs and host names, which say nothing of the kind of a machine."""
    if isinstance(value, Mapping):
        return {published(key, hosts): published(item, hosts) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [published(item, hosts) for item in value]
    if not isinstance(value, str):
        return value
    text = _UUID.sub("[uuid]", _PATH.sub(lambda found: f".../{found['file']}", value))
    for host in hosts:
        if len(host) > 2:
            text = re.sub(rf"\b{re.escape(host)}\b", "[host]", text)
    return text
