"""One test on a clock of its own: the real decision and the real engine, with callers and providers that are played."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from itertools import count

import orjson

from router.engine.client import Headers
from router.engine.engine import Engine
from router.engine.exchange import Exchange
from router.engine.probing import Prober
from router.errors import Overloaded, RouterError, UnknownModel
from router.rehearsal.chance import Chance
from router.rehearsal.clock import run
from router.rehearsal.learned import teach
from router.rehearsal.offline import Offline, secret_of
from router.rehearsal.scene import Load, Scene, Trouble
from router.rehearsal.snapshots import without
from router.rehearsal.tally import Tally
from router.rehearsal.upstreams import CALM, RehearsedTransport, seconds_of
from router.server.auth import authenticate, credential
from router.server.patience import deadline_of, silence_of
from router.snapshot import Snapshot, Target
from router.state.live import Live
from router.tasks import spawn
from router.wire.endpoints import side_of

PROMPT = "word " * 1000
"""About as many tokens as most requests have: what a test costs should mean something."""
MAX_TOKENS = 1000


def play(offline: Offline, scene: Scene, seed: int) -> Tally:
    """What comes of the test. The same for the same configuration, test and seed."""
    return run(_play(offline, scene, seed))


async def _play(offline: Offline, scene: Scene, seed: int) -> Tally:
    stage = Stage(offline, scene, seed)
    stage.prober.apply(offline.snapshot)
    if scene.load is not None:
        await stage.drill(scene.load)
    else:
        for _ in range(scene.given.repeat):
            await stage.ask()
    await stage.prober.aclose()
    return stage.tally


class Stage:
    """What one test is played on. Needs a running loop, whose time is the test's."""

    def __init__(self, offline: Offline, scene: Scene, seed: int) -> None:
        self.tally = Tally(drill=scene.load is not None)
        self._offline = offline
        self._scene = scene
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._numbers = count(1)
        self._callers: dict[str, Caller] = {}
        self._snapshots: dict[tuple[Trouble, ...], Snapshot] = {(): offline.snapshot}
        self._transport = RehearsedTransport(offline.providers, scene.troubles)
        live = Live(Chance(f"{seed}/{scene.name}"), self._loop.time)
        live.health.reconcile(offline.snapshot)
        teach(live.health, scene.learned, _targets(offline.snapshot, scene.given.model))
        self._engine = Engine(transport=self._transport, world=live, health=live.health, settled=self._settled)
        self.prober = Prober(self._transport, live.health, Chance(f"{seed}/{scene.name}/probes"))

    async def ask(self) -> None:
        """One request, to its end."""
        x = self._exchange()
        caller = self._callers[x.request_id] = Caller()
        headers = self._headers
        try:
            x.deadline, x.silence = deadline_of(headers), silence_of(headers)
            if credential(headers) is not None:
                x.key = authenticate(x.snapshot, headers)
            if len(self._engine.open) >= x.snapshot.server.max_inflight:
                raise Overloaded(f"{x.snapshot.server.max_inflight} requests are open (server.max_inflight)", retry_after=1.0)
        except RouterError as error:
            self._engine.reject(x, caller, error)
            return
        await self._engine.handle(x, caller)

    async def drill(self, load: Load) -> None:
        """Requests in the rhythm of the load, until the last of them has ended."""
        asked: list[asyncio.Task[None]] = []
        for number in range(load.count):
            wait = self._began + number * load.gap - self._loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            asked.append(spawn(self.ask(), name="request of a drill"))
        await asyncio.gather(*asked)

    def _exchange(self) -> Exchange:
        side = side_of(self._headers)
        now = self._loop.time()
        return Exchange(
            request_id=f"req_{next(self._numbers):024x}",
            snapshot=self._snapshot(),
            client=side.wire,
            raw=self._body,
            started=now,
            wall=self._scene.clock.timestamp() + now - self._began,
            passed=tuple((name, self._headers[name]) for name in side.passes if name in self._headers),
        )

    def _snapshot(self) -> Snapshot:
        """As a reload would have it that knows what is off at this moment."""
        at = self._loop.time() - self._began
        off = tuple(each for each in self._scene.troubles if each.off and each.lasts(at))
        if off not in self._snapshots:
            self._snapshots[off] = without(
                self._offline.snapshot, lambda target: any(each.hits(target.provider, target.model) for each in off)
            )
        return self._snapshots[off]

    @cached_property
    def _headers(self) -> Mapping[str, str]:
        key = self._scene.given.key
        return self._scene.given.headers | ({} if key is None else {"x-api-key": secret_of(key)})

    @cached_property
    def _body(self) -> bytes:
        given = self._scene.given
        turns = [{"role": "user", "content": PROMPT}]
        return orjson.dumps({"model": given.model, "max_tokens": MAX_TOKENS, "stream": given.stream, "messages": turns})

    def _settled(self, x: Exchange) -> None:
        caller = self._callers.pop(x.request_id)
        calm = self._transport.calm.get(x.target.partition("/")[0], CALM) if x.target is not None else CALM
        tokens = x.usage.output if x.usage is not None else 0
        self.tally.add(x, seconds_of(calm, tokens), caller.message)


def _targets(snapshot: Snapshot, asked: str) -> Iterator[Target]:
    """All that can be tried under a name in the file, and under the name that is asked for: a pattern may take it."""
    models = dict(snapshot.models)
    with suppress(UnknownModel):
        models[asked] = snapshot.model(asked)
    for model in dict.fromkeys(models.values()):
        for each in (model, *model.fallback, *model.alternatives.values()):
            yield from each.targets


class Caller:
    """A client in memory, who reads as fast as one writes."""

    blocked = False

    def __init__(self) -> None:
        self.started = False
        self._refusal = b""

    def whole(self, status: int, headers: Headers, body: bytes) -> None:
        self.started = True
        if status >= 400:
            self._refusal = body

    def start(self, headers: Headers) -> None:
        self.started = True

    def write(self, data: bytes) -> None: ...

    def end(self, data: bytes, *, close: bool = False) -> None:
        if close:
            self._refusal = data

    async def drain(self) -> None: ...

    @property
    def message(self) -> str | None:
        """What it was told instead of an answer: both formats have it at the same place."""
        if not self._refusal:
            return None
        start = self._refusal.find(b"{")
        found = orjson.loads(self._refusal[start:].partition(b"\n")[0])
        return str(found["error"]["message"])
