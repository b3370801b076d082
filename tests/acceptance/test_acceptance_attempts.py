"""T07: however many fail, nobody is asked more often than the file says, and every client hears of it in time."""

from __future__ import annotations

import asyncio

import pytest

from tests.acceptance.dialects import CHAT, MESSAGES, TEXT, Dialect
from tests.acceptance.stage import QUICK, for_each_pair, stage
from tests.acceptance.upstreams import (
    Behaviour,
    Provider,
    a_bad_chunk,
    a_web_page,
    a_wrong_length,
    an_empty_body,
    an_error_in_a_200,
    closes,
    good,
    half_a_head,
    half_a_json,
    in_turn,
    resets,
    silent,
    status,
)

CLIENTS = 50
MAX_ATTEMPTS = 4
YAML = """
models:
  fast: {targets: [a/m1, a/m2, b/m3], fallback: [more], retries: 3, breaker: none}
  more: {targets: [b/m4]}
"""
PATIENT = QUICK.replace("00ms", "0s").replace("5s", "30s")
"""Fifty clients at once may take a busy machine longer than QUICK allows."""
HASTY = QUICK.replace("deadline: 5s", "deadline: 1500ms")
DEADLINES = {HASTY: 1.5, PATIENT: 30.0}
TARGETS = 4
FAULTS: dict[str, tuple[Behaviour, int | None]] = {
    # What happens, and how many of the 4 targets are asked at the most; None: as often as `max_attempts` allows.
    "400": (status(400, kind="invalid_request_error"), 2),
    "404": (status(404, kind="not_found_error"), 2),
    "422": (status(422, kind="invalid_request_error"), 2),
    "401": (status(401, kind="authentication_error"), TARGETS),
    "429 for long": (status(429, kind="rate_limit_error", extra="retry-after: 60\r\n"), TARGETS),
    "429": (status(429, kind="rate_limit_error"), None),
    "500": (status(500), None),
    "529": (status(529, kind="overloaded_error"), None),
    "reset": (resets, None),
    "closed": (closes, None),
    "half a head": (half_a_head, None),
    "silence": (silent, TARGETS),
    "half a JSON": (half_a_json, None),
    "nothing": (an_empty_body, None),
    "a web page": (a_web_page, None),
    "too short": (a_wrong_length, None),
    "a bad chunk": (a_bad_chunk, None),
    "an error in a 200": (an_error_in_a_200, None),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_attempts_are_bounded_when_everything_fails(tmp_path, stream: bool, fault: str) -> None:
    """T07: 50 clients at once, of both formats, over two providers of both formats with four targets."""
    do, most = FAULTS[fault]
    clocks = HASTY if do is silent else PATIENT
    async with stage(tmp_path, YAML, more=clocks, a=Provider(CHAT, do), b=Provider(MESSAGES, do)) as on:
        clients = [(CHAT, MESSAGES)[n % 2] for n in range(CLIENTS)]
        answers = await asyncio.gather(*(on.ask(client, stream=stream) for client in clients))
        assert all(answer.status >= 400 and answer.heard.error for answer in answers)
        assert max(answer.seconds for answer in answers) < DEADLINES[clocks] + 0.5
        assert max(len(answer.attempts) for answer in answers) <= min(MAX_ATTEMPTS, most or MAX_ATTEMPTS)
        asked = sum(on.asked.values())
        assert CLIENTS <= asked <= CLIENTS * MAX_ATTEMPTS
        # Nothing is done that is not said. (An attempt may be cut off before its upstream has read it.)
        assert asked <= sum(len(answer.attempts) for answer in answers)
        metrics = await on.metrics()
        assert metrics.value("router_attempts_total") == asked
        assert metrics.open == 0


@pytest.mark.parametrize("code", [400, 404, 422])
@for_each_pair
async def test_a_request_that_is_refused_is_shown_to_each_provider_once(
    tmp_path, pair: tuple[Dialect, Dialect], code: int
) -> None:
    """T07: when all of them refuse it, the client hears what the first one said, in its own format."""
    client, upstream = pair
    first, second = status(code, message="the first said no"), status(400, message="the second said no")
    async with stage(tmp_path, YAML, a=Provider(upstream, first), b=Provider(upstream, second)) as on:
        for stream in (False, True):
            answer = await on.ask(client, stream=stream)
            assert (answer.status, answer.attempts) == (code, [f"a/m1:{code}", "b/m3:400"])
            assert answer.heard.error is not None and answer.heard.error["message"] == "the first said no"
            assert answer.headers["x-router-error-source"] == "upstream"
        assert on.asked == {"a": 2, "b": 2}


@for_each_pair
async def test_a_retry_does_not_take_what_an_untried_target_needs(tmp_path, pair: tuple[Dialect, Dialect]) -> None:
    """T07: `max_attempts` is for all targets; the last one is reached although the first could be tried again and again."""
    client, upstream = pair
    models = "models: {fast: {targets: [a/m1, a/m2, a/m3, b/m4], retries: 3, max_attempts: 4}}\n"
    async with stage(tmp_path, models, a=Provider(upstream, status(503)), b=Provider(upstream, good)) as on:
        answer = await on.ask(client, stream=True)
        assert answer.attempts == ["a/m1:503", "a/m2:503", "a/m3:503", "b/m4:200"]
        assert (answer.heard.text, answer.heard.complete) == (TEXT, True)


@for_each_pair
async def test_a_short_retry_after_is_waited_for_and_a_long_one_is_not(tmp_path, pair: tuple[Dialect, Dialect]) -> None:
    """T07: one second is waited for at the same target; sixty are not, and that target is left alone."""
    client, upstream = pair
    short, long = (status(429, kind="rate_limit_error", extra=f"retry-after: {seconds}\r\n") for seconds in (1, 60))
    models = "models: {fast: {targets: [a/m1]}, two: {targets: [a/m2, b/m3]}}\n"
    async with stage(tmp_path, models, a=Provider(upstream, in_turn(short, good, long, good)), b=Provider(upstream, good)) as on:
        answer = await on.ask(client, stream=True)
        assert (answer.status, answer.attempts) == (200, ["a/m1:429", "a/m1:200"])
        assert 1.0 <= answer.seconds < 2.0
        answer = await on.ask(client, stream=True, model="two")
        assert (answer.status, answer.attempts) == (200, ["a/m2:429", "b/m3:200"])
        assert answer.seconds < 0.5


async def test_the_deadline_ends_a_chain_that_could_go_on(tmp_path) -> None:
    """T07: every target is slow to fail; the client hears at the deadline."""
    models = "models: {fast: {targets: [a/m1, a/m2, a/m3, b/m4], deadline: 700ms}}\n"
    async with stage(tmp_path, models, more=QUICK, a=Provider(CHAT, silent), b=Provider(CHAT, silent)) as on:
        for stream in (False, True):
            answer = await on.ask(CHAT, stream=stream)
            assert answer.status == 504
            assert 0.7 <= answer.seconds < 1.2
            assert len(answer.attempts) == 3
