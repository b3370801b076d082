"""Clients that cost little: `python load.py '{"port": …, "path": …, "body": …, …}'` prints one line of JSON.

Every connection sends the next request when the last answer is complete (a closed loop), until the time is up; what was
begun is finished.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import uvloop
from payload import KEY, MARK

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END = b"\r\n0\r\n\r\n"


@dataclass(frozen=True)
class Spec:
    """`chunks` is 0 for whole answers, else how many marks a complete stream has. `spread` seconds part the first requests."""

    port: int
    path: str
    body: str
    connections: int
    seconds: float
    chunks: int = 0
    spread: float = 0.0


@dataclass
class Tally:
    done: int = 0
    chunks: int = 0
    failed: int = 0
    latencies: list[float] = field(default_factory=list)
    problem: str = ""


class Load:
    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        body = spec.body.encode()
        head = (
            f"POST {spec.path} HTTP/1.1\r\nHost: 127.0.0.1:{spec.port}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.request = head.encode() + body
        self.tally = Tally()
        self._open = 0
        self._over = asyncio.get_running_loop().create_future()
        self.until = 0.0

    async def run(self) -> Tally:
        loop = asyncio.get_running_loop()
        self.until = time.perf_counter() + self.spec.spread + self.spec.seconds
        clients = []
        for _ in range(self.spec.connections):
            _, client = await loop.create_connection(lambda: Connection(self), "127.0.0.1", self.spec.port)
            clients.append(client)
        self._open = len(clients)
        for n, client in enumerate(clients):
            loop.call_later(self.spec.spread * n / len(clients), client.ask)
        await self._over
        return self.tally

    def ended(self) -> None:
        self._open -= 1
        if not self._open and not self._over.done():
            self._over.set_result(None)


class Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, load: Load) -> None:
        self._load = load
        self._tally = load.tally
        self._chunks = load.spec.chunks
        self._started = 0.0
        self._received = b""
        self._size = 0
        self._marks = 0
        self._finished = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it.

    def connection_lost(self, error: Exception | None) -> None:
        if not self._finished:
            self._fail(f"the connection was lost: {error}")

    def ask(self) -> None:
        self._received, self._size, self._marks = b"", 0, 0
        self._started = time.perf_counter()
        self.transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        if not self._received and not data.startswith(b"HTTP/1.1 200"):
            self._fail(data[:300].decode(errors="replace"))
        elif self._chunks:
            self._stream(data)
        else:
            self._whole(data)

    def _whole(self, data: bytes) -> None:
        self._received += data
        if not self._size:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            found = _LENGTH.search(self._received, 0, end)
            if found is None:
                self._fail("a whole answer has no content length")
                return
            self._size = end + 4 + int(found[1])
        if len(self._received) >= self._size:
            self._answered()

    def _stream(self, data: bytes) -> None:
        # What may be cut between two reads is looked at again: the first byte of a mark, all but one of the end.
        self._marks += data.count(MARK) + (self._received[-1:] + data[:1] == MARK)
        tail = self._received + data[-len(_END) :]
        self._received = tail[-len(_END) :]
        if self._received == _END:
            if self._marks != self._chunks:
                self._fail(f"{self._marks} of {self._chunks} chunks")
                return
            self._tally.chunks += self._marks
            self._answered()

    def _answered(self) -> None:
        now = time.perf_counter()
        self._tally.done += 1
        self._tally.latencies.append(now - self._started)
        if now < self._load.until:
            self.ask()
        else:
            self._end()

    def _fail(self, problem: str) -> None:
        if not self._finished:
            self._tally.failed += 1
            self._tally.problem = problem
            self._end()

    def _end(self) -> None:
        self._finished = True
        self.transport.close()
        self._load.ended()


def summary(tally: Tally) -> dict[str, Any]:
    latencies = sorted(tally.latencies)
    shown = asdict(tally) | {"p50": _share(latencies, 0.5), "p99": _share(latencies, 0.99)}
    del shown["latencies"]
    return shown


def _share(latencies: list[float], share: float) -> float:
    return latencies[min(int(share * len(latencies)), len(latencies) - 1)] if latencies else 0.0


async def main() -> None:
    print(json.dumps(summary(await Load(Spec(**json.loads(sys.argv[1]))).run())))


if __name__ == "__main__":
    uvloop.run(main())
