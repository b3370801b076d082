"""An answer that broke off in plain text, continued by another server: the request that asks for the rest, and the stream that
is spliced behind what the client has.

Only what is one text can go on elsewhere: never tool calls, JSON, reasoning that has not ended, or several choices. Two
answers that do not know of each other are never joined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from router.errors import BadRequest
from router.types import Json, Usage
from router.wire import anthropic_messages, exact, openai_chat
from router.wire.anthropic_messages import resume as anthropic_resume
from router.wire.base import Built, Frame, Named, Peek, Prefill, Stream, Wanted, WireFormat
from router.wire.body import where
from router.wire.openai_chat import resume as openai_resume
from router.wire.scan import Edit, splice
from router.wire.seam import Place, Seam
from router.wire.sse import Decoder
from router.wire.streaming import UNREADABLE, Continued, Joint
from router.wire.transcode import build_request
from router.wire.translate import HALVES

MAX_SENT = 4 * 1024 * 1024
"""Bytes of a stream that are kept to be continued: about 16,000 tokens, which take 0.1 s to read again."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """What a format needs for its clients' answers to be continued."""

    is_plain: Callable[[Mapping[str, Any]], bool]
    place_of: Callable[[Iterable[Frame]], Place | None]
    turn: Callable[[str, Json | None], Json | None]
    limits: tuple[str, ...]
    """The fields that bound the output."""


RESUMPTIONS: Mapping[str, Resumption] = {
    each.name: Resumption(own.is_plain, own.place_of, own.turn, own.LIMITS)
    for each, own in ((openai_chat, openai_resume), (anthropic_messages, anthropic_resume))
}


@dataclass(frozen=True, slots=True)
class SoFar:
    """What a client has of an answer."""

    place: Place
    usage: Usage | None
    """What its attempts used, as far as they said."""


def is_plain(client: WireFormat, peek: Peek, wanted: Wanted) -> bool:
    """Whether the answer to this request is one text. (The file's `params` use OpenAI chat's names.)"""
    return RESUMPTIONS[client.name].is_plain(peek.fields) and openai_resume.is_plain(wanted.params)


def read_so_far(client: WireFormat, sent: bytes, usage: Usage | None) -> SoFar | None:
    """`sent` is what the client was sent of its stream, pings and all. None when nobody else can go on from there."""
    frames = [frame for frame in Decoder().feed(sent) if frame.data]
    try:
        place = RESUMPTIONS[client.name].place_of(frames)
    except UNREADABLE:
        return None
    return SoFar(place, usage) if place is not None else None


def continuation(client: WireFormat, upstream: WireFormat, raw: bytes, peek: Peek, wanted: Wanted, so_far: SoFar) -> Built:
    """The body that asks for the rest: the client's request with the text so far as the beginning of the answer, and with what is
    left of its output limit.

    Raises `BadRequest` when this request cannot be continued, or not by this target.
    """
    if not is_plain(client, peek, wanted):
        raise BadRequest("only plain text can be continued")
    longer = _with_turn(client, peek, so_far)
    built = build_request(client, upstream, longer.raw, longer, wanted)
    if upstream.name == openai_chat.name and (wanted.prefill.message or wanted.prefill.request):
        return _marked(built, wanted.prefill)
    return built


def open_continuation(
    client: WireFormat, upstream: WireFormat, peek: Peek, wanted: Wanted, named: Named, so_far: SoFar
) -> Stream:
    """The rest on its way to the client: nothing of it says anew what the client has."""
    reader, writer = HALVES[upstream.name], HALVES[client.name]
    place = so_far.place
    seam = Seam(_given(peek) + place.stem, place.text[len(place.stem) :], repeats=wanted.prefill.repeats)
    renderer = writer.renderer(named, peek.wants_usage)
    return Continued(reader.parser(), renderer, client, Joint(place, seam, so_far.usage))


def _marked(built: Built, prefill: Prefill) -> Built:
    body = exact.loads(built.body)
    body["messages"][-1].update(prefill.message)
    return built._replace(body=exact.dumps({**body, **prefill.request}))


def _with_turn(client: WireFormat, peek: Peek, so_far: SoFar) -> Peek:
    """The client's request with the turn at its end; every other byte kept where the conversation did not end with a turn of the
    assistant's already."""
    own = RESUMPTIONS[client.name]
    edits = list(_lessened(peek, own.limits, so_far.usage.output if so_far.usage is not None else 0))
    before = _last_turn(peek)
    turn = own.turn(so_far.place.stem, before)
    if turn is None:
        raise BadRequest("the conversation ends with an assistant's turn that is not text", param="messages")
    for at in where(peek, "messages"):
        if before is None:
            comma = b"," if peek.body["messages"] else b""
            edits.append(Edit(at.end - 1, at.end - 1, comma + exact.dumps(turn)))
        else:
            turns = exact.loads(peek.raw[at.start : at.end])
            edits.append(Edit(at.start, at.end, exact.dumps([*turns[:-1], turn])))
    return client.peek(splice(peek.raw, edits))


def _lessened(peek: Peek, limits: Iterable[str], used: int) -> Iterable[Edit]:
    """The client's output limit, less what was produced. Servers that do not say it while they speak count as 0."""
    for name in limits:
        limit = peek.fields.get(name)
        if not used or not isinstance(limit, int) or limit <= 0:
            continue
        if used >= limit:
            raise BadRequest("nothing is left of the output limit", param=name)
        for at in where(peek, name):
            yield Edit(at.start, at.end, orjson.dumps(limit - used))


def _last_turn(peek: Peek) -> Json | None:
    turns = peek.body["messages"]
    last = turns[-1] if turns else None
    return last if isinstance(last, dict) and last.get("role") == "assistant" else None


def _given(peek: Peek) -> str:
    """The text of the answer that the client gave itself."""
    content = (_last_turn(peek) or {}).get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content)
