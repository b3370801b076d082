"""Which transport a request takes: decided by its origin alone."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from router.engine.transport import Transport, UpstreamReply, UpstreamRequest
from router.snapshot import Origin
from router.upstream.http1 import Http1Transport
from router.upstream.session import SessionTransport


class Upstreams:
    """The `router.engine.transport.Transport` of the daemon: all others behind one.

    `sandbox` answers origins of that scheme, in process.
    """

    def __init__(self, sandbox: Transport) -> None:
        self.http1 = Http1Transport()
        self.session = SessionTransport()
        self.sandbox = sandbox

    def send(self, request: UpstreamRequest) -> Coroutine[Any, Any, UpstreamReply]:
        """See `Transport.send`. Not a coroutine of its own: it would cost every request a frame."""
        return self.pick(request.endpoint.origin).send(request)

    def pick(self, origin: Origin) -> Transport:
        if origin.scheme == "sandbox":
            return self.sandbox
        if origin.proxy is not None or origin.tls.client_cert is not None:
            return self.session
        return self.http1

    async def aclose(self) -> None:
        try:
            await self.http1.aclose()
            await self.session.aclose()
        finally:
            await self.sandbox.aclose()
