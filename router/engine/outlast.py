"""A client that leaves while its upstream is at work, where the file says to let that finish (`on_disconnect: drain`): for
providers that bill an answer in full whether anybody reads it or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from router.engine.client import Client, Headers
from router.engine.exchange import Exchange
from router.errors import RouterError
from router.tasks import spawn

CLIENT_GONE = 499  # nginx's word for it; nobody receives it, the log line shows it.


class StillAsked(asyncio.CancelledError):
    """The client has left, and its exchange goes on without it: `close` is called when that is over."""


class Leaving:
    """A client that may leave without ending the exchange: what is said to it then is lost. Implements `Client`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._departure = asyncio.Event()

    @property
    def left(self) -> bool:
        return self._departure.is_set()

    def leave(self) -> None:
        self._departure.set()

    @property
    def started(self) -> bool:
        return self._client.started

    @property
    def blocked(self) -> bool:
        return not self.left and self._client.blocked

    def whole(self, status: int, headers: Headers, body: bytes) -> None:
        self._say(lambda: self._client.whole(status, headers, body))

    def start(self, headers: Headers) -> None:
        self._say(lambda: self._client.start(headers))

    def write(self, data: bytes) -> None:
        self._say(lambda: self._client.write(data))

    def end(self, data: bytes, *, close: bool = False) -> None:
        self._say(lambda: self._client.end(data, close=close))

    async def drain(self) -> None:
        """Ends when the client has left, too: nobody else would wake whoever waits for it."""
        drained = spawn(self._drained(), name="drain")
        departed = spawn(self._departure.wait(), name="departure")
        try:
            await asyncio.wait((drained, departed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            drained.cancel()
            departed.cancel()

    async def _drained(self) -> None:
        try:
            await self._client.drain()
        except ConnectionError:
            self.leave()

    def _say(self, words: Callable[[], None]) -> None:
        if self.left:
            return
        try:
            words()
        except ConnectionError:
            self.leave()


async def outlast(
    x: Exchange, client: Client, answer: Callable[[Client], Coroutine[Any, Any, None]], close: Callable[[Exchange], None]
) -> None:
    """Answers in a task of its own. When the client leaves while an upstream is at work, that task goes on; `x.outcome` is
    `client_gone` from then on, so that nothing is tried again, and `close` is called at its end.

    Raises what `answer` raises, ConnectionError when the client had left before it was over, and `StillAsked` when this task is
    cancelled: `close` is then not the caller's.
    """
    leaving = Leaving(client)
    task = spawn(_result(answer, leaving), name=f"answer {x.request_id}")
    try:
        error = await asyncio.shield(task)
    except asyncio.CancelledError:
        if task.done():
            raise
        leaving.leave()
        _gone(x)
        if x.trying is None:  # Nobody is at work for it.
            task.cancel()

        def over(_: object) -> None:
            _gone(x)
            close(x)

        task.add_done_callback(over)
        raise StillAsked from None
    if leaving.left:
        raise ConnectionResetError("the client has left") from error
    if error is not None:
        raise error


def _gone(x: Exchange) -> None:
    x.outcome, x.status = "client_gone", CLIENT_GONE


async def _result(answer: Callable[[Client], Coroutine[Any, Any, None]], client: Client) -> RouterError | None:
    """The error that the client is to be told. Others are logged where tasks end, and raised."""
    try:
        await answer(client)
    except RouterError as error:
        return error
    return None
