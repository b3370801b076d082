"""T03 and T04: who says nothing, or nothing more, is not waited for longer than the file says."""

from __future__ import annotations

import asyncio

import pytest

from tests.acceptance.dialects import PAIRS, TEXT, WORDS, Dialect
from tests.acceptance.stage import QUICK, for_each_pair, stage
from tests.acceptance.upstreams import (
    LAST_CHUNK,
    STREAM_HEAD,
    Behaviour,
    Call,
    Provider,
    a_slow_head,
    chunk,
    good,
    silent,
    stalls,
)
from tests.server.running import until
from tests.upstream.servers import Peer

PINGS = QUICK + "  stream: {hold_headers: 100ms, ping: 40ms}\n"
TWO = "models: {fast: {targets: [a/m-a, b/m-b]}}\n"
SLACK = 0.5
"""Seconds a machine that is busy with something else may take."""


@pytest.mark.parametrize("do", [silent, a_slow_head, stalls(0)], ids=["silent", "a slow head", "only the opening"])
@for_each_pair
async def test_a_silent_provider_costs_its_first_token_time_and_no_more(
    tmp_path, pair: tuple[Dialect, Dialect], do: Behaviour
) -> None:
    """T03: while pings keep the client patient the next target answers, the silent one was asked once, its socket is closed; what
    the headers could not say any more stands in a comment."""
    client, upstream = pair
    async with stage(tmp_path, TWO, more=PINGS, a=Provider(upstream, do), b=Provider(upstream, good)) as on:
        answer = await on.ask(client, stream=True)
        assert (answer.status, answer.heard.text, answer.heard.complete, answer.heard.model) == (200, TEXT, True, "m-b")
        assert 0.3 <= answer.seconds < 0.3 + SLACK
        assert answer.heard.pings >= 2
        assert "x-router-served" not in answer.headers
        assert "x-router-attempts: a/m-a:timeout,b/m-b:200" in answer.body.decode()
        assert on.asked == {"a": 1, "b": 1}
        await until(lambda: not on.providers["a"].connections, 1)


@pytest.mark.parametrize("do", [silent, a_slow_head], ids=["silent", "a slow head"])
@for_each_pair
async def test_a_silent_provider_costs_a_plain_request_its_answer_time(
    tmp_path, pair: tuple[Dialect, Dialect], do: Behaviour
) -> None:
    """T03 without streaming."""
    client, upstream = pair
    async with stage(tmp_path, TWO, a=Provider(upstream, do), b=Provider(upstream, good)) as on:
        answer = await on.ask(client, stream=False)
        assert (answer.status, answer.heard.text, answer.attempts) == (200, TEXT, ["a/m-a:timeout", "b/m-b:200"])
        assert 0.3 <= answer.seconds < 0.3 + SLACK
        assert on.asked == {"a": 1, "b": 1}
        await until(lambda: not on.providers["a"].connections, 1)


@for_each_pair
async def test_when_all_are_silent_the_client_is_told_in_time(tmp_path, pair: tuple[Dialect, Dialect]) -> None:
    """T03 with nobody left: 504 as long as a status can be said, an error event where the headers are out."""
    client, upstream = pair
    async with stage(tmp_path, TWO, a=Provider(upstream, silent), b=Provider(upstream, silent)) as on:
        answer = await on.ask(client, stream=True)
        assert (answer.status, answer.attempts) == (504, ["a/m-a:timeout", "b/m-b:timeout"])
        assert answer.headers["x-router-error-source"] == "upstream"
        assert answer.seconds < 0.7 + SLACK
        assert on.asked == {"a": 1, "b": 1}
    async with stage(tmp_path, TWO, more=PINGS, a=Provider(upstream, silent), b=Provider(upstream, silent)) as on:
        answer = await on.ask(client, stream=True)
        assert answer.status == 200
        assert answer.heard.clean_error
        assert answer.heard.pings >= 2
        assert answer.seconds < 0.7 + SLACK
        assert (await on.metrics()).open == 0


@for_each_pair
async def test_a_stall_ends_in_time_and_nothing_remains(tmp_path, pair: tuple[Dialect, Dialect]) -> None:
    """T04: after 20 tokens the provider goes silent. The client has a clean error `idle` later, the connection is closed, the
    next request is served."""
    client, upstream = pair
    async with stage(tmp_path, TWO, a=Provider(upstream, stalls()), b=Provider(upstream, good)) as on:
        answer = await on.ask(client, stream=True)
        assert answer.heard.clean_error
        assert TEXT.startswith(answer.heard.text) and answer.heard.text
        assert 0.3 <= answer.seconds < 0.3 + SLACK
        await until(lambda: not on.providers["a"].connections, 1)
        on.providers["a"].do = good
        answer = await on.ask(client, stream=True)
        assert (answer.heard.text, answer.heard.complete) == (TEXT, True)
        assert (await on.metrics()).open == 0


@for_each_pair
async def test_each_clock_is_one_of_its_own(tmp_path, pair: tuple[Dialect, Dialect]) -> None:
    """T04: between events a provider may take longer than for its first one, and the other way round."""
    client, upstream = pair
    models = (
        "models: {quick: {targets: [a/m], timeouts: {last_first_token: 300ms, first_token: 300ms, idle: 2s}},"
        " steady: {targets: [b/m], timeouts: {last_first_token: 2s, first_token: 2s, idle: 300ms}}}\n"
    )
    quick, steady = Provider(upstream, _pauses(0, 0.7)), Provider(upstream, _pauses(0.7, 0))
    async with stage(tmp_path, models, a=quick, b=steady) as on:
        for model in ("quick", "steady"):
            answer = await on.ask(client, stream=True, model=model)
            assert (answer.heard.text, answer.heard.complete) == (TEXT, True)
        quick.do, steady.do = steady.do, quick.do
        for model in ("quick", "steady"):
            answer = await on.ask(client, stream=True, model=model)
            assert answer.heard.error is not None


def _pauses(first: float, later: float) -> Behaviour:
    """A good stream that says nothing for a while, before its first word or in the middle."""

    async def answer(peer: Peer, call: Call) -> bool:
        await peer.send(STREAM_HEAD, chunk(call.dialect.opening()))
        await asyncio.sleep(first)
        await peer.send(*(chunk(call.dialect.word(word)) for word in WORDS[:30]))
        await asyncio.sleep(later)
        await peer.send(*(chunk(call.dialect.word(word)) for word in WORDS[30:]))
        await peer.send(chunk(call.dialect.closing()) + LAST_CHUNK)
        return True

    return answer


async def test_many_stalls_at_once_leave_an_idle_router(tmp_path) -> None:
    """T04: fifty of them, and afterwards no timer, task or connection of theirs is left."""
    client, upstream = PAIRS[1]
    models = "models: {fast: {targets: [a/m], breaker: none}}\n"
    async with stage(tmp_path, models, a=Provider(upstream, stalls())) as on:
        before = len(asyncio.all_tasks())
        answers = await asyncio.gather(*(on.ask(client, stream=True) for _ in range(50)))
        assert all(answer.heard.clean_error for answer in answers)
        assert max(answer.seconds for answer in answers) < 2
        await until(lambda: len(asyncio.all_tasks()) <= before and not on.providers["a"].connections)
        assert (await on.metrics()).open == 0
