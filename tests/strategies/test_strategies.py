"""Orders of targets: each strategy returns a permutation, and the one its name promises."""

from collections import Counter
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.strategies import STRATEGIES, Draw


@dataclass(frozen=True)
class Candidate:
    name: int
    weight: float = 1.0


CANDIDATES = st.lists(st.floats(0, 100), max_size=8).map(lambda weights: [Candidate(n, w) for n, w in enumerate(weights)])


@pytest.mark.parametrize("name", STRATEGIES)
@given(candidates=CANDIDATES, seed=st.integers(), turn=st.integers(0, 1000))
def test_a_strategy_returns_a_permutation(name, candidates, seed, turn):
    ordered = STRATEGIES[name](candidates, Draw(Random(seed).random, turn))
    assert sorted(ordered, key=lambda c: c.name) == candidates


def test_ordered_is_the_order_of_the_file():
    candidates = [Candidate(3), Candidate(1), Candidate(2)]
    assert list(STRATEGIES["ordered"](candidates, Draw(Random(0).random, 5))) == candidates


def test_round_robin_starts_one_further_each_time():
    candidates = [Candidate(0), Candidate(1), Candidate(2)]
    firsts = [STRATEGIES["round_robin"](candidates, Draw(Random(0).random, turn))[0].name for turn in range(5)]
    assert firsts == [0, 1, 2, 0, 1]


def test_weighted_draws_the_first_in_proportion_and_zero_comes_last():
    candidates = [Candidate(0, 3.0), Candidate(1, 1.0), Candidate(2, 0.0)]
    random = Random(7)
    orders = [[c.name for c in STRATEGIES["weighted"](candidates, Draw(random.random, 0))] for _ in range(20_000)]
    firsts = Counter(order[0] for order in orders)
    assert firsts[0] / 20_000 == pytest.approx(0.75, abs=0.02)
    assert firsts[2] == 0
    assert all(order[-1] == 2 for order in orders)
