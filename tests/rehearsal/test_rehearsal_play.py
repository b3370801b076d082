"""A test is played by the real decision and the real engine, in a world that does what the test says."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from router.rehearsal.clock import run
from router.rehearsal.play import Stage
from tests.rehearsal.staged import CONFIG, NOW, got, results, staged

FAST = "{model: fast}"


def came(**more: Any) -> dict[str, Any]:
    """What comes of a request that the first target answers."""
    fine = {"target": "a/small", "targets": ["a/small"], "attempts": 1, "status": 200, "code": None, "cost_usd": 0.001401}
    return fine | more


FREE = came(cost_usd=0.0)
LOCAL = FREE | {"target": "c/local", "targets": ["c/local"]}
CLAUDE = came(target="b/claude", targets=["b/claude"], cost_usd=0.004503)
AFTER_A = CLAUDE | {"targets": ["a/small", "b/claude"]}
LARGE = came(target="a/large", targets=["a/small", "a/large"], attempts=2)
REFUSED = FREE | {"target": None, "targets": [], "attempts": 0}
NOBODY = REFUSED | {"status": 401, "code": "invalid_api_key"}


@pytest.mark.parametrize(
    ("given", "world", "expected"),
    [
        (FAST, "{}", came()),
        ("{model: fast, stream: true}", "{}", came()),
        ("{model: fast, headers: {anthropic-version: '2023-06-01'}}", "{}", came()),
        (FAST, "{b: {down: true}, c: {status: 500}}", came()),
        (FAST, "{a: {down: true}}", AFTER_A | {"attempts": 3}),
        (FAST, "{a/small: {status: 401}}", AFTER_A | {"attempts": 2}),
        (FAST, '{a: {"off": true}}', CLAUDE),
        (FAST, '{a: {"off": true}, b: {"off": true}}', LOCAL),
        (FAST, '{a/small: {"off": true}, b/claude: {"off": true}}', LOCAL),
        ("{model: wide}", "{a/small: {status: 503}}", LARGE),
        ("{model: wide}", "{a: {status: 503}, a/large: {latency: 1s}}", LARGE),
        ("{model: any-thing}", "{}", came(target="a/thing", targets=["a/thing"])),
        ("{model: any-thing}", '{a/thing: {"off": true}}', LOCAL),
        ("{model: any-thing}", "{a/thing: {down: true}}", LOCAL | {"targets": ["a/thing", "c/local"], "attempts": 2}),
        ("{model: any-thing}", "{health: {a/thing: open}}", LOCAL),
        (FAST, "{health: {a: open}}", CLAUDE),
        (FAST, "{health: {a/small: parked, b/claude: open}}", LOCAL),
        ("{model: wide}", "{health: {a/small: open}}", came(target="a/large", targets=["a/large"])),
        ("{model: fast, key: app}", "{}", came()),
        ("{model: wide, key: app}", "{}", REFUSED | {"status": 403, "code": "model_not_allowed"}),
        ("{model: fast, key: old}", "{}", NOBODY),
        ("{model: fast, headers: {x-api-key: stranger}}", "{}", NOBODY),
    ],
)  # fmt: skip
def test_what_the_world_is_like_decides_who_answers(given: str, world: str, expected: dict[str, Any]) -> None:
    assert got(given, world) == expected


def test_a_provider_that_is_too_slow_is_left_for_the_next() -> None:
    slow = got("{model: fast, stream: true}", "{a: {latency: 11s}}")
    assert (slow["target"], slow["attempts"]) == ("b/claude", 2)
    patient = got("{model: fast, stream: true}", "{a: {latency: 9s}}")
    assert (patient["target"], patient["attempts"]) == ("a/small", 1)


def test_a_client_that_has_no_time_gets_a_timeout() -> None:
    late = got("{model: fast, headers: {x-router-deadline: 2s}}", "{a: {latency: 5s}}")
    assert (late["target"], late["status"], late["code"]) == (None, 504, "upstream_timeout")


def test_all_that_fails_gives_the_error_the_client_would_get() -> None:
    (result,) = results(
        "  - {name: it, given: {model: wide}, world: {a: {status: 503}}, expect: {status: {lt: 500}, attempts: {gt: 2}}}\n"
    )
    assert [str(each) for each in result.broken] == ["status: expected < 500, got 503", "attempts: expected > 2, got 2"]
    assert [tuple(way) for way in result.attempts] == [("a/small", "server", 503, 1), ("a/large", "server", 503, 1)]
    assert result.message is not None
    assert "503" in result.message


def test_repeated_requests_share_what_was_learned_and_the_last_one_counts() -> None:
    """The fifth failure opens the breaker: from then on the target is not even tried."""
    one = CONFIG.replace("retries: 1", "retries: 0")
    assert got("{model: fast, repeat: 5}", "{a: {status: 500}}", config=one)["attempts"] == 2
    assert got("{model: fast, repeat: 6}", "{a: {status: 500}}", config=one) == came(
        target="b/claude", targets=["b/claude"], cost_usd=0.004503
    )


@pytest.mark.parametrize("trouble", ["{down: true}", "{status: 503}", "{latency: 20s}"])
def test_probes_look_on_in_a_test_too(trouble: str) -> None:
    """What five failures show, they have shown before the fourth request, 6.54 s after the first."""
    once = (
        CONFIG.replace("retries: 1", "retries: 0, timeouts: {answer: 3s}") + "defaults: {breaker: {open: 60s, max_open: 60s}}\n"
    )
    probing = once.replace("{type: openai,", "{type: openai, health: {probe: 1s, path: /models},")
    attempts = [got("{model: fast, repeat: 4}", f"{{a: {trouble}}}", config=each)["attempts"] for each in (once, probing)]
    assert attempts == [2, 1]


def test_trouble_begins_and_ends_when_the_test_says() -> None:
    """Undisturbed answers take 2.18 s: the requests begin at 0, 2.18, 4.36, …"""
    at = [got(f"{{model: fast, repeat: {number}}}", '{a: {"off": true, from: 2s, to: 5s}}')["target"] for number in (1, 2, 3, 4)]
    assert at == ["a/small", "b/claude", "b/claude", "a/small"]


def test_a_test_begins_when_the_world_says_or_now() -> None:
    async def began(world: str) -> float:
        tests = f"  - {{name: it, given: {FAST}, world: {world}, expect: {{status: 200}}}}\n"
        made = staged(tests)
        stage = Stage(made.offline, made.scenes[0], 0)
        await asyncio.sleep(60)
        return stage._exchange().wall

    assert run(began("{}")) == NOW.timestamp() + 60
    assert run(began('{clock: "2026-12-01T10:00:00+02:00"}')) == datetime(2026, 12, 1, 8, 1, tzinfo=UTC).timestamp()


def test_prices_are_known_as_in_earnest() -> None:
    unpriced = CONFIG.replace(", price: {input: 1, output: 4}", "")
    assert got("{model: wide}", "{}", config=unpriced.replace("a/small, a/large", "a/gpt-4o"))["cost_usd"] > 0
    assert got("{model: wide}", "{}", config=unpriced.replace("a/small, a/large", "a/no-such"))["cost_usd"] is None


def test_keys_count_only_where_the_file_asks_for_them() -> None:
    assert got("{model: wide, key: app}", config=f"{CONFIG}server: {{auth: none}}\n") == came()


def test_what_was_learned_of_a_target_counts_before_what_was_learned_of_its_provider() -> None:
    """An open breaker tries again after 5 s; a parked target is left alone for a minute."""
    one_after_another = "{model: fast, repeat: 4}"
    assert got(one_after_another, "{health: {a: parked, a/small: open}}")["target"] == "a/small"
    assert got(one_after_another, "{health: {a: open, a/small: parked}}")["target"] == "b/claude"


def test_a_price_that_is_not_known_fits_no_expectation() -> None:
    unknown = CONFIG.replace(", price: {input: 1, output: 4}", "")
    (result,) = results("  - {name: it, given: {model: wide}, expect: {cost_usd: {lt: 1}}}\n", unknown)
    assert [str(each) for each in result.broken] == ["cost_usd: expected < 1, got none: the price of a/small is not known"]


WEIGHTED = CONFIG.replace("wide: {targets: [a/small, a/large]", "wide: {strategy: weighted, targets: [a/small, a/large]")
SPREAD = "".join(f"  - {{name: t{i}, given: {{model: wide}}, expect: {{status: 200}}}}\n" for i in range(32))


def test_chance_repeats_itself_for_a_seed_and_differs_between_seeds_and_tests() -> None:
    drawn = [[result.got["target"] for result in results(SPREAD, WEIGHTED, seed)] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
    assert set(drawn[0]) == {"a/small", "a/large"}


def test_what_the_engine_says_of_a_played_outage_is_kept_quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    got(FAST, "{a: {down: true}, health: {b: open}}")
    assert caplog.records == []
