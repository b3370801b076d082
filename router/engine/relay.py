"""An open upstream answer on its way to the client: whole, or event by event, and what happens when it breaks half-way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from router.engine.answers import answer_headers, comment_of, view_of
from router.engine.client import Client
from router.engine.deadline import NEVER, Patience
from router.engine.exchange import Attempt, Exchange
from router.engine.ids import bare
from router.engine.midstream import Delay, Hold, Holding, Interrupted, Sent, Way, Whole
from router.engine.pings import Pings
from router.engine.transport import UpstreamReply
from router.errors import UpstreamError, UpstreamUnavailable
from router.outcomes import failure_in_band
from router.pricing import cost
from router.snapshot import Model, Target
from router.state.health import Lease
from router.types import Usage
from router.wire.base import Named, Peek, Stream, StreamFault, WireFormat
from router.wire.resume import SoFar, is_plain, open_continuation
from router.wire.streaming import added
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
    model: Model
    spare: bool = False
    """Behind the present target there is one that can continue a half-written answer. Said before each attempt."""
    sent: Sent | None = None
    """What the client was sent of a stream that can be continued."""

    def named(self) -> Named:
        return Named(bare(self.x.request_id), int(self.x.wall))


@dataclass(slots=True, eq=False)
class Open:
    """One attempt whose answer has begun to arrive."""

    target: Target
    upstream: WireFormat
    reply: UpstreamReply
    started: float
    lease: Lease

    def attempt(self, outcome: str, now: float) -> Attempt:
        return Attempt(self.target.id, outcome, self.reply.status, now - self.started)


_UNUSED = Named("", 0)
"""For answers that keep the names they came with."""


async def relay_whole(run: Run, attempt: Open) -> None:
    """Reads a whole answer and hands it on. Raises `UpstreamError` when it is not one: the client has seen nothing."""
    x = run.x
    raw = await attempt.reply.read()
    try:
        answer = read_answer(x.client, attempt.upstream, raw, run.named() if attempt.upstream is not x.client else _UNUSED)
    except StreamFault as fault:
        raise in_band(fault, attempt) from fault
    except ValueError as error:
        raise UpstreamUnavailable(f"{attempt.target.id} sent an answer that cannot be read: {error}", answered=200) from error
    if answer.empty:
        _charge(x, attempt.target, answer.usage)
        raise UpstreamUnavailable(f"{attempt.target.id} sent an empty answer", kind="empty", answered=200)
    now = run.clock()
    x.reported_model = answer.model
    _served(x, attempt, answer.usage, now)
    attempt.lease.succeeded()
    x.attempts.append(attempt.attempt("ok", now))
    run.client.whole(200, answer_headers(x), answer.body)


async def relay_stream(run: Run, attempt: Open) -> None:
    """Holds everything back until the first meaningful event (the gate), then relays as the model's `midstream` says.

    Raises `UpstreamError` while the client has seen nothing of the answer, and `Interrupted` when it broke after that and
    another target may go on. Told in band that it broke, the client has its answer: the exchange is over.
    """
    x = run.x
    stream = open_stream(x.client, attempt.upstream, run.peek, run.named())
    held = await _gate(run, attempt, stream)
    midstream = run.model.midstream
    if midstream in ("guard", "buffer"):
        await _relay_held(run, attempt, stream, held, Delay(run.model.guard) if midstream == "guard" else Whole())
        return
    if midstream == "continue" and run.spare and is_plain(x.client, run.peek, attempt.target.wanted):
        run.sent = Sent()
    late = _commit(run, attempt, stream, run.clock() - x.started)
    await _relay(run, attempt, stream, held, late=late)


async def resume_stream(run: Run, attempt: Open, so_far: SoFar) -> None:
    """The answer to a request that `wire.resume.continuation` built, spliced behind what the client has.

    Raises `UpstreamError` while nothing new was seen, and `Interrupted` when it broke after that and yet another target may go
    on.
    """
    x = run.x
    stream = open_continuation(x.client, attempt.upstream, run.peek, attempt.target.wanted, run.named(), so_far)
    held = await _gate(run, attempt, stream)
    x.target = attempt.target.id
    x.reported_model = stream.model or x.reported_model
    if not run.spare:
        run.sent = None
    await _relay(run, attempt, stream, held, late=True)


def give_up(run: Run, interrupted: Interrupted) -> None:
    """Nobody could go on: the client is told in band what broke its answer."""
    _note(run.x, interrupted.error)
    run.client.end(run.x.client.error_event(view_of(run.x, interrupted.error)), close=True)


def in_band(fault: StreamFault, attempt: Open) -> UpstreamError:
    """The error an upstream put into a 200: judged as the status it stands for."""
    return failure_in_band(fault, attempt.reply.status, None, attempt.target.errors)


# --- from the first meaningful event on ----------------------------------------


async def _gate(run: Run, attempt: Open, stream: Stream) -> bytes:
    held = b""
    try:
        with _Mapped(attempt):
            while not stream.began and not stream.complete:
                data = await attempt.reply.chunk()
                if not data:
                    stream.finish()
                    break
                held += stream.feed(data)
    except BaseException:
        _charge(run.x, attempt.target, stream.usage)
        raise
    if stream.began:
        attempt.lease.began()
        return held
    _charge(run.x, attempt.target, stream.usage)
    if stream.complete:
        raise UpstreamUnavailable(f"{attempt.target.id} sent an empty stream", kind="empty", answered=200)
    raise UpstreamUnavailable(f"the stream of {attempt.target.id} ended before it began", answered=200)


def _commit(run: Run, attempt: Open, stream: Stream, first: float) -> bool:
    """The client begins to see this answer. True when headers had left before: the end says what they could not."""
    x = run.x
    x.first_token = first
    x.target = attempt.target.id
    x.reported_model = stream.model
    late = run.client.started
    if not late:
        run.client.start(answer_headers(x, attempt.attempt("ok", run.clock())))
    return late


async def _relay(run: Run, attempt: Open, stream: Stream, held: bytes, *, late: bool) -> None:
    try:
        broke = await _carried(run, attempt, stream, held, Way(run.client, run.pings, run.sent))
    finally:
        _streamed(run.x, attempt, stream, run.clock())
    if broke is None:
        _end(run, attempt, stream, b"", late=late)
    else:
        _break(run, attempt, stream, b"", broke)


async def _relay_held(run: Run, attempt: Open, stream: Stream, held: bytes, hold: Hold) -> None:
    """Relays what `hold` lets go. Until then every failure is one before the gate."""
    x, clock = run.x, run.clock
    holding = Holding(run.client, run.pings, hold, clock, partial(_commit, run, attempt, stream, clock() - x.started))
    try:
        broke = await _carried(run, attempt, stream, held, Way(holding, None, None))
    except BaseException:
        _streamed(x, attempt, stream, clock())
        raise
    if broke is not None and not holding.released:
        _charge(x, attempt.target, stream.usage)
        if broke.kind in ("connect", "server"):
            broke.kind = "broken_stream"
        raise broke
    _streamed(x, attempt, stream, clock())
    holding.release(b"")
    if broke is None:
        _end(run, attempt, stream, hold.rest(), late=holding.late)
    else:
        _break(run, attempt, stream, hold.rest(), broke)


async def _carried(run: Run, attempt: Open, stream: Stream, held: bytes, way: Way) -> UpstreamError | None:
    """Relays to the end. Gives what broke the stream; raises CancelledError or ConnectionError when the client has left."""
    try:
        await _flow(run, attempt, stream, held, way)
    except UpstreamError as error:
        # What an upstream says counts; that its connection breaks behind the mark of the end takes nothing from anybody.
        said = isinstance(error.__cause__, StreamFault | ValueError)
        return error if said or not _is_whole(stream) else None
    except (asyncio.CancelledError, ConnectionError):
        if (timeout := run.patience.timeout()) is None:
            raise
        return None if _is_whole(stream) else timeout
    return None


async def _flow(run: Run, attempt: Open, stream: Stream, held: bytes, way: Way) -> None:
    patience, reply = run.patience, attempt.reply
    client, pings, sent = way
    if held:
        client.write(held)
        if sent is not None:
            sent.keep(held)
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
                if sent is not None:
                    sent.keep(out)
                if pings is not None:
                    pings.wrote()
    if not stream.complete:
        raise UpstreamUnavailable(f"the stream of {attempt.target.id} broke off", kind="broken_stream", answered=200)
    reply.linger = True


def _is_whole(stream: Stream) -> bool:
    """Whether the mark of the end had come before the connection broke or fell silent: then nothing is missing."""
    try:
        stream.finish()
    except (StreamFault, ValueError):
        return False
    return stream.complete


def _end(run: Run, attempt: Open, stream: Stream, rest: bytes, *, late: bool) -> None:
    attempt.lease.succeeded()
    run.x.attempts.append(attempt.attempt("ok", run.clock()))
    run.client.end(rest + stream.end(comment_of(run.x, held=late)))


def _break(run: Run, attempt: Open, stream: Stream, rest: bytes, error: UpstreamError) -> None:
    """The answer broke after its first token: another target goes on, or it is said in band. Never a clean end."""
    x, sent = run.x, run.sent
    attempt.lease.failed(error.kind, error.retry_after)
    if sent is not None and (arrived := stream.rest()):
        run.client.write(arrived)
        sent.keep(arrived)
    x.attempts.append(attempt.attempt("broken_stream" if error.kind == "server" else error.kind, run.clock()))
    if sent is not None and run.patience.left > 0 and (so_far := sent.read(x.client, x.usage)) is not None:
        raise Interrupted(error, so_far)
    _note(x, error)
    run.client.end(rest + stream.fail(view_of(x, error)), close=True)


def _note(x: Exchange, error: UpstreamError) -> None:
    x.partial = True
    x.outcome = "stream_error"
    x.error_code, x.error_source = error.code, error.source


def _streamed(x: Exchange, attempt: Open, stream: Stream, now: float) -> None:
    x.malformed += stream.malformed
    _served(x, attempt, stream.usage, now)


def _served(x: Exchange, attempt: Open, usage: Usage | None, now: float) -> None:
    """The client has this attempt's answer, or a part of it."""
    x.target = attempt.target.id
    x.upstream_seconds += now - attempt.started
    x.usage = added(x.usage, usage)
    _charge(x, attempt.target, usage)


def _charge(x: Exchange, target: Target, usage: Usage | None) -> None:
    """What an attempt used is paid for, whoever saw it."""
    if usage is not None and target.price is not None:
        x.cost = (x.cost or 0) + cost(usage, target.price)


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
