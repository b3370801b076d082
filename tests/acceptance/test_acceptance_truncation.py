"""T01 and T02: half an answer is never a whole one, and an error is never an answer."""

from __future__ import annotations

import pytest

from tests.acceptance.dialects import CHAT, MESSAGES, TEXT, Dialect
from tests.acceptance.stage import for_each_pair, stage
from tests.acceptance.upstreams import (
    LAST_CHUNK,
    STREAM_HEAD,
    Behaviour,
    Call,
    Provider,
    an_error_after_the_opening,
    an_error_as_first_frame,
    an_error_in_a_200,
    chunk,
    cut,
    fails,
    good,
    half,
    malformed,
    unfinished,
)
from tests.server.running import until
from tests.upstream.servers import Peer

BREAKS = {
    "closed": cut(),
    "reset": cut(reset=True),
    "closed inside an event": cut(inside=True),
    "ended without a marker": unfinished(),
    "an error event": fails(),
    "three malformed frames": malformed(),
}
MODELS = "models: {fast: {targets: [a/m]}, two: {targets: [a/m, b/m]}}\n"


@pytest.mark.parametrize("break_", BREAKS.values(), ids=BREAKS.keys())
@for_each_pair
async def test_a_broken_stream_is_no_whole_one(tmp_path, pair: tuple[Dialect, Dialect], break_: Behaviour) -> None:
    """T01: 40 of 60 tokens arrive and then an error event, in the client's format and without anything that looks like an end;
    with another target left, too: two answers are never spliced."""
    client, upstream = pair
    async with stage(tmp_path, MODELS, a=Provider(upstream, break_), b=Provider(upstream, good)) as on:
        for model in ("fast", "two"):
            answer = await on.ask(client, stream=True, model=model)
            assert answer.status == 200
            assert answer.heard.clean_error, answer.body[-400:]
            assert answer.heard.text == TEXT[: len(answer.heard.text)] and len(answer.heard.text) > 200
        assert on.asked == {"a": 2, "b": 0}
        assert [(x.outcome, x.partial, x.target) for x in on.router.settled] == [("stream_error", True, "a/m")] * 2
        metrics = await on.metrics()
        assert metrics.value("router_requests_total", outcome="stream_error") == 2
        assert metrics.value("router_requests_total") == 2
        assert metrics.value("router_attempts_total", outcome="ok") == 0
        assert metrics.open == 0


@for_each_pair
async def test_a_whole_stream_is_whole(tmp_path, pair: tuple[Dialect, Dialect]) -> None:
    """T01, the other way round: what ends well is not called broken, and one malformed frame breaks nothing."""
    client, upstream = pair
    async with stage(tmp_path, MODELS, a=Provider(upstream, good), b=Provider(upstream, malformed(frames=1))) as on:
        answer = await on.ask(client, stream=True)
        assert (answer.heard.text, answer.heard.complete) == (TEXT, True)
        on.providers["a"].do = malformed(frames=1)
        answer = await on.ask(client, stream=True)
        assert (answer.heard.text, answer.heard.complete) == (TEXT, True)
        assert [x.outcome for x in on.router.settled] == ["ok", "ok"]


async def _openrouter(peer: Peer, call: Call) -> bool:
    """https://openrouter.ai/docs/api-reference/streaming#handling-errors-during-streaming"""
    frame = (
        b'data: {"id":"gen-1","object":"chat.completion.chunk","created":1,"model":"m","provider":"x",'
        b'"error":{"code":502,"message":"Provider disconnected"},'
        b'"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}\n\n'
    )
    await peer.send(STREAM_HEAD + chunk(b": OPENROUTER PROCESSING\n\n") + chunk(frame) + LAST_CHUNK)
    return True


async def _gemini(peer: Peer, call: Call) -> bool:
    """A bare JSON error, pretty-printed, where a stream was promised."""
    await peer.send(
        STREAM_HEAD + chunk(b'{\n  "error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}\n}') + LAST_CHUNK
    )
    return True


