"""`type: sandbox`: a provider in process. No network, no key; the same file and the same requests give the same answers.

* It answers in the wire format of the endpoint, plain and streaming: `reply` (`echo`, `lorem` or a text), a call of a tool the
  request insists on or names, or an instance of the schema it asks for (`sandbox_answer`).
* Usage counts tokens of up to four characters of a word, with the blanks before it.
* `first_token` seconds pass before the first token, then `tokens_per_second` set the pace.
* Each of `faults` hits its `share` of requests, spread evenly in an order that `seed` decides: `status` answers so at once;
  `cut`, `stall`, `malformed` (three frames that are no JSON) and `error` (one in band) break the answer after `after_tokens`, at
  the latest before its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from router.engine.transport import UpstreamRequest
from router.errors import UpstreamUnavailable
from router.snapshot import Origin, SandboxSettings
from router.upstream.sandbox_script import Script, script

Now = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

_LONG = 3600.0
MAX_COUNTED = 1000
"""Sandboxes whose requests are counted; reloads that edit one make new ones."""


class SandboxTransport:
    """A `router.engine.transport.Transport` for sandbox origins.

    `now` (seconds, monotonic) and `sleep` are the loop's; a test on a virtual clock brings its own.
    """

    def __init__(self, now: Now | None = None, sleep: Sleep = asyncio.sleep) -> None:
        self._now = now
        self._sleep = sleep
        self._seen: dict[tuple[Origin, SandboxSettings], int] = {}

    async def send(self, request: UpstreamRequest) -> SandboxReply:
        endpoint = request.endpoint
        settings = endpoint.sandbox
        assert settings is not None, "an endpoint of this scheme has its settings"
        found = script(endpoint, settings, request.body, self._count(endpoint.origin, settings))
        now = self._now or asyncio.get_running_loop().time
        began = now()
        if found.head_at > 0:
            await self._sleep(found.head_at)
        return SandboxReply(found, began, now, self._sleep)

    async def aclose(self) -> None:
        self._seen.clear()

    def _count(self, origin: Origin, settings: SandboxSettings) -> int:
        if len(self._seen) >= MAX_COUNTED:
            self._seen.clear()
        number = self._seen.get((origin, settings), 0)
        self._seen[origin, settings] = number + 1
        return number


class SandboxReply:
    """A `router.engine.transport.UpstreamReply`."""

    def __init__(self, script: Script, began: float, now: Now, sleep: Sleep) -> None:
        self.status = script.status
        self.headers: Mapping[str, str] = script.headers
        self.linger = False
        self._script = script
        self._next = next(script.steps, None)
        self._began = began
        self._now = now
        self._sleep = sleep
        self._closed = False

    async def read(self) -> bytes:
        parts: list[bytes] = []
        while data := await self.chunk():
            parts.append(data)
        return b"".join(parts)

    async def chunk(self) -> bytes:
        """All that is due by now; when nothing is, what is due next."""
        if self._closed:
            raise UpstreamUnavailable("the answer was closed")
        due: list[bytes] = []
        while self._next is not None and not any(due):  # What a format has no words for leaves no bytes.
            passed = self._now() - self._began
            if self._next.at > passed:
                await self._sleep(self._next.at - passed)
                passed = self._next.at
            while self._next is not None and self._next.at <= passed:
                due.append(self._next.data)
                self._next = next(self._script.steps, None)
        return b"".join(due) or await self._end()

    def close(self) -> None:
        self._closed = True

    async def _end(self) -> bytes:
        if self._script.then == "cut":
            raise UpstreamUnavailable("connection closed by the sandbox inside its answer")
        while self._script.then == "stall":
            await self._sleep(_LONG)
        return b""
