"""The admin port: health, metrics, status, reload and reset. Never on the data port; not a hot path, so aiohttp as it comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from typing import Protocol

import orjson
from aiohttp import web

from router import __version__
from router.config.render import json_document
from router.engine.engine import Engine
from router.runtime import Reloaded, Runtime
from router.server.health import TargetHealth
from router.server.probes import Probes
from router.types import Json

_OPEN = frozenset({"/livez", "/readyz"})
"""Without a token: orchestrators have none."""


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Scrape(Protocol):
    """Renders the metrics."""

    def render(self, accept: str) -> tuple[bytes, str]: ...


class Watching(Protocol):
    """Whether changes of the configuration can be seen."""

    @property
    def healthy(self) -> bool: ...


class AdminPort:
    """`app()` is what the listener serves."""

    def __init__(
        self,
        runtime: Runtime,
        engine: Engine,
        probes: Probes,
        metrics: Scrape,
        watch: Watching,
        health: TargetHealth,
    ) -> None:
        self._runtime = runtime
        self._engine = engine
        self._probes = probes
        self._metrics = metrics
        self._watch = watch
        self._health = health

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/livez", self._live),
                web.get("/readyz", self._ready),
                web.get("/metrics", self._scrape),
                web.get("/-/status", self._status),
                web.post("/-/reload", self._reload),
                web.post("/-/reset", self._reset),
            ]
        )
        return app

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        token = self._runtime.snapshot.server.admin_token
        if token is not None and request.path not in _OPEN:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not compare_digest(given.encode(), token.reveal().encode()):
                return _json(401, {"error": "send the admin token: `authorization: Bearer TOKEN`"})
        try:
            return await handler(request)
        except web.HTTPException as error:
            return _json(error.status, {"error": f"{request.method} {request.path}: {error.reason}"})

    async def _live(self, request: web.Request) -> web.Response:
        status, body = self._probes.live()
        return web.Response(status=status, body=body, content_type="application/json")

    async def _ready(self, request: web.Request) -> web.Response:
        status, body = self._probes.ready(verbose="verbose" in request.query)
        return web.Response(status=status, body=body, content_type="application/json")

    async def _scrape(self, request: web.Request) -> web.Response:
        body, content_type = self._metrics.render(request.headers.get("accept", ""))
        return web.Response(body=body, headers={"content-type": content_type})

    async def _status(self, request: web.Request) -> web.Response:
        return _json(200, self.status())

    def status(self) -> Json:
        """Running and refused configuration side by side, never mixed; older generations that still serve; what is open."""
        runtime, snapshot = self._runtime, self._runtime.snapshot
        generations = Counter(x.snapshot.generation for x in self._engine.open)
        busy = Counter(x.trying for x in self._engine.open if x.trying is not None)
        return {
            "version": __version__,
            "running": {"generation": snapshot.generation, "hash": snapshot.hash, "since": runtime.since},
            "refused": _refused(runtime),
            "retired": [{"generation": g, "open": n} for g, n in sorted(generations.items()) if g != snapshot.generation],
            "watch": {"mode": snapshot.server.watch, "healthy": self._watch.healthy},
            "draining": self._probes.draining,
            "open": len(self._engine.open),
            "providers_off": dict(snapshot.optional_off),
            "models": {
                model.name: [
                    {"target": target.id, "tier": target.tier, "off": target.off, "in_flight": busy[target.id]}
                    | self._health.row(snapshot, target)
                    for target in model.targets
                ]
                for model in dict.fromkeys(snapshot.models.values())
            },
        }

    async def _reload(self, request: web.Request) -> web.Response:
        generation = self._runtime.snapshot.generation
        if (wanted := request.headers.get("if-match")) is not None and wanted.strip('"') != str(generation):
            return _json(409, {"error": f"generation {generation} is running, not {wanted}", "generation": generation})
        if self._probes.draining:
            return _json(503, {"error": "the router is about to end"})
        if self._runtime.busy:
            return _json(429, {"error": "a reload is running"})
        dry_run = request.query.get("dry_run", "0") not in ("0", "false", "no")
        outcome = await self._runtime.reload("api", dry_run=dry_run)
        return _json(_status_of(outcome), _answer(outcome))

    async def _reset(self, request: web.Request) -> web.Response:
        return _json(*self._health.reset(self._runtime.snapshot, await request.read()))


def _status_of(outcome: Reloaded) -> int:
    """424: the file is fine, something it depends on is not (an unset variable, an unreadable secret)."""
    if outcome.result != "refused":
        return 200
    errors = [found for found in outcome.diagnostics if found.severity == "error"]
    return 424 if all(found.code.startswith("RC6") for found in errors) else 422


def _answer(outcome: Reloaded) -> Json:
    answer: Json = {
        "result": outcome.result,
        "changed": outcome.result == "changed",
        "stage": outcome.stage,
        "generation": outcome.snapshot.generation,
        "hash": outcome.snapshot.hash,
    }
    if outcome.diagnostics:
        answer |= json_document(outcome.diagnostics)
    return answer


def _refused(runtime: Runtime) -> Json | None:
    if runtime.refused is None:
        return None
    outcome = runtime.refused.outcome
    said: Json = {"hash": runtime.refused.digest[:12], "since": runtime.refused.wall, "stage": outcome.stage}
    return said | json_document(outcome.diagnostics)


def _json(status: int, value: Json) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")
