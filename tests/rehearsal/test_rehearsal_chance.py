"""Chance that is the same everywhere."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from router.rehearsal.chance import Chance


def test_it_is_splitmix64() -> None:
    """The first numbers of the published generator from the state 0."""
    chance = Chance("")
    chance._state = 0
    assert [int(chance() * 2**53) for _ in range(3)] == [
        number >> 11 for number in (0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F)
    ]


@given(st.text(), st.integers(1, 50))
def test_a_seed_gives_the_same_numbers_below_one(seed: str, many: int) -> None:
    one, other = Chance(seed), Chance(seed)
    drawn = [one() for _ in range(many)]
    assert drawn == [other() for _ in range(many)]
    assert all(0 <= each < 1 for each in drawn)
    assert len(set(drawn)) == many


def test_numbers_spread_evenly() -> None:
    chance = Chance("even")
    counts = [0] * 10
    for _ in range(20_000):
        counts[int(chance() * 10)] += 1
    assert all(1800 < count < 2200 for count in counts)
