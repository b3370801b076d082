"""What is known of a stream that may break after its first token: what its client has, and what is held back from it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from router.engine.client import Client
from router.engine.pings import Pings
from router.errors import UpstreamError, UpstreamUnavailable
from router.types import Usage
from router.wire.base import WireFormat
from router.wire.resume import MAX_SENT, SoFar, read_so_far

MAX_DELAYED = 8 * 1024 * 1024
"""Bytes that wait in a delay line; beyond, it lags less. Nobody writes so fast."""
MAX_BUFFERED = 64 * 1024 * 1024
"""Bytes of a whole answer that is held: far more than any model writes."""


class Interrupted(Exception):
    """A stream broke after its client had seen plain text of it, and another target may go on from there. `error` is what the
    client is told when none does. The attempt is noted and charged already."""

    def __init__(self, error: UpstreamError, so_far: SoFar) -> None:
        super().__init__(error.message)
        self.error = error
        self.so_far = so_far


class Sent:
    """What a client was sent of its stream, over all attempts, as long as it is not too much to be read again."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def keep(self, data: bytes) -> None:
        self._size += len(data)
        self._parts.append(data)
        if self._size > MAX_SENT:
            self._parts.clear()

    def read(self, client: WireFormat, usage: Usage | None) -> SoFar | None:
        """None when nobody can go on from here."""
        return read_so_far(client, b"".join(self._parts), usage) if self._size <= MAX_SENT else None


class Sink(Protocol):
    """Where the bytes of a stream go: a `Client`, or something before it."""

    @property
    def blocked(self) -> bool: ...

    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...


class Way(NamedTuple):
    """From an open stream to its client."""

    client: Sink
    pings: Pings | None
    """Who must know that something was written."""
    sent: Sent | None
    """What the client was sent, when it is to be remembered."""


class Hold(Protocol):
    """What is held back of a stream."""

    def take(self, data: bytes, now: float) -> bytes:
        """`data` has arrived; gives what may leave."""
        ...

    def rest(self) -> bytes:
        """The stream is over: everything that is still here."""
        ...


class Delay:
    """Output lags by `seconds`, and only what arrives moves it on: while the upstream is silent nothing leaves, as it may be
    about to fail. So there is no timer."""

    __slots__ = ("_line", "_seconds", "_size")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._line: deque[tuple[float, bytes]] = deque()
        self._size = 0

    def take(self, data: bytes, now: float) -> bytes:
        self._line.append((now, data))
        self._size += len(data)
        if _says_nothing(data):
            return b""
        due = []
        while self._line and (self._line[0][0] <= now - self._seconds or self._size > MAX_DELAYED):
            due.append(self._line.popleft()[1])
            self._size -= len(due[-1])
        return b"".join(due)

    def rest(self) -> bytes:
        rest = b"".join(data for _, data in self._line)
        self._line.clear()
        return rest


class Whole:
    """Nothing leaves before everything is there. Raises `UpstreamUnavailable` for an answer beyond all bounds."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def take(self, data: bytes, now: float) -> bytes:
        self._parts.append(data)
        self._size += len(data)
        if self._size > MAX_BUFFERED:
            raise UpstreamUnavailable(f"the answer is larger than {MAX_BUFFERED} bytes (midstream: buffer)", answered=200)
        return b""

    def rest(self) -> bytes:
        rest = b"".join(self._parts)
        self._parts.clear()
        return rest


class Holding:
    """Stands before the client of a stream that is held back. `commit` is called when the first of it leaves, and tells whether
    headers had left before."""

    __slots__ = ("_client", "_clock", "_commit", "_hold", "_pings", "late", "released")

    def __init__(
        self, client: Client, pings: Pings | None, hold: Hold, clock: Callable[[], float], commit: Callable[[], bool]
    ) -> None:
        self._client = client
        self._pings = pings
        self._hold = hold
        self._clock = clock
        self._commit = commit
        self.released = False
        self.late = False

    @property
    def blocked(self) -> bool:
        return self._client.blocked

    async def drain(self) -> None:
        await self._client.drain()

    def write(self, data: bytes) -> None:
        if due := self._hold.take(data, self._clock()):
            self.release(due)

    def release(self, due: bytes) -> None:
        if not self.released:
            self.released = True
            self.late = self._commit()
        if due:
            self._client.write(due)
            if self._pings is not None:
                self._pings.wrote()


def _says_nothing(data: bytes) -> bool:
    """Comments and pings: a server may send them while its model hangs."""
    if not data.startswith((b":", b"event: ping")):
        return False
    return all(event.startswith((b":", b"event: ping")) for event in data.split(b"\n\n") if event)
