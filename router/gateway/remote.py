"""The way through a running daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp

from router.gateway.answers import GatewayError
from router.gateway.way import Reply

_AGAIN = frozenset({429, 502, 503, 504})
_WAIT = 0.5
"""Seconds before a second try, when the daemon named none; doubled each time."""


class Remote:
    """Implements `router.gateway.way.Way` over HTTP. The session is made at the first request, in the loop that uses it."""

    def __init__(self, base_url: str, api_key: str | None, timeout: float, max_retries: int) -> None:
        self._base = base_url.rstrip("/").removesuffix("/v1")
        self._headers = {"authorization": f"Bearer {api_key}"} if api_key is not None else {}
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._retries = max_retries
        self._session: aiohttp.ClientSession | None = None

    async def get(self, path: str) -> Reply:
        return await self._whole("GET", path, None)

    async def post(self, path: str, body: bytes) -> Reply:
        return await self._whole("POST", path, body)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def stream(self, path: str, body: bytes) -> AsyncIterator[_Open]:
        try:
            async with self._open("POST", path, body) as response:
                yield _Open(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unreachable(self._base, error) from error

    async def _whole(self, method: str, path: str, body: bytes | None) -> Reply:
        for again in range(self._retries + 1):
            try:
                async with self._open(method, path, body) as response:
                    reply = Reply(response.status, _lower(response.headers), await response.read())
            except (aiohttp.ClientError, TimeoutError) as error:
                if again == self._retries:
                    raise _unreachable(self._base, error) from error
                await asyncio.sleep(_WAIT * 2**again)
                continue
            if reply.status not in _AGAIN or again == self._retries or reply.headers.get("x-should-retry") == "false":
                return reply
            await asyncio.sleep(float(reply.headers.get("retry-after", _WAIT * 2**again)))
        raise AssertionError("the last try returns or raises")

    def _open(self, method: str, path: str, body: bytes | None) -> aiohttp.client._RequestContextManager:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), timeout=self._timeout)
        headers = {**self._headers, "content-type": "application/json"}
        return self._session.request(method, self._base + path, data=body, headers=headers, allow_redirects=False)


class _Open:
    """Implements `router.gateway.way.StreamReply`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = _lower(response.headers)

    async def read(self) -> bytes:
        return await self._response.read()

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.content.iter_any():
            yield chunk


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _unreachable(base: str, error: BaseException) -> GatewayError:
    reason = "it did not answer in time" if isinstance(error, TimeoutError) else str(error)
    return GatewayError(f"no answer from the router at {base}: {reason}", status=503, code="router_unreachable", headers={})
