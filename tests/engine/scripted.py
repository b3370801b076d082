"""What the tests of the engine share: a loop whose time is ours, a transport that follows a script, a client that remembers."""

from __future__ import annotations

import asyncio
import json
import selectors
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from router.config.compile import compile_config
from router.config.load import Source, load
from router.config.model import read
from router.config.references import resolve
from router.engine.engine import Engine
from router.engine.exchange import Exchange
from router.snapshot import Snapshot
from router.state.health import HealthBook
from router.wire import FORMATS

T = TypeVar("T")


class _Jump(selectors.DefaultSelector):
    """Never waits: time jumps to the next timer."""

    loop: VirtualLoop

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready and timeout:
            self.loop.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        selector = _Jump()
        selector.loop = self
        self.now = 0.0
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a test on virtual time; a test that waits for nothing fails instead of hanging."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(asyncio.wait_for(work, 100_000))
    finally:
        loop.close()


def compiled(yaml: str, environ: dict[str, str] | None = None) -> Snapshot:
    document, found = load([Source("router.yaml", yaml.encode())])
    assert document is not None and not found, found
    document, found = resolve(document, environ or {}, lambda path: b"")
    assert not found, found
    return compile_config(read(document), document, generation=7, digest="abc")


@dataclass
class Script:
    """One answer: bytes, numbers (seconds that pass) and exceptions, in order. An exception before any byte of a failing
    `send` stands in `refuse`."""

    status: int = 200
    pieces: list[bytes | float | Exception] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    refuse: Exception | None = None
    late: float = 0.0
    """Seconds until the head comes."""


@dataclass
class Reply:
    script: Script
    closed: bool = False
    linger: bool = False

    @property
    def status(self) -> int:
        return self.script.status

    @property
    def headers(self) -> dict[str, str]:
        return self.script.headers

    async def chunk(self) -> bytes:
        while self.script.pieces:
            piece = self.script.pieces.pop(0)
            if isinstance(piece, bytes):
                return piece
            if isinstance(piece, Exception):
                raise piece
            await asyncio.sleep(piece)
        return b""

    async def read(self) -> bytes:
        parts = []
        while part := await self.chunk():
            parts.append(part)
        return b"".join(parts)

    def close(self) -> None:
        self.closed = True


class ScriptedTransport:
    """Gives the scripts of a target, by host name (`http://a`), in order; the last one again and again."""

    def __init__(self, scripts: dict[str, list[Script]]) -> None:
        self.scripts = scripts
        self.sent: list[tuple[str, Any]] = []
        self.requests: list[Any] = []
        self.replies: list[Reply] = []

    async def send(self, request):
        host = request.endpoint.origin.host
        self.sent.append((host, asyncio.get_running_loop().time()))
        self.requests.append(request)
        script = self.scripts[host].pop(0)
        await asyncio.sleep(script.late)
        if script.refuse is not None:
            raise script.refuse
        self.replies.append(reply := Reply(script))
        return reply

    async def aclose(self) -> None: ...


class Remembering:
    """A client in memory."""

    def __init__(self) -> None:
        self.started = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ended = 0
        self.closed = False
        self.blocked = False
        self.times: list[tuple[float, bytes]] = []
        self.gone = False

    def _at(self, data: bytes) -> None:
        self.times.append((asyncio.get_running_loop().time(), data))
        self.body += data

    def whole(self, status, headers, body):
        assert not self.started
        self.started, self.status, self.headers = True, status, dict(headers)
        self._at(body)
        self.ended += 1

    def start(self, headers):
        assert not self.started
        self.started, self.status, self.headers = True, 200, dict(headers)

    def write(self, data):
        assert self.started and not self.ended
        self._at(data)

    def end(self, data, *, close=False):
        assert self.started
        self._at(data)
        self.ended += 1
        self.closed = close

    async def drain(self):
        if self.gone:
            raise ConnectionResetError("gone")
        while self.blocked:
            await asyncio.sleep(1)


def _now() -> float:
    return asyncio.get_running_loop().time()


class FixedWorld:
    """No chance: jitter is the whole backoff, turns count."""

    def __init__(self) -> None:
        self.turns: dict[str, int] = {}
        self.health = HealthBook(_now)

    def random(self) -> float:
        return 1.0

    def unavailable(self, target):
        return self.health.unavailable(target)

    def turn(self, name: str) -> int:
        self.turns[name] = self.turns.get(name, -1) + 1
        return self.turns[name]


@dataclass
class Bench:
    """An engine over scripts, and what came of it."""

    snapshot: Snapshot
    transport: ScriptedTransport
    settled: list[Exchange] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = FixedWorld()
        self.engine = Engine(
            transport=self.transport,
            world=self.world,
            health=self.world.health,
            settled=self.settled.append,
        )

    def exchange(self, body: dict[str, Any] | bytes, *, api: str = "openai_chat", key=None, passed=()) -> Exchange:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        now = asyncio.get_running_loop().time()
        return Exchange(
            "req_0123456789abcdef01234567", self.snapshot, FORMATS[api], raw, now, 1_700_000_000.0, key, passed=passed
        )

    async def ask(self, body: dict[str, Any] | bytes, **how: Any) -> tuple[Remembering, Exchange]:
        client = Remembering()
        x = self.exchange(body, **how)
        await self.engine.handle(x, client)
        return client, x


def bench(yaml: str, **scripts: list[Script]) -> Bench:
    return Bench(compiled(yaml), ScriptedTransport(scripts))


def ask(text: str = "Hi", **more: Any) -> dict[str, Any]:
    return {"model": "fast", "messages": [{"role": "user", "content": text}], **more}


def answer(text: str = "Hello", **usage: int) -> bytes:
    message = {"role": "assistant", "content": text}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m-1"}
    body["choices"] = [{"index": 0, "message": message, "finish_reason": "stop"}]
    body["usage"] = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15} | usage
    return json.dumps(body).encode()


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


ROLE = event({"role": "assistant", "content": ""})
FINISH = event({}, "stop")
USAGE = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[],'
    b'"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}\n\n'
)
DONE = b"data: [DONE]\n\n"


def text(word: str) -> bytes:
    return event({"content": word})


def error(message: str = "no", code: str | None = None, kind: str = "server_error") -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "code": code}}).encode()


def words(body: bytes) -> str:
    """The text a client of an OpenAI stream has put together."""
    found = ""
    for line in body.split(b"\n"):
        if line.startswith(b"data: {"):
            for choice in json.loads(line[6:]).get("choices") or ():
                found += (choice.get("delta") or {}).get("content") or ""
    return found
