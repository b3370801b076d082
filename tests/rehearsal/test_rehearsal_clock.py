"""Time that passes only when everything waits."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.rehearsal.clock import Stuck, run
from router.tasks import spawn


def now() -> float:
    return asyncio.get_running_loop().time()


def test_days_pass_in_a_moment() -> None:
    async def work() -> float:
        await asyncio.sleep(7 * 86_400)
        return now()

    began = time.monotonic()
    assert run(work()) == pytest.approx(7 * 86_400)
    assert time.monotonic() - began < 1


@given(st.lists(st.floats(min_value=0, max_value=1e6), max_size=20))
def test_sleepers_wake_in_the_order_of_their_times(seconds: list[float]) -> None:
    woken: list[float] = []

    async def sleeper(each: float) -> None:
        await asyncio.sleep(each)
        woken.append(each)
        assert now() == pytest.approx(each, abs=1e-8)  # Timers of one nanosecond go off together.

    async def work() -> None:
        await asyncio.gather(*(spawn(sleeper(each), name="sleeper") for each in seconds))

    run(work())
    assert woken == sorted(seconds)


def test_a_wait_for_nothing_fails_instead_of_hanging() -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stuck):
        run(work())


def test_timeouts_are_those_of_the_loop() -> None:
    async def work() -> float:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 30)
        return now()

    assert run(work()) == pytest.approx(30)


def test_what_is_left_over_is_cancelled() -> None:
    seen: list[str] = []

    async def forgotten() -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def work() -> None:
        spawn(forgotten(), name="forgotten")
        await asyncio.sleep(1)

    run(work())
    assert seen == ["cancelled"]
