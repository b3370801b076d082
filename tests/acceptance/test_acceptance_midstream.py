"""T01 in every mode of `midstream`: a stream that breaks is told, continued or begun anew, and never half."""

from __future__ import annotations

import pytest

from tests.acceptance.dialects import TEXT, Dialect
from tests.acceptance.stage import QUICK, for_each_pair, stage
from tests.acceptance.upstreams import (
    LAST_CHUNK,
    STREAM_HEAD,
    Behaviour,
    Call,
    Provider,
    chunk,
    cut,
    fails,
    good,
    malformed,
    paced,
    stalls,
    unfinished,
)
from tests.upstream.servers import Peer

BREAKS: dict[str, Behaviour] = {
    "closed": cut(),
    "reset": cut(reset=True),
    "closed inside an event": cut(inside=True),
    "ended without a marker": unfinished(),
    "an error event": fails(),
    "three malformed frames": malformed(),
    "stalled": stalls(40),
}


@pytest.mark.parametrize("mode", ["guard", "buffer"])
@for_each_pair
async def test_what_nobody_saw_begins_anew(tmp_path, pair: tuple[Dialect, Dialect], mode: str) -> None:
    """T01 with `guard` and `buffer`: whatever breaks the first target's stream, the client gets the second one's, whole, and no
    byte of the first; U(A) = U(B) = 1."""
    client, upstream = pair
    models = f"models: {{fast: {{targets: [a/m-a, b/m-b], midstream: {mode}, retries: 0, breaker: none}}}}\n"
    for name, break_ in BREAKS.items():
        async with stage(tmp_path, models, a=Provider(upstream, break_), b=Provider(upstream, good)) as on:
            answer = await on.ask(client, stream=True)
            assert (name, answer.heard.text, answer.heard.complete) == (name, TEXT, True)
            assert answer.heard.model == "m-b"
            assert answer.headers["x-router-served"] == "b/m-b"
            assert answer.attempts[1:] == ["b/m-b:200"]
            assert on.asked == {"a": 1, "b": 1}
            (x,) = on.router.settled
            assert (x.outcome, x.partial, x.target) == ("ok", False, "b/m-b")
            metrics = await on.metrics()
            assert metrics.value("router_attempts_total", target="a/m-a", outcome="ok") == 0
            assert metrics.open == 0


@pytest.mark.parametrize("mode", ["error", "continue", "guard", "buffer"])
@for_each_pair
async def test_with_nobody_left_it_is_an_error_in_every_mode(tmp_path, pair: tuple[Dialect, Dialect], mode: str) -> None:
    """T01: one target. In band where the client has seen something, with a status where it has not; never a clean end."""
    client, upstream = pair
    models = f"models: {{fast: {{targets: [a/m], midstream: {mode}, retries: 0, breaker: none}}}}\n"
    for name, break_ in BREAKS.items():
        async with stage(tmp_path, models, a=Provider(upstream, break_)) as on:
            answer = await on.ask(client, stream=True)
            seen = mode in ("error", "continue")
            assert (name, answer.status == 200, answer.heard.clean_error) == (name, seen, True)
            assert bool(answer.heard.text) == seen
            assert TEXT.startswith(answer.heard.text)
            assert on.asked == {"a": 1}
            (x,) = on.router.settled
            assert x.outcome == ("timeout" if name == "stalled" and not seen else "stream_error")
            assert x.partial == seen


@pytest.mark.parametrize("mode", ["error", "continue", "guard", "buffer"])
@for_each_pair
async def test_a_whole_stream_is_whole_in_every_mode(tmp_path, pair: tuple[Dialect, Dialect], mode: str) -> None:
    """T01, the other way round: no mode loses or adds anything where nothing breaks."""
    client, upstream = pair
    models = f"models: {{fast: {{targets: [a/m-a, b/m-b], midstream: {mode}}}}}\n"
    async with stage(tmp_path, models, a=Provider(upstream, good), b=Provider(upstream, good)) as on:
        answer = await on.ask(client, stream=True)
        assert (answer.heard.text, answer.heard.complete, answer.attempts) == (TEXT, True, ["a/m-a:200"])
        assert on.asked == {"a": 1, "b": 0}


