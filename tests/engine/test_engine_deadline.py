"""One timer for every wait, and never mistaken for a client that leaves."""

import asyncio

import pytest
from scripted import run

from router.engine.alarms import Alarms
from router.engine.deadline import NEVER, Patience
from router.errors import UpstreamTimeout


def waits(seconds_and_clock, sleeps, *, total=1000.0, deadline=1000.0, touch=True):
    """Seconds until it ends, and the clock that ended it (None: all slept through)."""

    async def main():
        loop = asyncio.get_running_loop()
        try:
            with Patience(deadline, Alarms()) as patience:
                patience.attempt(total)
                patience.allow(*seconds_and_clock)
                for seconds in sleeps:
                    await asyncio.sleep(seconds)
                    if touch:
                        patience.touch()
        except UpstreamTimeout as timeout:
            return loop.time(), timeout.clock
        return loop.time(), None

    return run(main())


def test_each_wait_is_bounded_by_the_nearest_of_its_clocks():
    assert waits((3.0, "idle"), [5.0]) == (3.0, "idle")
    assert waits((3.0, "idle"), [2.0, 2.0, 2.0]) == (6.0, None)
    assert waits((3.0, "idle"), [2.0, 2.0, 5.0]) == (7.0, "idle")
    assert waits((3.0, "idle"), [2.0] * 10, total=7.0) == (7.0, "total")
    assert waits((3.0, "idle"), [2.0] * 10, total=9.0, deadline=7.0) == (7.0, "deadline")
    assert waits((3.0, "answer"), [2.0, 2.0], touch=False) == (3.0, "answer")
    assert waits((NEVER, "total"), [2.0] * 10, total=5.0) == (5.0, "total")


def test_a_shorter_wait_after_a_longer_one_is_noticed():
    async def main():
        with pytest.raises(UpstreamTimeout) as raised, Patience(100.0, Alarms()) as patience:
            patience.allow(50.0, "answer")
            await asyncio.sleep(1)
            patience.allow(2.0, "idle")
            await asyncio.sleep(60)
        assert (asyncio.get_running_loop().time(), raised.value.clock) == (3.0, "idle")

    run(main())


def test_a_cancellation_from_outside_stays_one_even_when_the_time_is_over_too():
    async def main():
        async def work():
            with Patience(5.0, Alarms()) as patience:
                patience.allow(5.0, "answer")
                await asyncio.sleep(100)

        for seconds in (1.0, 5.0):
            task = asyncio.ensure_future(work())
            asyncio.get_running_loop().call_later(seconds, task.cancel)
            with pytest.raises(asyncio.CancelledError):
                await task

    run(main())


def test_nothing_is_left_in_the_loop():
    async def main():
        with Patience(5.0, Alarms()) as patience:
            patience.allow(5.0, "answer")
        return [h for h in asyncio.get_running_loop()._scheduled if not h.cancelled()]

    assert len(run(main())) == 1  # The bound of the test itself.
