"""The straight line: peek, decide, attempt, gate, relay, settle.

Read `Engine.handle` from top to bottom and you have read the router.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from router.decide import Ask, Decision, decide
from router.engine.alarms import Alarms
from router.engine.answers import answer_headers, refuse
from router.engine.chain import Chain
from router.engine.client import Client
from router.engine.deadline import NEVER, Patience
from router.engine.exchange import Attempt, Exchange
from router.engine.midstream import Interrupted
from router.engine.outlast import CLIENT_GONE, StillAsked, outlast
from router.engine.pacing import Pacers
from router.engine.pings import Pings
from router.engine.relay import Open, Run, give_up, relay_stream, relay_whole, resume_stream
from router.engine.transport import Transport, UpstreamReply, UpstreamRequest
from router.errors import BadRequest, InternalError, RouterError, UpstreamError, UpstreamUnavailable
from router.outcomes import failure_of, named_by, retry_after
from router.snapshot import Endpoint, Model, StreamSettings, Target
from router.state.health import HealthBook, Lease
from router.wire import FORMATS
from router.wire.base import Peek, WireFormat
from router.wire.resume import SoFar, continuation
from router.wire.transcode import build_request
from router.world import World

log = logging.getLogger("router.engine")
BEFORE = 0.7
"""The part of a client's patience with silence after which something is sent: networks are slow, too."""


class Engine:
    """Serves exchanges. `settled` is called once with each, when it is over; `open` holds those that are not.

    `clock`, the health book's, gives the monotonic seconds that exchanges are measured in (uvloop's own ticks in milliseconds).
    """

    def __init__(self, *, transport: Transport, world: World, health: HealthBook, settled: Callable[[Exchange], None]) -> None:
        self.clock = health.clock
        self._transport = transport
        self._world = world
        self._health = health
        self._settled = settled
        self._pacers = Pacers()
        self.open: set[Exchange] = set()
        self._emptied: asyncio.Event | None = None
        self._waits: Alarms | None = None

    async def handle(self, x: Exchange, client: Client) -> None:
        """Answers one request and settles it, whatever happens. Raises only CancelledError and ConnectionError: the client
        has left."""
        self.open.add(x)
        lasting = False
        try:
            peek = x.client.peek(x.raw)
            x.asked, x.stream = peek.model, peek.stream
            decision = decide(x.snapshot, Ask(peek.model, x.key), self._world)
            x.model = decision.model.name
            if decision.model.on_disconnect == "drain":
                await outlast(x, client, partial(self._answer, x, peek, decision), self._close)
            else:
                await self._answer(x, peek, decision, client)
        except RouterError as error:
            refuse(x, client, error)
            _let_go(error)
        except StillAsked:
            lasting = True
            raise
        except (asyncio.CancelledError, ConnectionError):
            x.outcome, x.status = "client_gone", CLIENT_GONE
            raise
        except Exception:
            log.exception("request_failed", extra={"request_id": x.request_id})
            refuse(x, client, InternalError("the router failed; its log has the reason"))
        finally:
            if not lasting:
                self._close(x)

    def _close(self, x: Exchange) -> None:
        self.open.discard(x)
        x.ended = self.clock()
        self._settled(x)
        if self._emptied is not None and not self.open:
            self._emptied.set()

    async def _answer(self, x: Exchange, peek: Peek, decision: Decision, client: Client) -> None:
        with Patience(_deadline(x, decision.model), self._alarms()) as patience:
            pings = None
            if peek.stream:
                pings = Pings(client, _stream_settings(x, decision.model), answer_headers(x), x.client.ping)
            try:
                await self._serve(Run(x, client, peek, patience, pings, self.clock, decision.model), decision)
            finally:
                if pings is not None:
                    pings.stop()

    def _alarms(self) -> Alarms:
        # Made in the loop that serves: an engine is constructed before there is one.
        if self._waits is None:
            self._waits = Alarms()
        return self._waits

    async def drained(self) -> None:
        """Returns once no exchange is open. Nothing new may come in."""
        if self.open:
            self._emptied = asyncio.Event()
            await self._emptied.wait()

    def reject(self, x: Exchange, client: Client, error: RouterError) -> None:
        """Ends an exchange that never got as far as `handle`, and settles it. Raises ConnectionError: the client has left."""
        try:
            refuse(x, client, error)
        finally:
            x.ended = self.clock()
            self._settled(x)

    async def _serve(self, run: Run, decision: Decision) -> None:
        """Asks the targets in order until one answers. Raises the error that the client is to be told."""
        chain = Chain(decision, self._world, self._health)
        while True:
            lease = self._health.attempt(chain.target)
            try:
                return await self._attempt(run, chain, lease)
            except BadRequest as refusal:
                chain.cannot_carry(refusal)
            except Interrupted as broken:
                _let_go(broken)
                return await self._continue(run, chain, broken)
            except UpstreamError as error:
                _let_go(error)
                lease.failed(error.kind, error.retry_after)
                if run.x.outcome == "client_gone":  # Nobody waits for another try (`on_disconnect: drain`).
                    return None
                if wait := chain.failed(error, run.patience.left):
                    await self._pause(run, wait)
                    chain.waited()
            finally:
                lease.release()

    async def _continue(self, run: Run, chain: Chain, broken: Interrupted) -> None:
        """The client has a part of its answer: targets that can go on from there are asked until the rest is told, in order.
        When none can, the client is told what broke its answer."""
        error = broken.error
        while run.x.outcome != "client_gone" and chain.next_for(error):
            lease = self._health.attempt(chain.target)
            try:
                await self._attempt(run, chain, lease, broken.so_far)
            except Interrupted as again:  # It got further than the one before.
                _let_go(again)
                broken, error = again, again.error
            except UpstreamError as failure:
                _let_go(failure)
                error = failure
                lease.failed(error.kind, error.retry_after)
            except BadRequest as refusal:
                log.info("cannot_continue", extra={"request_id": run.x.request_id, "error": refusal.message})
            else:
                return
            finally:
                lease.release()
        give_up(run, broken)

    async def _pause(self, run: Run, seconds: float) -> None:
        run.patience.attempt(NEVER)
        run.patience.allow(NEVER, "deadline")
        await asyncio.sleep(seconds)

    async def _attempt(self, run: Run, chain: Chain, lease: Lease, so_far: SoFar | None = None) -> None:
        """One try, of the whole answer or (`so_far`) of its rest. Returns when the client has its answer, or was told in band
        that it broke; raises `UpstreamError` while the client has seen nothing of this try, `Interrupted` when it broke after
        that and another target may go on, `BadRequest` when the target's format cannot carry the request."""
        x, target = run.x, chain.target
        endpoint = target.endpoints.get(x.client.name) or next(iter(target.endpoints.values()))
        upstream = FORMATS[endpoint.format]
        if so_far is None:
            built = build_request(x.client, upstream, x.raw, run.peek, target.wanted)
        else:
            built = continuation(x.client, upstream, x.raw, run.peek, target.wanted, so_far)
        x.dropped, x.defaulted = built.dropped, built.defaulted
        run.spare = chain.spare
        chain.began()
        clock = self.clock
        started = clock()
        status: int | None = None
        x.trying = target.id
        try:
            if target.pacing is not None:
                await self._pacers.wait(target.provider, target.pacing)
            _set_clocks(run, target, last=chain.last)
            reply = await self._send(UpstreamRequest(endpoint, built.body, _headers(x, endpoint)))
            try:
                status = reply.status
                if not 200 <= status < 300:
                    raise await _failure(x, target, upstream, reply)
                attempt = Open(target, upstream, reply, started, lease)
                if so_far is not None:
                    await resume_stream(run, attempt, so_far)
                else:
                    await (relay_stream if run.peek.stream else relay_whole)(run, attempt)
            finally:
                reply.close()
        except (asyncio.CancelledError, ConnectionError):
            if (timeout := run.patience.timeout()) is None:
                x.attempts.append(Attempt(target.id, "client_gone", status, clock() - started))
                raise
            _failed(x, target, timeout, clock() - started)
            raise timeout from None
        except UpstreamError as error:
            _failed(x, target, error, clock() - started)
            raise
        finally:
            x.trying = None

    async def _send(self, request: UpstreamRequest) -> UpstreamReply:
        try:
            return await self._transport.send(request)
        except UpstreamUnavailable as error:
            if not error.reused:
                raise
        # The connection had been idle and was closed just then: nobody saw the request, and this is not an attempt.
        return await self._transport.send(request)


