"""The one thing the engine needs from the network. Implemented in `router.upstream`, by a script in tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from router.snapshot import Endpoint


class UpstreamRequest(NamedTuple):
    """One request. Everything else stands in the endpoint."""

    endpoint: Endpoint
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    """What only this request adds; lower-case names, none of the endpoint's."""


class UpstreamReply(Protocol):
    """An open answer. Whoever holds it must `close` it, in `finally`.

    `read` and `chunk` raise `UpstreamUnavailable` when the answer breaks off or is no HTTP.
    """

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Lower-case names; the last of several equal ones."""
        ...

    async def read(self) -> bytes:
        """The whole body, decoded from `content-encoding` (gzip, deflate) when the upstream used one unasked."""
        ...

    async def chunk(self) -> bytes:
        """All body bytes that arrived since the last call, waiting for some; b'' at the end, and again after it.
        Bounded by backpressure: about 256 KiB are held."""
        ...

    def close(self) -> None:
        """Idempotent and synchronous. An answer read to its end gives its connection back to the pool; one whose end has not
        arrived yet gets a moment (250 ms, 64 KiB) to do so in the background when `linger` was set; any other
        connection is cut at once."""
        ...

    linger: bool


class Transport(Protocol):
    """Cancelling `send`, `read` or `chunk` cuts the connection: it is never given back to the pool."""

    async def send(self, request: UpstreamRequest) -> UpstreamReply:
        """Connects (or takes an idle connection), writes the request, waits for the answer's head.

        Raises `UpstreamUnavailable` (refused, reset, closed, not HTTP; `reused` set when an idle connection broke before the
        first byte) and `UpstreamTimeout(clock="connect")` after `endpoint.connect` seconds. Interim 1xx answers are skipped. An
        answer that arrives before the body is fully written ends the writing. Redirects are answers like any other.
        """
        ...

    async def aclose(self) -> None:
        """Closes idle connections; those in use end with their answers."""
        ...
