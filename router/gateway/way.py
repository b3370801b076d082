"""How a request of the library reaches an engine: through HTTP, or in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class StreamReply(Protocol):
    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    async def read(self) -> bytes: ...

    def chunks(self) -> AsyncIterator[bytes]: ...


class Way(Protocol):
    async def get(self, path: str) -> Reply: ...

    async def post(self, path: str, body: bytes) -> Reply: ...

    def stream(self, path: str, body: bytes) -> AbstractAsyncContextManager[StreamReply]: ...

    async def aclose(self) -> None: ...
