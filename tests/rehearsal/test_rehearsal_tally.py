"""Figures of a drill."""

from __future__ import annotations

from array import array
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from router.engine.exchange import Attempt, Exchange
from router.rehearsal.tally import Tally, Way, percentile
from router.snapshot import TargetId
from router.wire import FORMATS
from tests.engine.scripted import compiled

SNAPSHOT = compiled("version: 1\nproviders: {a: {type: sandbox}}\nmodels: {fast: {targets: [a/x]}}\n")
A, B = TargetId("a/x"), TargetId("b/x")


def exchange(*attempts: Attempt, took: float = 1.0, **more: Any) -> Exchange:
    x = Exchange("req_1", SNAPSHOT, FORMATS["openai_chat"], b"", 10.0, 0.0)
    x.attempts.extend(attempts)
    x.ended = 10.0 + took
    for name, value in more.items():
        setattr(x, name, value)
    return x


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    found = percentile(array("d", values), share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9


FINE = exchange(
    Attempt(A, "server", 503, 0.1), Attempt(A, "server", 503, 0.1), Attempt(B, "ok", 200, 0.6), took=1.0, target=B, cost=5
)
LOST = exchange(
    Attempt(A, "connect", None, 0.0), took=0.5, outcome="upstream_error", status=502, error_code="upstream_unavailable"
)


def test_a_drill_sums_up_all_its_requests() -> None:
    tally = Tally(drill=True)
    tally.add(FINE, calm=0.75, message=None)
    tally.add(LOST, calm=0.2, message="refused")
    assert tally.got() == {
        "requests": 2,
        "errors": 1,
        "p99_added": 0.5,
        "attempts_per_request": 2.0,
        "cost_usd": 5e-9,
    }
    assert tally.ways == (Way("a/x", "server", 503, 2), Way("b/x", "ok", 200, 1), Way("a/x", "connect", None, 1))
    assert tally.message == "refused"


def test_any_other_test_looks_at_the_last() -> None:
    tally = Tally(drill=False)
    tally.add(LOST, calm=0.2, message="refused")
    tally.add(FINE, calm=0.2, message=None)
    assert tally.got() == {
        "target": "b/x",
        "targets": ["a/x", "b/x"],
        "attempts": 3,
        "status": 200,
        "code": None,
        "cost_usd": 5e-9,
    }
    assert [str(way) for way in tally.ways] == ["a/x server 503 (2 times)", "b/x ok 200"]
    assert tally.message is None
    tally.add(LOST, calm=0.2, message="refused")
    assert tally.got() == {
        "target": None,
        "targets": ["a/x"],
        "attempts": 1,
        "status": 502,
        "code": "upstream_unavailable",
        "cost_usd": 0.0,
    }
