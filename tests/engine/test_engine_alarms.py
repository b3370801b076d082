"""Many waits behind one timer: each rings at its time and once, none after it was taken back, and nothing piles up."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from scripted import run

from router.engine.alarms import SLACK, Alarms

WAITS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 30), st.one_of(st.none(), st.integers(1, 30))), max_size=30)


@given(WAITS)
def test_each_rings_at_its_time_unless_it_was_taken_back_before(waits):
    async def main():
        loop, alarms = asyncio.get_running_loop(), Alarms()
        rung: list[tuple[float, int]] = []

        async def wait(number, start, length, patience):
            await asyncio.sleep(start)
            alarm = alarms.set(loop.time() + length, lambda: rung.append((loop.time(), number)))
            if patience is not None:
                await asyncio.sleep(patience)
                alarms.take_back(alarm)
                alarms.take_back(alarm)

        await asyncio.gather(*(wait(number, *each) for number, each in enumerate(waits)))
        await asyncio.sleep(100)
        due = {n: start + length for n, (start, length, patience) in enumerate(waits) if patience is None or patience > length}
        ties = {n for n, (_, length, patience) in enumerate(waits) if patience == length}  # Either is right.
        assert {n: at for at, n in rung if n not in ties} == due
        assert len(rung) == len({n for _, n in rung})
        assert alarms._alive == 0
        assert alarms._timer is None

    run(main())


def test_what_was_taken_back_does_not_pile_up():
    async def main():
        alarms = Alarms()
        kept = [alarms.set(1000.0, lambda: None) for _ in range(10)]
        for _ in range(10_000):
            alarms.take_back(alarms.set(500.0, lambda: None))
            assert len(alarms._heap) <= 2 * len(kept) + SLACK + 1
        for alarm in kept:
            alarms.take_back(alarm)
        assert alarms._heap == []

    run(main())


def test_an_alarm_set_while_another_rings_is_not_lost():
    async def main():
        loop, alarms = asyncio.get_running_loop(), Alarms()
        rung = []
        alarms.set(1.0, lambda: alarms.set(1.5, lambda: rung.append(loop.time())))
        await asyncio.sleep(10)
        assert rung == [1.5]

    run(main())
