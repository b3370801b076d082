"""Drills: many requests on a virtual clock, with breakers, parking, backoff and retry budgets as in earnest."""

from __future__ import annotations

import time
from typing import Any

from tests.rehearsal.staged import CONFIG, results

FIGURES = "expect: {errors: 0, p99_added: {lt: 3s}, attempts_per_request: {lt: 1.3}, cost_usd: {gt: 0}}"


def drill(
    world: str, *, given: str = "model: fast", load: str = "{rate: 20/1s, for: 1m}", config: str = CONFIG
) -> dict[str, Any]:
    (result,) = results(f"  - {{name: it, given: {{{given}, load: {load}}}, world: {world}, {FIGURES}}}\n", config)
    return dict(result.got) | {"ways": {tuple(way[:3]): way.times for way in result.attempts}, "passed": result.passed}


def test_a_calm_drill_adds_nothing() -> None:
    assert drill("{}") == {
        "requests": 1200,
        "errors": 0,
        "p99_added": 0.0,
        "attempts_per_request": 1.0,
        "cost_usd": 1.6812,
        "ways": {("a/small", "ok", 200): 1200},
        "passed": True,
    }


def test_an_outage_of_one_provider_reaches_no_client_and_is_over_when_it_is_over() -> None:
    found = drill("{a: {down: true, from: 10s, to: 40s}}")
    assert found["passed"]
    ways = found["ways"]
    assert 600 <= ways["b/claude", "ok", 200] <= 920  # Thirty seconds of twenty, and until a trial has shown it is over.
    assert ways["a/small", "connect", None] < 40  # Not asked again and again while it is down.


def test_a_total_outage_is_no_storm() -> None:
    """Each target is tried by one request at a time; the others are refused at once."""
    found = drill("{a: {status: 500}, b: {status: 500}, c: {status: 500}}", load="{rate: 200/1s, for: 10s}")
    assert (found["requests"], found["errors"], found["passed"]) == (2000, 2000, False)
    assert found["attempts_per_request"] < 1


def test_time_lost_on_slow_providers_is_counted() -> None:
    slow = "{a: {latency: 4s}}"
    assert drill(slow)["p99_added"] == 3.8
    streamed = drill(slow, given="model: fast, stream: true")
    assert (streamed["p99_added"], streamed["errors"]) == (3.8, 0)


def test_more_than_the_router_takes_is_refused() -> None:
    small = f"{CONFIG}server: {{max_inflight: 10}}\n"
    found = drill("{}", config=small)
    assert found["errors"] > 0
    assert found["ways"]["a/small", "ok", 200] + found["errors"] == 1200


def test_a_drill_repeats_itself() -> None:
    world = "{a: {status: 503, from: 5s, to: 20s}}"
    assert drill(world, load="{rate: 20/1s, for: 30s}") == drill(world, load="{rate: 20/1s, for: 30s}")


def test_fifteen_thousand_requests_take_seconds() -> None:
    began = time.process_time()
    found = drill("{a: {status: 429, from: 1m, to: 2m}}", load="{rate: 50/1s, for: 5m}")
    assert found["requests"] == 15_000
    assert found["passed"]
    assert time.process_time() - began < 20
