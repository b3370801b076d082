"""Keeps a waiting client patient: headers after `hold_headers` seconds without a first event, a ping every `ping` seconds of
silence. Only whole events leave a stream, so a ping can stand between any two writes."""

from __future__ import annotations

import asyncio

from router.engine.client import Client, Headers
from router.snapshot import StreamSettings


class Pings:
    """One timer for the life of a stream, moved by looking at the clock when it goes off instead of re-arming per write."""

    __slots__ = ("_at", "_client", "_every", "_handle", "_headers", "_loop", "_ping")

    def __init__(self, client: Client, settings: StreamSettings, headers: Headers, ping: bytes) -> None:
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._headers = headers
        self._ping = ping
        self._every = settings.ping
        self._at = self._loop.time() + settings.hold_headers
        self._handle: asyncio.TimerHandle | None = self._loop.call_at(self._at, self._look)

    def wrote(self) -> None:
        """Something else left for the client: the silence begins anew."""
        self._at = self._loop.time() + self._every

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _look(self) -> None:
        now = self._loop.time()
        if now >= self._at:
            if not self._client.started:
                self._client.start(self._headers)
            if not self._client.blocked:  # Who does not read what is there needs no sign of life.
                self._client.write(self._ping)
            self._at = now + self._every
        self._handle = self._loop.call_at(self._at, self._look)
