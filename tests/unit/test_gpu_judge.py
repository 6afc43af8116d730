"""The verdicts of `make gpu-check`: each passes on the answers of a healthy machine, and fails on a wrong answer."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import REPO

sys.path.insert(0, str(REPO / "benchmarks" / "gpu"))
from gpu_check import kind, text  # noqa: E402
from gpu_judge import Card, Check, Observed, Run, Told, judge, published  # noqa: E402
from gpu_page import page  # noqa: E402

NAME = "NVIDIA H100 80GB HBM3"
GPU = {"name": NAME, "capability": "9.0", "uuid": "GPU-1234", "mig": None}
FOLDERS = {"not-a-library": "/tmp/s/not-a-library", "empty-library": "/tmp/s/empty-library", "stubs": "/tmp/s/stubs"}
Edit = Callable[[Any], None]


def machine() -> dict[str, Any]:
    return {"driver": "580.159.04", "cuda": "13.0", "gpus": [GPU], "hidden": [], "note": ""}


def doctor(*symptoms: tuple[str, str, str], **more: Any) -> dict[str, Any]:
    rows = [{"rule": rule, "severity": severity, "text": text} for rule, severity, text in symptoms]
    fits = [fit("cpu", None), fit("cu129", "12.9"), fit("cu130", "13.0"), fit("cu132", "13.2", runs=False)]
    return {"machine": machine(), "symptoms": rows, "projects": [{"project": "vision", "targets": fits}], "targets": fits, **more}


def fit(target: str, cuda: str | None, *, runs: bool = True) -> dict[str, Any]:
    return {"target": target, "cuda": cuda, "fits": runs, "why": [] if runs else ["needs driver 595"]}


def row(framework: str, state: str = "ok", ran_on: str | None = "gpu", issues: tuple[dict[str, str], ...] = ()) -> dict[str, Any]:
    seen = [{"name": NAME, "capability": "9.0"}] if ran_on == "gpu" else []
    return {
        "framework": framework,
        "version": "2.11.0",
        "cuda": "13.0",
        "state": state,
        "reason": "sees 1 GPU" if ran_on == "gpu" else "sees no GPU",
        "meant": {"gpu": True},
        "cuda_build": True,
        "devices": seen,
        "ran_on": ran_on,
        "agrees": True,
        "issues": list(issues),
        "libraries": [{"path": "/env/lib/libcudart.so.13", "origin": "environment"}],
    }


def issue(rule: str, severity: str = "error", hint: str = "", text: str = "sees no GPU") -> dict[str, str]:
    return {"rule": rule, "severity": severity, "text": text, "hint": hint}


def blind(rule: str, hint: str = "") -> list[dict[str, Any]]:
    return [row(name, "error", "cpu", (issue(rule, hint=hint),)) for name in ("pytorch", "jax")]


def run(status: int, data: Any) -> Run:
    return Run(status=status, out=json.dumps(data))


def set_to_cpu() -> list[dict[str, Any]]:
    said = issue("unexplained", hint="try without JAX_PLATFORMS", text="sees no GPU, with JAX_PLATFORMS=cpu")
    return [row("jax", "error", "cpu", (said,))]


def healthy() -> Observed:
    """A machine on which everything is right."""
    good = {"frameworks": [row("pytorch"), row("jax")]}
    through = {name: f"LD_LIBRARY_PATH contains {folder}; try without it" for name, folder in FOLDERS.items()}
    hidden = doctor(("hidden-gpus", "error", "hides every GPU"), machine={**machine(), "gpus": [], "hidden": [GPU]})
    runs = {
        "doctor": run(0, doctor()),
        "doctor/hidden": run(1, hidden),
        "doctor/not-a-library": run(0, doctor(("library-path", "warning", f"leads to {FOLDERS['not-a-library']}"))),
        "doctor/empty-library": run(0, doctor(("library-path", "warning", f"leads to {FOLDERS['empty-library']}"))),
        "doctor/stubs": run(1, doctor(("driver-stub", "error", f"leads to {FOLDERS['stubs']}"))),
        "doctor/outside": run(0, doctor()),
        f"name/{NAME}": run(0, {"question": {"gpus": [{"name": "H100", "capability": "9.0"}]}}),
        "lock/vision": run(0, [{"target": "cu130", "state": "unchanged"}]),
        "newest": run(0, [{"target": "cpu", "cuda": None}, {"target": "cu130", "cuda": "13.0"}]),
        "probe/python 1/as-it-is": run(0, good),
        "probe/python 1/required": run(0, good),
        "probe/python 1/hidden": run(1, {"frameworks": blind("hidden")}),
        "probe/python 1/hidden-required": run(1, {"frameworks": blind("hidden")}),
        "probe/python 1/not-a-library": run(1, {"frameworks": blind("import-failed", through["not-a-library"])}),
        "probe/python 1/empty-library": run(0, good),
        "probe/python 1/stubs": run(1, {"frameworks": blind("stub-driver", through["stubs"])}),
        "probe/python 1/stubs-required": run(1, {"frameworks": blind("stub-driver")}),
        "probe/python 1/setting": run(1, {"frameworks": set_to_cpu()}),
        "text/doctor": Run(status=0, out=f"machine\n  GPU  {NAME}\n"),
        "text/python 1": Run(status=0, out=f"machine: {NAME}\npytorch: ok: sees 1 GPU\njax: ok: sees 1 GPU\n"),
        "pytest/python 1/starts": Run(status=0, err="pytest 9\n"),
        "pytest/python 1/seen": Run(status=0, out="require-cuda: pytorch sees 1 GPU\n=== 1 passed in 0.1s ===\n"),
        "pytest/python 1/hidden": Run(status=1, out="!!! Exit: --require-cuda: pytorch ... [hidden] !!!\n"),
        "probe/python 2/as-it-is": Run(status=2, err="error: /usr: no framework of the matrices is installed\n"),
    }
    told = Told((Card(NAME, "9.0"),), "580.159.04", "13.0")
    return Observed(told=told, runs=runs, folders=FOLDERS, interpreters=("python 1", "python 2"))


def changed(name: str, edit: Edit, status: int | None = None) -> Observed:
    """The healthy machine with one answer changed."""
    observed = healthy()
    before = observed.runs[name]
    data = copy.deepcopy(before.data)
    edit(data)
    return replace(observed, runs={**observed.runs, name: run(before.status if status is None else status, data)})  # type: ignore[arg-type]


def failed(observed: Observed) -> set[str]:
    return {check.question for check in judge(observed) if check.state == "failed"}


def said(name: str, out: str, status: int) -> Observed:
    """The healthy machine with another text."""
    return replace(healthy(), runs={**healthy().runs, name: Run(status=status, out=out)})


def test_a_healthy_machine_passes_every_check() -> None:
    checks = judge(healthy())
    assert failed(healthy()) == set()
    assert {check.state for check in checks} == {"passed"}
    assert len(checks) > 20


def test_without_nvidia_smi_nothing_is_compared() -> None:
    (skipped,) = (check for check in judge(replace(healthy(), told=None)) if check.state == "skipped")
    assert skipped.found == "there is no nvidia-smi"


def _same(_data: Any) -> None:
    """No change."""


def _set(*path: str | int, to: Any) -> Edit:
    def edit(data: Any) -> None:
        for step in path[:-1]:
            data = data[step]
        data[path[-1]] = to

    return edit


FIRST = ("frameworks", 0)
WRONG: list[tuple[str, Edit, int | None, str]] = [
    ("doctor", _set("machine", "gpus", 0, "name", to="NVIDIA H200"), None, "which GPUs are there?"),
    ("doctor", _set("machine", "gpus", to=[GPU, GPU]), None, "which GPUs are there?"),
    ("doctor", _set("machine", "gpus", 0, "capability", to="8.0"), None, "which compute capability do they have?"),
    ("doctor", _set("machine", "driver", to="580.65.06"), None, "which driver is it?"),
    ("doctor", _set("machine", "cuda", to="12.8"), None, "which CUDA does the driver run?"),
    ("doctor", _set("machine", "gpus", 0, "mig", to=0), None, "is MIG on?"),
    ("doctor", _set("machine", "note", to="libcuda not found"), None, "does doctor find no driver fault?"),
    (
        "doctor",
        _set("symptoms", to=[{"rule": "driver", "severity": "error", "text": ""}]),
        None,
        "does doctor find no driver fault?",
    ),
    ("doctor/hidden", _same, 0, "what does an empty CUDA_VISIBLE_DEVICES do?"),
    ("doctor/hidden", _set("machine", "hidden", to=[]), None, "what does an empty CUDA_VISIBLE_DEVICES do?"),
    ("doctor/hidden", _set("machine", "gpus", to=[GPU]), None, "what does an empty CUDA_VISIBLE_DEVICES do?"),
    ("doctor/stubs", _set("symptoms", to=[]), None, "does doctor name the folder in LD_LIBRARY_PATH (stubs)?"),
    (
        "doctor/stubs",
        _set("symptoms", 0, "rule", to="library-path"),
        None,
        "does doctor name the folder in LD_LIBRARY_PATH (stubs)?",
    ),
    ("doctor/stubs", _set("symptoms", 0, "text", to="/usr"), None, "does doctor name the folder in LD_LIBRARY_PATH (stubs)?"),
    (
        "doctor/empty-library",
        _set("symptoms", 0, "severity", to="note"),
        None,
        "does doctor name the folder in LD_LIBRARY_PATH (empty-library)?",
    ),
    (f"name/{NAME}", _same, 2, f"does gpus.yaml know `{NAME}`?"),
    (f"name/{NAME}", _set("question", "gpus", 0, "capability", to="8.0"), None, f"does gpus.yaml know `{NAME}`?"),
    ("lock/vision", _set(0, "target", to="cu129"), None, "what is --target gpu of vision?"),
    ("lock/vision", _set(0, "target", to="cu132"), None, "what is --target gpu of vision?"),
    ("lock/vision", _set(0, "state", to="locked"), None, "what is --target gpu of vision?"),
    ("lock/vision", _same, 1, "what is --target gpu of vision?"),
    ("newest", _set(1, "target", to="cu132"), None, "what is cuda: newest for this driver and GPU?"),
    ("newest", _set(1, "target", to="cu129"), None, "what is cuda: newest for this driver and GPU?"),
    ("newest", lambda data: data.pop(), None, "what is cuda: newest for this driver and GPU?"),
    ("probe/python 1/as-it-is", _set(*FIRST, "state", to="warning"), None, "does every framework compute on the GPU?"),
    ("probe/python 1/as-it-is", _set(*FIRST, "ran_on", to="cpu"), None, "does every framework compute on the GPU?"),
    ("probe/python 1/as-it-is", _set(*FIRST, "agrees", to=False), None, "does every framework compute on the GPU?"),
    ("probe/python 1/as-it-is", _set("frameworks", to=[]), None, "does every framework compute on the GPU?"),
    ("probe/python 1/as-it-is", _set(*FIRST, "devices", to=[]), None, "which GPU does pytorch see?"),
    ("probe/python 1/as-it-is", _set(*FIRST, "devices", 0, "name", to="NVIDIA H200"), None, "which GPU does pytorch see?"),
    ("probe/python 1/as-it-is", _set(*FIRST, "devices", 0, "capability", to="8.0"), None, "which GPU does pytorch see?"),
    ("probe/python 1/as-it-is", _set(*FIRST, "ran_on", to="cpu"), None, "which GPU does pytorch see?"),
    ("probe/python 1/as-it-is", _set(*FIRST, "agrees", to=None), None, "which GPU does pytorch see?"),
    ("probe/python 1/required", _same, 1, "--require-cuda with the GPU"),
    ("probe/python 1/required", _set(*FIRST, "state", to="warning"), None, "--require-cuda with the GPU"),
    ("probe/python 1/hidden", _set(*FIRST, "issues", to=[]), None, "an empty CUDA_VISIBLE_DEVICES"),
    ("probe/python 1/hidden", _set(*FIRST, "issues", to=[issue("unexplained")]), None, "an empty CUDA_VISIBLE_DEVICES"),
    ("probe/python 1/hidden", _set(*FIRST, "ran_on", to="gpu"), None, "an empty CUDA_VISIBLE_DEVICES"),
    ("probe/python 1/hidden", _same, 0, "an empty CUDA_VISIBLE_DEVICES"),
    ("probe/python 1/hidden-required", _same, 0, "an empty CUDA_VISIBLE_DEVICES with --require-cuda"),
    ("probe/python 1/hidden-required", _set(*FIRST, "state", to="ok"), None, "an empty CUDA_VISIBLE_DEVICES with --require-cuda"),
    (
        "probe/python 1/not-a-library",
        _set(*FIRST, "issues", 0, "hint", to="install it again"),
        None,
        "a wrong LD_LIBRARY_PATH (not-a-library)",
    ),
    (
        "probe/python 1/not-a-library",
        _set(*FIRST, "issues", 0, "severity", to="note"),
        None,
        "a wrong LD_LIBRARY_PATH (not-a-library)",
    ),
    ("probe/python 1/not-a-library", _same, 0, "a wrong LD_LIBRARY_PATH (not-a-library)"),
    (
        "probe/python 1/empty-library",
        _set(*FIRST, "libraries", 0, "path", to=f"{FOLDERS['empty-library']}/libcudart.so.13"),
        None,
        "a wrong LD_LIBRARY_PATH (empty-library)",
    ),
    ("probe/python 1/empty-library", _set(*FIRST, "ran_on", to="cpu"), None, "a wrong LD_LIBRARY_PATH (empty-library)"),
    ("probe/python 1/stubs", _set(*FIRST, "issues", to=[issue("unexplained")]), None, "a wrong LD_LIBRARY_PATH (stubs)"),
    ("probe/python 1/stubs-required", _set(*FIRST, "state", to="warning"), None, "a stub of the driver with --require-cuda"),
    ("probe/python 1/stubs-required", _same, 0, "a stub of the driver with --require-cuda"),
    ("probe/python 1/setting", _same, 0, "a variable that selects the CPU with --require-cuda"),
    (
        "probe/python 1/setting",
        _set(*FIRST, "issues", 0, "hint", to="check it"),
        None,
        "a variable that selects the CPU with --require-cuda",
    ),
]
SEEN, HIDDEN = "pytest --require-cuda with the GPU", "pytest --require-cuda and an empty CUDA_VISIBLE_DEVICES"
WRONG_TEXTS = [
    ("text/doctor", f"GPU  {NAME}", 1, "does its page fit 80 columns?"),
    ("text/doctor", "GPU", 0, "does its page fit 80 columns?"),
    ("text/doctor", f"GPU  {NAME}".ljust(81, "."), 0, "does its page fit 80 columns?"),
    ("text/python 1", f"{NAME}\npytorch: ok: sees 1 GPU", 0, "what does probe print?"),
    ("text/python 1", "pytorch: ok: sees 1 GPU\njax: ok: sees 1 GPU", 0, "what does probe print?"),
    ("pytest/python 1/seen", "1 passed", 0, SEEN),
    ("pytest/python 1/seen", "require-cuda: yes\n1 skipped", 0, SEEN),
    ("pytest/python 1/seen", "require-cuda: yes\n1 passed", 1, SEEN),
    ("pytest/python 1/hidden", "1 passed [hidden]", 1, HIDDEN),
    ("pytest/python 1/hidden", "[unexplained]", 1, HIDDEN),
    ("pytest/python 1/hidden", "[hidden]", 0, HIDDEN),
]


@pytest.mark.parametrize(("name", "edit", "status", "question"), WRONG, ids=[f"{n}-{row[3]}" for n, row in enumerate(WRONG)])
def test_a_wrong_answer_fails_its_check(name: str, edit: Edit, status: int | None, question: str) -> None:
    assert question in failed(changed(name, edit, status))


@pytest.mark.parametrize(
    ("name", "out", "status", "question"), WRONG_TEXTS, ids=[f"{n}-{row[3]}" for n, row in enumerate(WRONG_TEXTS)]
)
def test_a_wrong_text_fails_its_check(name: str, out: str, status: int, question: str) -> None:
    assert question in failed(said(name, out, status))


def test_a_pytest_that_does_not_start_is_skipped() -> None:
    observed = said("pytest/python 1/starts", "", 1)
    (skipped,) = (check for check in judge(observed) if check.state == "skipped")
    assert (skipped.question, failed(observed)) == ("pytest --require-cuda", set())


@pytest.mark.parametrize("name", sorted(set(healthy().runs) - {"pytest/python 1/starts"}))
@pytest.mark.parametrize(
    "broken", [Run(status=None), Run(status=1, out="Traceback"), Run(status=0, out="[]"), Run(status=0, out="{}")]
)
def test_an_answer_that_cannot_be_read_fails_at_least_one_check(name: str, broken: Run) -> None:
    observed = healthy()
    assert failed(replace(observed, runs={**observed.runs, name: broken}))


def test_every_question_is_failed_by_a_test() -> None:
    questions = {check.question for check in judge(healthy())}
    assert questions - {question for *_, question in (*WRONG, *WRONG_TEXTS)} == {
        "does doctor name the folder in LD_LIBRARY_PATH (not-a-library)?",  # the same function as for empty-library
        "which GPU does jax see?",  # the same function as for pytorch
        "what can be probed?",  # by what cannot be read
    }


def test_a_warning_about_the_own_library_path_is_right_if_all_is_well_without_it() -> None:
    warned = row(
        "pytorch",
        "warning",
        issues=(issue("foreign-library", "warning", "LD_LIBRARY_PATH contains /usr/local/cuda; try without it"),),
    )
    observed = healthy()
    clean = {"frameworks": [row("pytorch"), row("jax")]}
    runs = {**observed.runs, "probe/python 1/as-it-is": run(0, {"frameworks": [warned, row("jax")]})}
    question = "does every framework compute on the GPU?"
    assert question in failed(replace(observed, runs=runs))
    runs["probe/python 1/clean"] = run(0, clean)
    assert question not in failed(replace(observed, runs=runs))
    runs["probe/python 1/clean"] = run(0, {"frameworks": [warned, row("jax")]})
    assert question in failed(replace(observed, runs=runs))


def test_a_cpu_build_beside_cuda_builds_is_not_asked_for_a_gpu() -> None:
    def add(data: Any) -> None:
        data["frameworks"].append({**row("onnxruntime", "note", None, (issue("import-only", "note"),)), "meant": {"gpu": None}})

    assert failed(changed("probe/python 1/as-it-is", add)) == set()


# --- a real machine ---------------------------------------------------------------------------------------------------------


def answered() -> Observed:
    """What an H100 with driver 580 and CUDA 13.0 answered, with torch, jax, cupy and onnxruntime installed by pip.

    Cut down to what is judged, with other folders. CuPy is built for CUDA 13.2: it runs by minor-version compatibility.
    """
    told = json.loads((Path(__file__).parent / "answers" / "gpu_check_h100.json").read_text(encoding="utf-8"))
    runs = {name: Run(status=row["status"], out=json.dumps(row["out"]), err=row["err"]) for name, row in told.items()}
    folders = {name: f"/shadows/{name}" for name in FOLDERS}
    return Observed(
        told=Told((Card(NAME, "9.0"),), "580.159.04", "13.0"), runs=runs, folders=folders, interpreters=("python 1", "python 2")
    )


def test_the_answers_of_a_real_machine_pass() -> None:
    assert [(check.question, check.found) for check in judge(answered()) if check.state != "passed"] == []
    found = next(check for check in judge(answered()) if check.question == "does every framework compute on the GPU?")
    assert found.found == "cupy: note, newer-than-driver; jax: ok; pytorch: ok"


def test_minor_version_compatibility_is_no_failure_but_a_warning_is() -> None:
    """A note says what may fail on this driver; that the framework computed on the GPU is another question."""
    note = issue("newer-than-driver", "note", "update the driver if it does")
    question = "does every framework compute on the GPU?"
    assert question not in failed(changed("probe/python 1/as-it-is", _set(*FIRST, to=row("pytorch", "note", issues=(note,)))))
    warned = row("pytorch", "warning", issues=({**note, "severity": "warning"},))
    assert question in failed(changed("probe/python 1/as-it-is", _set(*FIRST, to=warned)))
    elsewhere = row("pytorch", "note", "cpu", issues=(note,))
    assert question in failed(changed("probe/python 1/as-it-is", _set(*FIRST, to=elsewhere)))


# --- what may be published ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (
            "loaded /opt/torch/.venv/lib/python3.12/site-packages/nvidia/cu13/lib/libcudart.so.13 now",
            "loaded .../libcudart.so.13 now",
        ),
        ("from outside: /tmp/gpu-check-abc/shadows/stubs, and", "from outside: .../stubs, and"),
        ("/root/.x/bin/", ".../"),
        ("GPU-0a1b2c3d-1111-2222-3333-444455556666 is hidden", "[uuid] is hidden"),
        ("CUDA_VISIBLE_DEVICES=MIG-0a1b2c3d-1111-2222-3333-444455556666", "CUDA_VISIBLE_DEVICES=[uuid]"),
        ("0a1b2c3d-1111-2222-3333-444455556666", "[uuid]"),
        ("made on node17.example.org by node17", "made on [host].example.org by [host]"),
        ("https://docs.nvidia.com/cuda/index.html", "https://docs.nvidia.com/cuda/index.html"),
        (f"{NAME}, 580.159.04, libcudart.so.13, 12/13", f"{NAME}, 580.159.04, libcudart.so.13, 12/13"),
    ],
)
def test_paths_uuids_and_host_names_are_not_published(said: str, kept: str) -> None:
    assert published({"a": [said]}, ("node17",)) == {"a": [kept]}


def report(*checks: Check) -> dict[str, Any]:
    return {
        "made_up": False,
        "machine": {"gpus": [{**GPU, "name": f"{NAME} <b>"}], "driver": "580.159.04", "cuda": "13.0", "system": "Linux"},
        "envgen": "0.1.0",
        "date": "2026-11-26",
        "seconds": 1.0,
        "frameworks": {"python 1": [{"framework": "pytorch", "state": "ok"}], "python 2": []},
        "checks": [vars(check) for check in checks],
        "faults": ["doctor: <script>"],
        "pages": {"text/doctor": ["<script>"]},
        "timings": {},
    }


def test_the_page_and_the_text_show_every_check_and_escape_what_was_said() -> None:
    bad = Check(group="doctor", question="which <i>?", expected="a", found="<script>alert(1)</script>", state="failed")
    shown = page(report(*judge(healthy()), bad))
    assert "<script>" not in shown and "<i>" not in shown and "&lt;script&gt;alert(1)" in shown
    assert shown.count('class="passed"') == len(judge(healthy()))
    assert shown.count('class="failed"') == 1
    said = text(report(*judge(healthy()), bad))
    assert "FAILED  doctor: which <i>?" in said and "1 failed, 0 skipped" in said and "fault: doctor" in said


@pytest.mark.parametrize(
    ("name", "file"),
    [(NAME, "nvidia-h100-80gb-hbm3"), ("../../x", "x"), ("Tesla V100-SXM2", "tesla-v100-sxm2"), ("", "without-gpu")],
)
def test_the_report_is_named_after_the_gpu(name: str, file: str) -> None:
    assert kind({"made_up": False, "machine": {"gpus": [{"name": name}, {"name": name}]}}) == file