@for_each_pair
async def test_a_guard_shows_nothing_that_the_upstream_may_still_take_back(tmp_path, pair: tuple[Dialect, Dialect]) -> None:
    """T01 with `guard`: while the upstream is silent nothing leaves; a stall ends in the next target's answer, within the first
    token's and the idle time."""
    client, upstream = pair
    models = "models: {fast: {targets: [a/m-a, b/m-b], midstream: guard, guard: 200ms, retries: 0}}\n"
    async with stage(tmp_path, models, a=Provider(upstream, stalls(40)), b=Provider(upstream, good)) as on:
        answer = await on.ask(client, stream=True)
        assert (answer.heard.text, answer.heard.complete, answer.heard.model) == (TEXT, True, "m-b")
        assert answer.attempts == ["a/m-a:timeout", "b/m-b:200"]
        assert answer.seconds < 1.0


async def _goes_on(peer: Peer, call: Call) -> bool:
    """A target that continues what the last message of the request begins."""
    last = call.body["messages"][-1]
    begun = last["content"] if isinstance(last["content"], str) else last["content"][0]["text"]
    assert last["role"] == "assistant"
    assert TEXT.startswith(begun)
    rest = TEXT[len(begun) :]
    await peer.send(STREAM_HEAD, chunk(call.dialect.opening(call.model)))
    await peer.send(*(chunk(call.dialect.word(word + " ")) for word in rest.split()))
    await peer.send(chunk(call.dialect.closing(call.model)) + LAST_CHUNK)
    return True


@for_each_pair
async def test_plain_text_is_continued_by_a_target_that_can(tmp_path, pair: tuple[Dialect, Dialect]) -> None:
    """T01 with `continue`: the second target is shown what the client has and writes the rest; the client sees one answer."""
    client, upstream = pair
    target = "{target: b/m-b, prefill: true}"
    models = f"models: {{fast: {{targets: [a/m-a, {target}], midstream: continue, retries: 0, breaker: none}}}}\n"
    for name, break_ in BREAKS.items():
        async with stage(tmp_path, models, a=Provider(upstream, break_), b=Provider(upstream, _goes_on)) as on:
            answer = await on.ask(client, stream=True)
            assert (name, answer.heard.complete) == (name, True), answer.body[-300:]
            assert answer.heard.text == TEXT
            assert on.asked == {"a": 1, "b": 1}
            (x,) = on.router.settled
            assert x.outcome == "ok"


@for_each_pair
async def test_who_cannot_continue_is_not_asked(tmp_path, pair: tuple[Dialect, Dialect]) -> None:
    """T01 with `continue`: without a target that can, two answers are never spliced; a refusal leaves the first failure."""
    client, upstream = pair
    models = "models: {fast: {targets: [a/m-a, b/m-b], midstream: continue, retries: 0}}\n"
    async with stage(tmp_path, models, a=Provider(upstream, cut()), b=Provider(upstream, good)) as on:
        answer = await on.ask(client, stream=True)
        assert answer.heard.clean_error
        assert TEXT.startswith(answer.heard.text)
        assert on.asked == {"a": 1, "b": 0}


@for_each_pair
async def test_one_malformed_frame_is_skipped_and_counted(tmp_path, pair: tuple[Dialect, Dialect]) -> None:
    """T01: it breaks nothing and reaches no client; the metrics tell of it."""
    client, upstream = pair
    models = "models: {fast: {targets: [a/m]}}\n"
    async with stage(tmp_path, models, a=Provider(upstream, malformed(frames=2))) as on:
        answer = await on.ask(client, stream=True)
        assert (answer.heard.text, answer.heard.complete) == (TEXT, True)
        assert (await on.metrics()).value("router_stream_malformed_frames_total", target="a/m") == 2


@for_each_pair
async def test_a_buffered_answer_keeps_its_client_patient(tmp_path, pair: tuple[Dialect, Dialect]) -> None:
    """T01 with `buffer`: pings go out while the answer is held."""
    client, upstream = pair
    more = QUICK + "  stream: {hold_headers: 100ms, ping: 50ms}\n"
    models = "models: {fast: {targets: [a/m], midstream: buffer}}\n"
    async with stage(tmp_path, models, more=more, a=Provider(upstream, paced(0.5))) as on:
        answer = await on.ask(client, stream=True)
        assert (answer.heard.text, answer.heard.complete) == (TEXT, True)
        assert answer.heard.pings >= 3
