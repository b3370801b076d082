"""The sandbox's answer as bytes and the moments they are due, broken where a fault says so. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from router.errors import BadRequest
from router.events import Finished, PartDelta, PartEnded, PartStarted, Started
from router.snapshot import Endpoint, Fault, SandboxSettings
from router.types import ChatRequest, ChatResponse, Part, Text, ToolCall
from router.upstream.sandbox_answer import Said, answer
from router.wire import FORMATS, exact
from router.wire.base import ErrorView, Named
from router.wire.streaming import StreamRenderer
from router.wire.translate import HALVES

CREATED = 1_767_225_600
"""What answers say of when they were made, 2026-01-01: the same request gets the same bytes on any day."""
NONSENSE = b'data: {"broken\n\n'
GOLDEN = 0x9E3779B97F4A7C15
"""2**64 divided by the golden ratio: multiples of it fall most evenly, so that 5% of requests are one in about twenty."""


class Step(NamedTuple):
    at: float
    """Seconds after the request."""
    data: bytes


@dataclass(frozen=True, slots=True)
class Script:
    """One answer: its head after `head_at` seconds, then the steps, then its end, a cut or silence."""

    status: int
    headers: dict[str, str]
    steps: Iterator[Step]
    head_at: float = 0.0
    then: Literal["end", "cut", "stall"] = "end"


@dataclass(frozen=True, slots=True)
class _Scene:
    """What every way to answer needs to know."""

    endpoint: Endpoint
    settings: SandboxSettings
    request: ChatRequest
    wants_usage: bool
    named: Named
    fault: Fault | None
    said: Said

    def at(self, tokens: int) -> float:
        """When that many tokens have been written."""
        return self.settings.first_token + max(0, tokens - 1) / self.settings.tokens_per_second


def script(endpoint: Endpoint, settings: SandboxSettings, body: bytes, number: int) -> Script:
    """The answer to the request that is the `number`th (from 0) with these settings."""
    fault = fault_of(settings, number)
    if fault is not None and fault.status is not None:
        return _error(endpoint, fault.status, f"the sandbox was told to answer {fault.status}", fault.retry_after)
    wire = FORMATS[endpoint.format]
    try:
        peek = wire.peek(body)
        request = HALVES[endpoint.format].parse_request(peek.body)
        said = answer(request, settings.reply)
    except BadRequest as error:
        return _error(endpoint, 400, error.message, None)
    named = Named(hashlib.sha256(f"{settings.seed}/{number}".encode()).hexdigest()[:24], CREATED)
    scene = _Scene(endpoint, settings, request, peek.wants_usage, named, fault, said)
    return _stream(scene) if peek.stream else _whole(scene)


def fault_of(settings: SandboxSettings, number: int) -> Fault | None:
    """Which fault hits that request, if any. Shares are parts of one whole: together they hit the sum of them."""
    draw = ((number + 1) * GOLDEN + settings.seed * 0xD1B54A32D192ED03) % 2**64 / 2**64
    for fault in settings.faults:
        if draw < fault.share:
            return fault
        draw -= fault.share
    return None


def _error(endpoint: Endpoint, status: int, message: str, retry_after: float | None) -> Script:
    headers = {"content-type": "application/json"}
    if retry_after is not None:
        headers["retry-after"] = f"{retry_after:g}"
    body = _error_body(endpoint, status, message)
    return Script(status, headers, iter((Step(0.0, body),)))


def _error_body(endpoint: Endpoint, status: int, message: str) -> bytes:
    code = "rate_limit_exceeded" if status == 429 else "invalid_request" if status < 500 else "server_error"
    return FORMATS[endpoint.format].render_error(ErrorView(status, code, message, None, "req_sandbox"))


def _whole(scene: _Scene) -> Script:
    """Nothing arrives before all is written, as with any provider. A fault shows at the token it is due."""
    half, said, fault = HALVES[scene.endpoint.format], scene.said, scene.fault
    parts = tuple(_filled(part, "".join(pieces)) for part, pieces in said.parts)
    response = ChatResponse(scene.named.id, scene.request.model, parts, said.finish, said.usage, said.stop_sequence)
    body = exact.dumps(half.render_response(response, scene.named))
    ready = scene.at(said.usage.output if fault is None else min(said.usage.output, fault.after_tokens))
    sent = Script(200, {"content-type": "application/json"}, iter((Step(ready, body),)), ready)
    match fault.stream if fault is not None else None:
        case "cut" | "stall" as then:
            return replace(sent, steps=iter((Step(ready, body[: len(body) // 2]),)), then=then)
        case "malformed":
            return replace(sent, steps=iter((Step(ready, body[: len(body) // 2]),)))
        case "error":
            broken = _error_body(scene.endpoint, 500, "the sandbox was told to fail")
            return replace(sent, steps=iter((Step(ready, broken),)))
        case _:
            return sent


def _stream(scene: _Scene) -> Script:
    fault = scene.fault.stream if scene.fault is not None else None
    then: Literal["end", "cut", "stall"] = fault if fault in ("cut", "stall") else "end"
    return Script(200, {"content-type": "text/event-stream"}, _events(scene), then=then)


def _events(scene: _Scene) -> Iterator[Step]:
    """Up to the fault, if there is one; an answer shorter than its `after_tokens` breaks before its end."""
    renderer = HALVES[scene.endpoint.format].renderer(scene.named, scene.wants_usage)
    yield Step(0.0, renderer.render(Started(scene.named.id, scene.request.model)))
    stop = scene.fault.after_tokens if scene.fault is not None else None
    if stop != 0:
        yield from _tokens(scene, renderer, stop)
    written = scene.said.usage.output if stop is None else min(stop, scene.said.usage.output)
    if scene.fault is None:
        finished = Finished(scene.said.finish, scene.said.stop_sequence)
        yield Step(scene.at(written), renderer.end(finished, scene.said.usage, ""))
    elif scene.fault.stream == "malformed":
        # One is skipped by whoever reads streams with care; after three nobody can go on.
        yield Step(scene.at(written), NONSENSE * 3)
    elif scene.fault.stream == "error":
        yield Step(scene.at(written), renderer.error(_error_body(scene.endpoint, 500, "the sandbox was told to fail")))


def _tokens(scene: _Scene, renderer: StreamRenderer, stop: int | None) -> Iterator[Step]:
    written = 0
    for index, (part, pieces) in enumerate(scene.said.parts):
        yield Step(scene.at(written + 1), renderer.render(PartStarted(index, part)))
        for piece in pieces:
            written += 1
            yield Step(scene.at(written), renderer.render(PartDelta(index, piece)))
            if written == stop:
                return
        yield Step(scene.at(written), renderer.render(PartEnded(index)))


def _filled(part: Part, text: str) -> Part:
    return replace(part, arguments=text) if isinstance(part, ToolCall) else Text(text)
