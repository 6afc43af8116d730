"""Every failure: its exit code, and a text that ends in the next step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envgen.model import errors
from envgen.model.address import Address
from envgen.model.errors import BadInput, CheckFailed, EnvgenError, NoSolution, addressed, closest
from envgen.resolver.resolve import Unsatisfiable


@pytest.mark.parametrize(("kind", "code"), [(EnvgenError, 2), (BadInput, 2), (Unsatisfiable, 3), (NoSolution, 4), (CheckFailed, 1)])
def test_each_failure_has_its_exit_code(kind: type[EnvgenError], code: int) -> None:
    assert kind.exit_code == code


def test_there_are_no_other_failures_and_all_inherit_from_one() -> None:
    found = {item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, BaseException)}
    assert found == {EnvgenError, BadInput, CheckFailed, NoSolution}
    assert all(issubclass(item, EnvgenError) and issubclass(item, Exception) for item in found)


@pytest.mark.parametrize(
    ("where", "hint", "text"),
    [
        (None, "", "what"),
        ("file", "", "file: what"),
        (Address("f.yaml", 2, 3), "do this", "f.yaml:2:3: what\n\nhint: do this"),
        (None, "do this", "what\n\nhint: do this"),
    ],
)
def test_the_text_is_address_fact_and_next_step(where: object, hint: str, text: str) -> None:
    assert str(BadInput("what", where=where, hint=hint)) == text


def test_an_address_is_given_only_where_there_is_none() -> None:
    with pytest.raises(BadInput) as caught, addressed("outer"):
        raise BadInput("x")
    assert str(caught.value) == "outer: x"
    with pytest.raises(BadInput) as caught, addressed("outer"):
        raise BadInput("x", where="inner")
    assert str(caught.value) == "inner: x"


def test_a_near_miss_is_suggested_and_else_the_list_is_shown() -> None:
    assert closest("pytroch", ["pytorch", "jax"]) == "did you mean `pytorch`?"
    assert closest("zzz", ["pytorch", "jax"]) == "known here: jax, pytorch"
    assert closest("cu999", ["cpu", "cu126", "cu129"]) == "known here: cpu, cu126, cu129"
    assert closest("cu128", ["cu126x", "cu129"]) == "did you mean `cu129`?"
    assert closest("zzz", []) == "nothing is known here"
    assert closest("zzz", [f"n{i:02d}" for i in range(25)]).endswith("n19, ...")


@given(st.lists(st.text(min_size=1, max_size=6), unique=True, min_size=1))
def test_what_is_known_is_its_own_nearest(known: list[str]) -> None:
    assert closest(known[0], known) == f"did you mean `{known[0]}`?"


# --- a fault of envgen itself ---------------------------------------------------------------------------------------------


class Panic(BaseException):
    """As rattler's: no Exception."""


@pytest.mark.parametrize("fault", [KeyError("x\n::error::y"), RuntimeError(""), RecursionError("deep"), Panic("at\x1b[2J")])
def test_a_fault_of_envgen_is_one_line_that_asks_for_a_report(
    fault: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from envgen.cli import main

    def broken(**_: object) -> int:
        raise fault

    monkeypatch.delenv("ENVGEN_TRACEBACK", raising=False)
    monkeypatch.setattr(main.main, "main", broken)
    assert main._status() == 70
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: a fault of envgen ")
    assert f": {type(fault).__name__}: " in err
    assert "please report this" in err
    assert "\x1b" not in err
    monkeypatch.setenv("ENVGEN_TRACEBACK", "1")
    assert main._status() == 70
    assert capsys.readouterr().err.startswith("Traceback (most recent call last):\n")


@pytest.mark.parametrize(("ending", "status"), [(KeyboardInterrupt(), 130), (BadInput("x"), 2), (OSError("x"), 2)])
def test_what_a_user_can_cause_is_no_fault(ending: BaseException, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from envgen.cli import main

    def broken(**_: object) -> int:
        raise ending

    monkeypatch.setattr(main.main, "main", broken)
    assert main._status() == status
