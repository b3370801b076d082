"""T05 and T06: a client that leaves takes everything with it, in whatever phase it leaves."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.acceptance.dialects import DIALECTS, MESSAGES, PAIRS, TEXT, Dialect, pair_name
from tests.acceptance.stage import QUICK, Stage, stage
from tests.acceptance.upstreams import (
    Behaviour,
    Call,
    Provider,
    after,
    closes,
    cut,
    endless,
    good,
    in_turn,
    paced,
    resets,
    silent,
    stalls,
    status,
)
from tests.server.running import until
from tests.upstream.servers import Peer

PATIENT = QUICK.replace("300ms", "5s").replace("400ms", "5s")
TWO = "models: {fast: {targets: [a/m-a, b/m-b]}, one: {targets: [a/m-a], retries: 3}}\n"
GONE = 1.0
"""Seconds until the provider must have seen it; 250 ms are promised, the rest is for a busy machine."""
PHASES: dict[str, tuple[str, Behaviour]] = {
    "waiting for the head": ("fast", silent),
    "waiting for the first token": ("fast", stalls(0)),
    "in the middle of the answer": ("fast", stalls(20)),
    "in the middle of a flow": ("fast", endless),
    "waiting to try again": ("one", status(429, extra="retry-after: 2\r\n")),
}


@pytest.mark.parametrize(
    ("pair", "phase", "reset"),
    [(pair, phase, (i + j) % 2 == 1) for i, pair in enumerate(PAIRS) for j, phase in enumerate(PHASES)],
    ids=pair_name,
)
async def test_a_stream_nobody_waits_for_ends_upstream(tmp_path, pair: tuple[Dialect, Dialect], phase: str, reset: bool) -> None:
    """T05, streaming: the provider sees the connection close, nobody else is asked, the gauges are 0."""
    client, upstream = pair
    model, do = PHASES[phase]
    async with (
        stage(tmp_path, TWO, more=PATIENT, a=Provider(upstream, do), b=Provider(upstream, good)) as on,
        on.abandons(client, stream=True, model=model) as leaving,
    ):
        await until(lambda: on.asked["a"] == 1)
        if phase.startswith("in the middle"):
            await leaving.reader.readuntil(b"word0")
        else:
            await asyncio.sleep(0.05)
        leaving.leave(reset=reset)
        await nothing_is_left(on)


@pytest.mark.parametrize("phase", ["waiting for the head", "waiting to try again"])
@pytest.mark.parametrize("client", DIALECTS, ids=pair_name)
async def test_a_plain_answer_nobody_waits_for_ends_upstream(tmp_path, client: Dialect, phase: str) -> None:
    """T05, not streaming."""
    model, do = PHASES[phase]
    async with (
        stage(tmp_path, TWO, more=PATIENT, a=Provider(client, do), b=Provider(client, good)) as on,
        on.abandons(client, stream=False, model=model) as leaving,
    ):
        await until(lambda: on.asked["a"] == 1)
        await asyncio.sleep(0.05)
        leaving.leave(reset=False)
        await nothing_is_left(on)


async def nothing_is_left(on: Stage) -> None:
    await until(lambda: not on.providers["a"].busy and not on.router.engine.open, GONE)
    await asyncio.sleep(0.05)  # A retry or a fallback would come now.
    assert on.asked == {"a": 1, "b": 0}
    (x,) = on.router.settled
    assert (x.outcome, x.status) == ("client_gone", 499)
    metrics = await on.metrics()
    assert metrics.value("router_requests_total", outcome="client_gone") == 1
    assert metrics.open == 0


async def _half_a_body(peer: Peer, call: Call) -> bool:
    body = call.dialect.whole(TEXT)
    await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body[:50]))
    await peer.until_gone()
    return False


@pytest.mark.parametrize("client", DIALECTS, ids=pair_name)
async def test_half_an_answer_nobody_waits_for_is_cut(tmp_path, client: Dialect) -> None:
    """T05, in the middle of a plain answer's body."""
    async with (
        stage(tmp_path, TWO, more=PATIENT, a=Provider(client, _half_a_body), b=Provider(client, good)) as on,
        on.abandons(client, stream=False) as leaving,
    ):
        await until(lambda: on.asked["a"] == 1)
        await asyncio.sleep(0.05)
        leaving.leave(reset=True)
        await nothing_is_left(on)
        await until(lambda: not on.providers["a"].connections, GONE)


async def test_a_client_that_leaves_before_its_request_is_whole_asks_nobody(tmp_path) -> None:
    """T05 at the door: half a request is none."""
    async with stage(tmp_path, TWO, a=Provider(MESSAGES, good), b=Provider(MESSAGES, good)) as on:
        leaving = on.abandons(MESSAGES, stream=True)
        leaving._data = leaving._data[:-10]
        async with leaving:
            await asyncio.sleep(0.05)
            leaving.leave(reset=True)
        await asyncio.sleep(0.05)
        assert on.asked == {"a": 0, "b": 0}
        assert (await on.metrics()).open == 0


LIMIT = 8


