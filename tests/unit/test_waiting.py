"""What counts as progress while a server is waited for."""

from __future__ import annotations

import asyncio
import time

import pytest

from envgen.channels.child import _seconds
from envgen.channels.limits import FLOOR, Limits
from envgen.channels.watch import TooLarge, Unreachable, watched


class Arrivals:
    """What a test says has arrived; to tell it may take processor time."""

    def __init__(self, per_look: int = 0, most: int = 10**12, burned: float = 0.0) -> None:
        self.count, self._per_look, self._most, self._burned = 0, per_look, most, burned

    def arrived(self) -> int:
        begun = time.process_time()
        while time.process_time() - begun < self._burned:
            pass
        self.count += self._per_look
        return self.count

    def excess(self) -> str:
        return "much" if self.count > self._most else ""

    def unfinished(self) -> bool:
        return False


def waited_for(arrivals: Arrivals, seconds: float, timeout: float = 0.6) -> str:
    async def work() -> str:
        await asyncio.sleep(seconds)
        return "done"

    return asyncio.run(watched(work(), arrivals, "the server", Limits(timeout=timeout)))


def test_work_that_ends_in_time_is_returned() -> None:
    assert waited_for(Arrivals(), 0.1) == "done"


def test_a_silent_server_is_given_up_after_the_time_out() -> None:
    begun = time.monotonic()
    with pytest.raises(Unreachable, match="the server sent nothing for 0.6 s"):
        waited_for(Arrivals(), 60)
    assert 0.6 <= time.monotonic() - begun < 20


@pytest.mark.thorough
def test_a_server_that_drips_is_given_up_and_one_that_sends_is_not() -> None:
    with pytest.raises(Unreachable, match="less than 1000 bytes a second"):
        waited_for(Arrivals(per_look=1), 60)
    assert waited_for(Arrivals(per_look=FLOOR), 2) == "done"


@pytest.mark.thorough
def test_to_look_for_progress_is_not_progress() -> None:
    """A large cache takes long to look at."""
    with pytest.raises(Unreachable):
        waited_for(Arrivals(burned=0.05), 15)


def test_too_much_is_noticed_at_once() -> None:
    with pytest.raises(TooLarge, match="the server sends too much: much"):
        waited_for(Arrivals(per_look=10, most=5), 60)


def test_an_error_of_the_work_is_that_error_and_comes_at_once() -> None:
    async def work() -> None:
        raise Unreachable("its own")

    with pytest.raises(Unreachable, match="its own"):
        asyncio.run(watched(work(), Arrivals(), "the server", Limits()))


@pytest.mark.parametrize(
    ("text", "seconds"), [("0:01.50", 1.5), ("1:02.25", 62.25), ("01:02:03", 3723), ("1-02:03:04", 93784), ("00:00", 0)]
)
def test_processor_time_is_read_as_systems_write_it(text: str, seconds: float) -> None:
    assert _seconds(text) == seconds
