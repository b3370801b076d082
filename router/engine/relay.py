"""An open upstream answer on its way to the client: whole, or event by event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from router.engine.answers import answer_headers, comment_of, view_of
from router.engine.client import Client
from router.engine.deadline import NEVER, Patience
from router.engine.exchange import Attempt, Exchange
from router.engine.ids import bare
from router.engine.pings import Pings
from router.engine.transport import UpstreamReply
from router.errors import UpstreamError, UpstreamUnavailable
from router.outcomes import failure_in_band
from router.pricing import cost
from router.snapshot import Target
from router.types import Usage
from router.wire.base import Named, Peek, Stream, StreamFault, WireFormat
from router.wire.transcode import open_stream, read_answer


@dataclass(slots=True, eq=False)
class Run:
    """What one request's attempts share."""

    x: Exchange
    client: Client
    peek: Peek
    patience: Patience
    pings: Pings | None
    clock: Callable[[], float]

    def named(self) -> Named:
        return Named(bare(self.x.request_id), int(self.x.wall))


@dataclass(slots=True, eq=False)
class Open:
    """One attempt whose answer has begun to arrive."""

    target: Target
    upstream: WireFormat
    reply: UpstreamReply
    started: float

    def attempt(self, outcome: str, now: float) -> Attempt:
        return Attempt(self.target.id, outcome, self.reply.status, now - self.started)


async def relay_whole(run: Run, attempt: Open) -> None:
    """Reads a whole answer and hands it on. Raises `UpstreamError` when it is not one: the client has seen nothing."""
    x = run.x
    raw = await attempt.reply.read()
    try:
        answer = read_answer(x.client, attempt.upstream, raw, run.named())
    except StreamFault as fault:
        raise in_band(fault, attempt) from fault
    except ValueError as error:
        raise UpstreamUnavailable(f"{attempt.target.id} sent an answer that cannot be read: {error}", answered=200) from error
    if answer.empty:
        raise UpstreamUnavailable(f"{attempt.target.id} sent an empty answer", kind="empty", answered=200)
    now = run.clock()
    x.reported_model = answer.model
    x.upstream_seconds += now - attempt.started
    _served(x, attempt.target, answer.usage)
    x.attempts.append(attempt.attempt("ok", now))
    run.client.whole(200, answer_headers(x), answer.body)


async def relay_stream(run: Run, attempt: Open) -> None:
    """Holds everything back until the first meaningful event (the gate), then relays. Raises `UpstreamError` before the gate
    opened; after it the client is told in band and the exchange is over."""
    x = run.x
    stream = open_stream(x.client, attempt.upstream, run.peek, run.named())
    held = await _gate(stream, attempt)
    clock = run.clock
    x.first_token = clock() - x.started
    # Here is the commit: no other target will be asked from now on.
    x.target = attempt.target.id
    x.reported_model = stream.model
    late = run.client.started
    if not late:
        run.client.start(answer_headers(x, attempt.attempt("ok", clock())))
    try:
        await _flow(run, attempt, stream, held)
    except UpstreamError as error:
        _break(run, attempt, stream, error)
    except (asyncio.CancelledError, ConnectionError):
        if (timeout := run.patience.timeout()) is None:
            _served(x, attempt.target, stream.usage)
            raise
        _break(run, attempt, stream, timeout)
    else:
        attempt.reply.linger = True
        _served(x, attempt.target, stream.usage)
        x.attempts.append(attempt.attempt("ok", clock()))
        run.client.end(stream.end(comment_of(x, held=late)))
    finally:
        x.upstream_seconds += clock() - attempt.started


async def _gate(stream: Stream, attempt: Open) -> bytes:
    held = b""
    with _Mapped(attempt):
        while not stream.began and not stream.complete:
            data = await attempt.reply.chunk()
            if not data:
                stream.finish()
                break
            held += stream.feed(data)
    if stream.began:
        return held
    if stream.complete:
        raise UpstreamUnavailable(f"{attempt.target.id} sent an empty stream", kind="empty", answered=200)
    raise UpstreamUnavailable(f"the stream of {attempt.target.id} ended before it began", answered=200)


async def _flow(run: Run, attempt: Open, stream: Stream, held: bytes) -> None:
    client, patience, pings, reply = run.client, run.patience, run.pings, attempt.reply
    if held:
        client.write(held)
    idle = attempt.target.timeouts.idle
    patience.allow(idle, "idle")
    with _Mapped(attempt):
        while not stream.complete:
            if client.blocked:
                patience.allow(NEVER, "idle")  # The client is slow, not the upstream.
                await client.drain()
                patience.allow(idle, "idle")
            data = await reply.chunk()
            if not data:
                stream.finish()
                break
            patience.touch()
            if out := stream.feed(data):
                client.write(out)
                if pings is not None:
                    pings.wrote()
    if not stream.complete:
        raise UpstreamUnavailable(f"the stream of {attempt.target.id} broke off", kind="broken_stream", answered=200)


def _break(run: Run, attempt: Open, stream: Stream, error: UpstreamError) -> None:
    """The answer broke after its first token: said in band, never a clean end."""
    x = run.x
    x.partial = True
    x.outcome = "stream_error"
    x.error_code, x.error_source = error.code, error.source
    _served(x, attempt.target, stream.usage)
    x.attempts.append(
        attempt.attempt(error.kind if error.kind != "server" else "broken_stream", asyncio.get_running_loop().time())
    )
    run.client.end(stream.fail(view_of(x, error)), close=True)


def _served(x: Exchange, target: Target, usage: Usage | None) -> None:
    x.target = target.id
    x.usage = usage
    if usage is not None and target.price is not None:
        x.cost = cost(usage, target.price)


def in_band(fault: StreamFault, attempt: Open) -> UpstreamError:
    """The error an upstream put into a 200: judged as the status it stands for."""
    return failure_in_band(fault, attempt.reply.status, None, attempt.target.errors)


class _Mapped:
    """What reading a stream can raise, as an UpstreamError. A class: contextlib's generator costs more than the reading."""

    __slots__ = ("_attempt",)

    def __init__(self, attempt: Open) -> None:
        self._attempt = attempt

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, StreamFault):
            raise in_band(error, self._attempt) from error
        if isinstance(error, ValueError):
            message = f"{self._attempt.target.id} sent a stream that cannot be read: {error}"
            raise UpstreamUnavailable(message, answered=200) from error
