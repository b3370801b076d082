"""Every provider of a rehearsal: the sandbox in its place, with what the test says is the matter with it.

An undisturbed provider begins to answer after 200 ms and writes 100 tokens, 50 in a second; one of `type: sandbox` behaves as the
file says. An error comes after 50 ms, a refused connection is refused at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from router.engine.transport import UpstreamReply, UpstreamRequest
from router.errors import UpstreamUnavailable
from router.rehearsal.offline import Address, address_of
from router.rehearsal.scene import Trouble
from router.snapshot import Endpoint, Fault, SandboxSettings
from router.upstream.sandbox import SandboxReply, SandboxTransport
from router.upstream.sandbox_script import Script, Step, script
from router.wire import FORMATS

ANSWER = "So it goes" + " on" * 97
CALM = SandboxSettings(first_token=0.2, tokens_per_second=50, reply=ANSWER, faults=(), seed=0)
ERROR_AFTER = 0.05
"""Seconds: as far as a provider is away. Errors that take no time would never meet other requests."""
BEAT = 0.5
"""Seconds of a stream that arrive together: a virtual clock has no use for a step per token."""


@dataclass(frozen=True, slots=True)
class _Recording:
    """An answer that is always the same."""

    status: int
    headers: dict[str, str]
    steps: tuple[Step, ...]
    head_at: float


class RehearsedTransport:
    """A `router.engine.transport.Transport`. `calm` are the settings a provider has when nothing is the matter with it."""

    def __init__(self, providers: Mapping[Address, str], troubles: Sequence[Trouble]) -> None:
        self._providers = providers
        self._troubles = troubles
        self._sandbox = SandboxTransport()
        self._endpoints: dict[tuple[Endpoint, Trouble | None], Endpoint] = {}
        self._recordings: dict[tuple[Endpoint, bytes], _Recording] = {}
        self._began = asyncio.get_running_loop().time()
        self.calm: dict[str, SandboxSettings] = {}

    async def send(self, request: UpstreamRequest) -> UpstreamReply:
        endpoint = request.endpoint
        provider = self._providers[address_of(endpoint.origin)]
        trouble = self._trouble(provider, endpoint, request.body)
        if trouble is not None and trouble.down:
            await asyncio.sleep(trouble.latency or 0)
            raise UpstreamUnavailable(f"connection to {provider} refused", kind="connect")
        if trouble is not None and trouble.status is not None:
            await asyncio.sleep(trouble.latency or ERROR_AFTER)
        if endpoint.method == "GET":
            return await _probed(trouble)
        rehearsed = self._rehearsed(provider, endpoint, trouble)
        settings = rehearsed.sandbox
        if settings is None or any(fault.share < 1 or fault.stream for fault in settings.faults):
            return await self._sandbox.send(request._replace(endpoint=rehearsed))  # Which requests it hits, the sandbox counts.
        return await self._played(rehearsed, settings, request.body)

    async def aclose(self) -> None:
        await self._sandbox.aclose()

    def _trouble(self, provider: str, endpoint: Endpoint, body: bytes) -> Trouble | None:
        at = asyncio.get_running_loop().time() - self._began
        near = [each for each in self._troubles if each.provider == provider and not each.off and each.lasts(at)]
        if not near or endpoint.method == "GET":  # A probe asks for no model.
            return next((each for each in near if each.model is None), None)
        model = FORMATS[endpoint.format].peek(body).model
        return next((each for each in near if each.hits(provider, model)), None)

    def _rehearsed(self, provider: str, endpoint: Endpoint, trouble: Trouble | None) -> Endpoint:
        made = self._endpoints.get((endpoint, trouble))
        if made is None:
            calm = self.calm.setdefault(provider, endpoint.sandbox or CALM)
            made = self._endpoints[endpoint, trouble] = replace(endpoint, sandbox=_disturbed(calm, trouble))
        return made

    async def _played(self, endpoint: Endpoint, settings: SandboxSettings, body: bytes) -> UpstreamReply:
        """An answer that depends on nothing but the request is made once: the same request comes 15,000 times."""
        recording = self._recordings.get((endpoint, body))
        if recording is None:
            made = script(endpoint, settings, body, 0)
            recording = _Recording(made.status, made.headers, tuple(_beats(made)), made.head_at)
            self._recordings[endpoint, body] = recording
        now = asyncio.get_running_loop().time
        began = now()
        if recording.head_at > 0:
            await asyncio.sleep(recording.head_at)
        replayed = Script(recording.status, recording.headers, iter(recording.steps), recording.head_at)
        return SandboxReply(replayed, began, now, asyncio.sleep)


async def _probed(trouble: Trouble | None) -> UpstreamReply:
    """The answer to a look whether the provider is there."""
    loop = asyncio.get_running_loop()
    status = 200 if trouble is None or trouble.status is None else trouble.status
    if trouble is not None and trouble.status is None:
        await asyncio.sleep(trouble.latency or 0)
    return SandboxReply(Script(status, {}, iter((Step(0.0, b"{}"),))), loop.time(), loop.time, asyncio.sleep)


def _disturbed(calm: SandboxSettings, trouble: Trouble | None) -> SandboxSettings:
    if trouble is None:
        return calm
    if trouble.status is not None:
        always = Fault(status=trouble.status, stream=None, share=1.0, retry_after=None, after_tokens=0)
        return replace(calm, faults=(always,))
    return calm if trouble.latency is None else replace(calm, first_token=trouble.latency)


def seconds_of(settings: SandboxSettings, tokens: int) -> float:
    """How long an answer of so many tokens takes."""
    return settings.first_token + max(0, tokens - 1) / settings.tokens_per_second


def _beats(made: Script) -> list[Step]:
    """The same bytes, none of them earlier, in fewer steps. The first token and the end keep their times."""
    steps = list(made.steps)
    first = next((step.at for step in steps if step.at > 0), 0.0)
    merged: list[Step] = []
    for step in steps:
        at = min(first + ceil((step.at - first) / BEAT) * BEAT, steps[-1].at) if step.at > 0 else 0.0
        if merged and merged[-1].at == at:
            merged[-1] = Step(at, merged[-1].data + step.data)
        else:
            merged.append(Step(at, step.data))
    return merged