def _let_go(error: Exception) -> None:
    """Of the frames it came through. They hold the request with its body, and the error itself: such a ring is freed by the
    collector alone, which looks seldom, and a provider that is down would fill the memory with the bodies of its requests."""
    error.__traceback__ = error.__context__ = error.__cause__ = None


def _deadline(x: Exchange, model: Model) -> float:
    """The file's, the client's, and for a plain request the client's patience with silence: the nearest of them."""
    silence = NEVER if x.silence is None or x.stream else x.silence
    return min(model.deadline, NEVER if x.deadline is None else x.deadline, silence)


def _stream_settings(x: Exchange, model: Model) -> StreamSettings:
    """Pings go out before the client's patience is over."""
    if x.silence is None:
        return model.stream
    soon = x.silence * BEFORE
    return StreamSettings(min(model.stream.hold_headers, soon), min(model.stream.ping, soon))


def _set_clocks(run: Run, target: Target, *, last: bool) -> None:
    times = target.timeouts
    run.patience.attempt(times.total)
    if run.peek.stream:
        run.patience.allow(max(times.first_token, times.last_first_token) if last else times.first_token, "first_token")
    elif last:
        run.patience.allow(NEVER, "total")
    else:
        run.patience.allow(times.answer, "answer")


def _headers(x: Exchange, endpoint: Endpoint) -> tuple[tuple[str, str], ...]:
    if not x.passed or endpoint.format != x.client.name:
        return endpoint.defaults
    passed = tuple(header for header in x.passed if header[0] in endpoint.passes)
    names = {name for name, _ in passed}
    return passed + tuple(header for header in endpoint.defaults if header[0] not in names)


async def _failure(x: Exchange, target: Target, upstream: WireFormat, reply: UpstreamReply) -> UpstreamError:
    fault = named_by(upstream.parse_fault(await reply.read()), reply.headers)
    wait = retry_after(reply.status, {**fault.waits, **reply.headers}, x.wall)
    error = failure_of(reply.status, fault, wait, target.errors)
    if upstream is not x.client:
        error.upstream_type = error.upstream_code = None  # Words of another format: the client's may not contain them.
    return error


def _failed(x: Exchange, target: Target, error: UpstreamError, seconds: float) -> None:
    x.attempts.append(Attempt(target.id, error.kind, error.answered, seconds))
    x.upstream_seconds += seconds
