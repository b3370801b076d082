"""What the soak does to a daemon: providers that misbehave at random, clients that leave at random. All chance has one seed."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import time
from collections import Counter
from dataclasses import dataclass, field

import aiohttp

from tests.acceptance import upstreams as fault
from tests.acceptance.dialects import DIALECTS, TEXT, WORDS, Dialect
from tests.acceptance.process import Daemon
from tests.acceptance.upstreams import Behaviour, Call
from tests.upstream.servers import Peer

ABORTS = 0.15
STREAMS = 0.6
KEPT = 0.5
"""Shares of the requests: whose client leaves, that are streams, that go over a connection which is kept."""
PATIENCE = 20.0
"""Seconds a client waits; nothing the file allows takes that long."""


async def continues(peer: Peer, call: Call) -> bool:
    """A good answer; where the request ends with a part of it, the rest."""
    last = call.body["messages"][-1]
    begun = "" if last["role"] == "user" else last["content"] if isinstance(last["content"], str) else last["content"][0]["text"]
    if not begun or not call.stream:
        return await fault.good(peer, call)
    said = len(begun.split())
    await peer.send(fault.STREAM_HEAD, fault.chunk(call.dialect.opening(call.model)))
    for word in WORDS[said:]:
        await peer.send(fault.chunk(call.dialect.word(word)))
    await peer.send(fault.chunk(call.dialect.closing(call.model)) + fault.LAST_CHUNK)
    return True


MIX: list[tuple[int, Behaviour]] = [
    (60, continues),
    (6, fault.after(0.1, continues)),
    (6, fault.paced(0.2)),
    (3, fault.status(500)),
    (2, fault.status(503, extra="retry-after: 0\r\n")),
    (2, fault.status(529, kind="overloaded_error")),
    (2, fault.status(429, kind="rate_limit_error", extra="retry-after-ms: 30\r\n")),
    (1, fault.status(429, kind="rate_limit_error", extra="retry-after-ms: 300\r\n")),
    (1, fault.status(400, kind="invalid_request_error")),
    (1, fault.silent),
    (1, fault.a_slow_head),
    (2, fault.resets),
    (2, fault.closes),
    (1, fault.half_a_head),
    (1, fault.garbage),
    (1, fault.a_wrong_length),
    (1, fault.a_bad_chunk),
    (1, fault.half_a_json),
    (1, fault.an_empty_body),
    (1, fault.a_web_page),
    (1, fault.an_error_in_a_200),
    (1, fault.an_error_as_first_frame),
    (1, fault.an_error_after_the_opening),
    (1, fault.cut(40)),
    (1, fault.cut(40, reset=True)),
    (1, fault.cut(40, inside=True)),
    (1, fault.unfinished(40)),
    (1, fault.fails(40)),
    (1, fault.malformed(40, 1)),
    (1, fault.malformed(40, 3)),
    (1, fault.stalls(20)),
    (1, fault.stalls(0)),
]


def at_random(chance: random.Random) -> Behaviour:
    weights, behaviours = zip(*MIX, strict=True)

    async def answer(peer: Peer, call: Call) -> bool:
        (behaviour,) = chance.choices(behaviours, weights)
        return await behaviour(peer, call)

    return answer


@dataclass
class Tally:
    """What the clients saw."""

    sent: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    slowest: float = 0.0


class Clients:
    """Sends `total` requests over `count` clients at a time; `stop` ends it early."""

    def __init__(self, daemon: Daemon, models: list[str], seed: int, total: int) -> None:
        self._daemon = daemon
        self._models = models
        self._chance = random.Random(seed)
        self._left = total
        self.tally = Tally()

    def stop(self) -> None:
        self._left = 0

    async def run(self, count: int) -> None:
        await asyncio.gather(*(self._client() for _ in range(count)))

    async def _client(self) -> None:
        chance, session = self._chance, aiohttp.ClientSession()
        try:
            while self._left > 0:
                self._left -= 1
                self.tally.sent += 1
                client, model = chance.choice(DIALECTS), chance.choice(self._models)
                stream = chance.random() < STREAMS
                if chance.random() < ABORTS:
                    await self._abandon(client, model, stream=stream)
                elif not await self._ask(session, client, model, stream=stream) or chance.random() > KEPT:
                    await session.close()
                    session = aiohttp.ClientSession()
        finally:
            await session.close()

    async def _ask(self, session: aiohttp.ClientSession, client: Dialect, model: str, *, stream: bool) -> bool:
        """False when the connection is not to be used again: after an answer that broke the router closes it."""
        began = time.perf_counter()
        body = client.ask(stream=stream, model=model)
        status, raw = 0, b""
        try:
            async with asyncio.timeout(PATIENCE), session.post(self._daemon.url + client.path, json=body) as answer:
                status, raw = answer.status, await answer.read()
                streamed = answer.headers["content-type"].startswith("text/event-stream")
            kind = judge(client, status, raw, streamed=streamed)
        except (aiohttp.ClientError, TimeoutError, AssertionError, ValueError, KeyError) as error:
            kind = "violation"
            said = f"{type(error).__name__}: {error}"
            self.tally.violations.append(f"{client.name} {model} stream={stream}: {status} {said}; {raw[-200:]!r}")
        if kind == "refused":
            await asyncio.sleep(0.1)  # Who comes back at once sees only that a target is still left alone.
        self.tally.kinds[kind] += 1
        self.tally.slowest = max(self.tally.slowest, time.perf_counter() - began)
        return kind in ("complete", "refused")

    async def _abandon(self, client: Dialect, model: str, *, stream: bool) -> None:
        """Leaves at any moment, with a FIN or an RST; now and then before the request is whole."""
        chance = self._chance
        body = json.dumps(client.ask(stream=stream, model=model)).encode()
        data = f"POST {client.path} HTTP/1.1\r\nhost: router\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
        _, writer = await asyncio.open_connection("127.0.0.1", self._daemon.data)
        writer.write(data[: -chance.randrange(1, len(body))] if chance.random() < 0.1 else data)
        await asyncio.sleep(chance.choice((0.0, 0.005, 0.05, 0.3)) * chance.random())
        if chance.random() < 0.5:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        self.tally.kinds["left"] += 1


def judge(client: Dialect, status: int, raw: bytes, *, streamed: bool) -> str:
    """What a client made of an answer. Raises AssertionError when it is neither complete nor a clean error."""
    heard = client.hear(raw, stream=streamed)
    if status != 200:
        assert status >= 400
        assert heard.error is not None, "an error status without an error"
        return "refused"
    if heard.complete:
        assert heard.text == TEXT, f"a complete answer of {len(heard.text)} instead of {len(TEXT)} characters"
        return "complete"
    assert streamed
    assert heard.clean_error, "neither complete nor a clean error"
    assert TEXT.startswith(heard.text), "text that nobody wrote"
    return "told in band"