@pytest.mark.parametrize("seed", [1, 2])
async def test_places_never_leak(tmp_path, caplog, seed: int) -> None:
    """T06: of 8 places, after 200 answers, faults and departures in any order, 8 are free; what was asked for is settled, no task
    is left behind, and that clients leave is no error in the log."""
    chance = random.Random(seed)
    faults = [good, silent, status(500), status(429, extra="retry-after: 0\r\n"), resets, closes, cut(5), stalls(3), paced(0.1)]

    async def anything(peer: Peer, call: Call) -> bool:
        return await chance.choice(faults)(peer, call)

    calm = "calm: {targets: [a/m-a], breaker: none, timeouts: {last_first_token: 5s, total: 5s}, deadline: 5s}"
    models = f"models: {{fast: {{targets: [a/m-a, b/m-b], breaker: none}}, {calm}}}\n"
    quick = QUICK.replace("300ms", "60ms").replace("400ms", "60ms").replace("5s", "300ms")
    providers = {"a": Provider(MESSAGES, anything), "b": Provider(MESSAGES, anything)}
    async with stage(tmp_path, models, more=quick, server=f", max_inflight: {LIMIT}", **providers) as on:

        async def client() -> None:
            for _ in range(200 // LIMIT):
                stream = chance.random() < 0.7
                if chance.random() < 0.5:
                    async with on.abandons(chance.choice(DIALECTS), stream=stream) as leaving:
                        await asyncio.sleep(chance.random() * 0.05)
                        leaving.leave(reset=chance.random() < 0.5)
                else:
                    await on.ask(chance.choice(DIALECTS), stream=stream)

        tasks = len(asyncio.all_tasks())
        await asyncio.gather(*(client() for _ in range(LIMIT)))
        await until(lambda: not on.router.engine.open)
        assert (await on.metrics()).open == 0
        assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
        assert not any(provider.busy for provider in on.providers.values())
        on.providers["a"].do = on.providers["b"].do = after(0.05, good)
        answers = await asyncio.gather(*(on.ask(MESSAGES, stream=True, model="calm") for _ in range(LIMIT)))
        assert [(answer.status, answer.heard.complete) for answer in answers] == [(200, True)] * LIMIT
        metrics = await on.metrics()
        assert metrics.value("router_requests_total") == len(on.router.settled)
        assert metrics.open == 0
        for provider in on.providers.values():
            await provider.__aexit__(None, None, None)
        await on.router.session.close()
        await until(lambda: len(asyncio.all_tasks()) <= tasks)


async def test_the_place_of_the_ninth_is_free_when_one_of_eight_left(tmp_path) -> None:
    """T06: who leaves makes room at once, and who comes too many is told when to come back."""
    provider = Provider(MESSAGES, in_turn(*[silent] * LIMIT, good))
    models = "models: {fast: {targets: [a/m]}}\n"
    async with stage(tmp_path, models, more=PATIENT, server=f", max_inflight: {LIMIT}", a=provider) as on:
        leaving = [on.abandons(MESSAGES, stream=True) for _ in range(LIMIT)]
        for each in leaving:
            await each.__aenter__()
        await until(lambda: len(provider.calls) == LIMIT)
        answer = await on.ask(MESSAGES, stream=True)
        assert (answer.status, answer.headers["x-router-error-source"]) == (503, "router")
        assert int(answer.headers["retry-after"]) >= 1
        leaving[0].leave(reset=False)
        await until(lambda: len(on.router.engine.open) == LIMIT - 1, GONE)
        answer = await on.ask(MESSAGES, stream=True)
        assert (answer.status, answer.heard.complete) == (200, True)
        for each in leaving[1:]:
            each.leave(reset=True)
        await until(lambda: not on.router.engine.open, GONE)


async def test_a_client_that_stops_reading_is_not_the_providers_fault(tmp_path) -> None:
    """T05: one that reads nothing for a while gets its whole answer when it reads again; the provider's silence is not counted
    while it is the client that is slow."""
    words = 16_000  # 16 MB: more than the sockets on the way hold.

    async def long(peer: Peer, call: Call) -> bool:
        dialect = call.dialect
        data = dialect.opening() + b"".join(dialect.word("x" * 1000) for _ in range(words)) + dialect.closing()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(data), data)
        return True

    more = QUICK.replace("300ms", "1s").replace("5s", "30s")
    async with stage(tmp_path, TWO, more=more, a=Provider(MESSAGES, long), b=Provider(MESSAGES, good)) as on:
        async with on.abandons(MESSAGES, stream=True) as client:
            await client.reader.readuntil(b"x" * 1000)
            await asyncio.sleep(1.4)  # Longer than `idle`.
            assert on.providers["a"].busy, "the answer fits into the buffers on the way: make it longer"
            seen = b"x" * 1000
            while not seen.endswith(b"0\r\n\r\n"):
                more = await client.reader.read(2**20)
                assert more
                seen += more
        assert MESSAGES.terminal in seen and b"event: error" not in seen
        assert seen.count(b"x" * 1000) == words
        assert on.asked == {"a": 1, "b": 0}
