"""Between formats: parse the one, render the other. N formats cost N halves, and every pair of them works.

`router.wire.transcode` calls these functions when the client's format is not the upstream's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from router.types import ChatRequest, ChatResponse, Json, Refusal, Text, Thinking, ToolCall
from router.wire import anthropic_messages, exact, openai_chat
from router.wire.anthropic_messages import request as anthropic_request
from router.wire.anthropic_messages import response as anthropic_response
from router.wire.anthropic_messages import stream as anthropic_stream
from router.wire.base import Built, Named, Peek, Stream, Wanted, Whole, WireFormat
from router.wire.body import defaulted, loads_object
from router.wire.openai_chat import request as openai_request
from router.wire.openai_chat import response as openai_response
from router.wire.openai_chat import stream as openai_stream
from router.wire.rendered import Rendered
from router.wire.streaming import StreamParser, StreamRenderer, Translation


@dataclass(frozen=True, slots=True)
class Half:
    """What a format needs to take part in translation. Parsers of requests raise `BadRequest`, those of answers ValueError,
    KeyError, TypeError, AttributeError or IndexError, and `StreamFault` for an error."""

    parse_request: Callable[[Json], ChatRequest]
    render_request: Callable[[ChatRequest, Wanted], Rendered]
    parse_response: Callable[[Json], ChatResponse]
    render_response: Callable[[ChatResponse, Named], Json]
    parser: Callable[[], StreamParser]
    renderer: Callable[[Named, bool], StreamRenderer]
    """Takes whether the client asked for usage."""
    spelling: Mapping[str, str]
    """Canonical names of tuning that the format spells differently."""
    unknown_params: frozenset[str]
    """Of the file's `params`, which use OpenAI chat's names, those the format has no word for."""


HALVES: Mapping[str, Half] = {
    openai_chat.name: Half(
        openai_request.parse,
        openai_request.render,
        openai_response.parse,
        openai_response.render,
        openai_stream.Parser,
        openai_stream.Renderer,
        openai_request.SPELLING,
        frozenset(),
    ),
    anthropic_messages.name: Half(
        anthropic_request.parse,
        anthropic_request.render,
        anthropic_response.parse,
        anthropic_response.render,
        anthropic_stream.Parser,
        anthropic_stream.Renderer,
        anthropic_request.SPELLING,
        anthropic_request.UNKNOWN_PARAMS,
    ),
}


class _Configured(NamedTuple):
    """A request as the file wants it."""

    request: ChatRequest
    dropped: tuple[str, ...] = ()
    set_here: tuple[str, ...] = ()


def translate_request(client: WireFormat, upstream: WireFormat, peek: Peek, wanted: Wanted) -> Built:
    """The body for an upstream of another format.

    Raises `BadRequest` for a request that cannot be understood, and for content the other format cannot carry, naming its path.
    """
    reader, writer = HALVES[client.name], HALVES[upstream.name]
    body = peek.body
    request = reader.parse_request(exact.loads(peek.raw) if _calls_are_rounded(body) else body)
    configured = _with_params(request, peek, wanted, writer.unknown_params)
    rendered = writer.render_request(configured.request, wanted)
    spelled = (reader.spelling.get(name, name) for name in rendered.dropped)
    dropped = dict.fromkeys((*request.lost, *request.extra, *configured.dropped, *spelled))
    return Built(exact.dumps(rendered.body), tuple(dropped), (*configured.set_here, *rendered.defaulted))


def translate_answer(client: WireFormat, upstream: WireFormat, raw: bytes, named: Named) -> Whole:
    """Raises ValueError when `raw` is no answer, `StreamFault` when it holds an error."""
    body = loads_object(raw)
    try:
        if _calls_are_rounded(body):
            body = exact.loads(raw)
        response = HALVES[upstream.name].parse_response(body)
        rendered = exact.dumps(HALVES[client.name].render_response(response, named))
    except (KeyError, TypeError, AttributeError, IndexError) as exc:
        raise ValueError(f"the answer cannot be read: {exc!r}") from exc
    return Whole(rendered, response.model, response.usage, _is_empty(response))


def open_translation(client: WireFormat, upstream: WireFormat, peek: Peek, named: Named) -> Stream:
    """The stream's way from one format to the other; one for each attempt."""
    reader, writer = HALVES[upstream.name], HALVES[client.name]
    return Translation(reader.parser(), writer.renderer(named, peek.wants_usage), client)


def _is_empty(response: ChatResponse) -> bool:
    if response.usage is not None and response.usage.output > 0:
        return False
    said = any(isinstance(p, ToolCall) or (isinstance(p, Text | Refusal | Thinking) and p.text) for p in response.parts)
    return not said and response.finish != "refusal"


def _calls_are_rounded(body: Json) -> bool:
    """Whether an `input` object of a tool call holds a number whose spelling parsing has changed."""
    turns: Iterable[Any] = body["messages"] if isinstance(body.get("messages"), list) else (body,)
    return any(exact.is_rounded(given) for turn in turns for given in _inputs(turn))


def _inputs(turn: Any) -> Iterable[Any]:
    content = turn.get("content") if isinstance(turn, dict) else None
    return (b["input"] for b in content if isinstance(b, dict) and "input" in b) if isinstance(content, list) else ()


def _with_params(request: ChatRequest, peek: Peek, wanted: Wanted, unknown: frozenset[str]) -> _Configured:
    """What the file's `params` add where the client said nothing. An explicit null is the client's word too."""
    params = {name: value for name, value in wanted.params.items() if name not in peek.fields}
    if not params:
        return _Configured(replace(request, extra={}))
    theirs = openai_request.parse_tuning(params)
    tuning: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    set_here, dropped = [], []
    for name, value in params.items():
        canonical = openai_request.canonical_name(name)
        if canonical is None and name in unknown:
            dropped.append(name)
            continue
        if canonical is None:
            extra[name] = value
        elif getattr(request.tuning, canonical) in (None, ()):
            tuning[canonical] = getattr(theirs, canonical)
        else:
            continue
        set_here.append(defaulted(name, value))
    configured = replace(request, tuning=replace(request.tuning, **tuning), extra=extra)
    return _Configured(configured, tuple(dropped), tuple(set_here))