FIRST = {
    "an error body in a 200": an_error_in_a_200,
    "an error as first frame": an_error_as_first_frame,
    "an error after the opening": an_error_after_the_opening,
}
ERRORS = [
    *((CHAT, CHAT, name, do) for name, do in (FIRST | {"OpenRouter's": _openrouter, "a bare JSON": _gemini}).items()),
    *((CHAT, MESSAGES, name, do) for name, do in FIRST.items()),
    *((MESSAGES, CHAT, name, do) for name, do in (FIRST | {"OpenRouter's": _openrouter}).items()),
    *((MESSAGES, MESSAGES, name, do) for name, do in FIRST.items()),
]


@pytest.mark.parametrize(
    ("client", "upstream", "do"),
    [(client, upstream, do) for client, upstream, _, do in ERRORS],
    ids=[f"{client.name} from {upstream.name}, {name}" for client, upstream, name, _ in ERRORS],
)
async def test_an_error_in_a_200_is_an_error(tmp_path, client: Dialect, upstream: Dialect, do: Behaviour) -> None:
    """T02: the answer comes complete from the next target, nothing of the first is seen, each was asked once."""
    models = "models: {fast: {targets: [a/m-a, b/m-b], retries: 0}}\n"
    async with stage(tmp_path, models, a=Provider(upstream, do), b=Provider(upstream, good)) as on:
        answer = await on.ask(client, stream=True)
        assert (answer.status, answer.heard.text, answer.heard.complete, answer.heard.model) == (200, TEXT, True, "m-b")
        assert answer.headers["x-router-served"] == "b/m-b"
        assert b"overloaded" not in answer.body
        assert on.asked == {"a": 1, "b": 1}


@for_each_pair
async def test_an_error_in_a_plain_200_is_an_error(tmp_path, pair: tuple[Dialect, Dialect]) -> None:
    """T02 without streaming: from the next target, or, where there is none, an error with a status that says so."""
    client, upstream = pair
    models = "models: {fast: {targets: [a/m-a, b/m-b], retries: 0}, one: {targets: [a/m-a], retries: 0}}\n"
    async with stage(tmp_path, models, a=Provider(upstream, an_error_in_a_200), b=Provider(upstream, good)) as on:
        answer = await on.ask(client, stream=False)
        assert (answer.status, answer.heard.text, answer.heard.complete) == (200, TEXT, True)
        assert on.asked == {"a": 1, "b": 1}
        for stream in (False, True):
            answer = await on.ask(client, stream=stream, model="one")
            assert answer.status >= 500
            assert answer.heard.error is not None


def stays_after(words: int, *frames: str) -> Behaviour:
    """Says what it has to say and holds the connection open, its answer unended, as servers do that have lost track."""

    async def answer(peer: Peer, call: Call) -> bool:
        await half(peer, call, words)
        for frame in frames:
            await peer.send(chunk(call.dialect.error_frame("it fell over") if frame == "error" else b"data: {]\n\n"))
        await peer.until_gone()
        return False

    return answer


@pytest.mark.parametrize(
    "do",
    [stays_after(0, "error"), stays_after(40, "error"), stays_after(40, "rubbish", "rubbish", "rubbish")],
    ids=["an error at once", "an error later", "rubbish"],
)
@for_each_pair
async def test_who_has_failed_is_not_listened_to_any_longer(tmp_path, pair: tuple[Dialect, Dialect], do: Behaviour) -> None:
    """T02: the connection of a provider that said it failed is closed, although the provider would hold it open."""
    client, upstream = pair
    models = "models: {fast: {targets: [a/m-a, b/m-b], retries: 0, timeouts: {idle: 60s, first_token: 60s, total: 60s}}}\n"
    async with stage(tmp_path, models, a=Provider(upstream, do), b=Provider(upstream, good)) as on:
        answer = await on.ask(client, stream=True)
        assert answer.heard.clean_error or answer.heard.complete
        await until(lambda: not on.providers["a"].connections, 1)
