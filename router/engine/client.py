"""The open connection to whoever asked, as the engine needs it. Implemented on sockets in `router.server`, in memory by the
library and by tests."""

from __future__ import annotations

from typing import Protocol

Headers = list[tuple[str, str]]
"""Names in lower case; values are checked for line breaks by whoever writes them to a wire."""


class Client(Protocol):
    """An answer is either one `whole`, or `start`, any number of `write`, and `end`."""

    @property
    def started(self) -> bool:
        """The head of an answer has left: no status can be chosen any more."""
        ...

    @property
    def blocked(self) -> bool:
        """More was written than the client takes: `drain` before writing on."""
        ...

    def whole(self, status: int, headers: Headers, body: bytes) -> None: ...

    def start(self, headers: Headers) -> None:
        """The head of a stream: status 200, `text/event-stream`."""
        ...

    def write(self, data: bytes) -> None: ...

    def end(self, data: bytes, *, close: bool = False) -> None:
        """The last bytes. `close`: the connection is not to be used again, because the answer is not what was promised."""
        ...

    async def drain(self) -> None:
        """Waits until the client has taken enough. Raises ConnectionError when it has left."""
        ...
