"""Messages of Anthropic, written: turns that alternate, blocks that are legal, system text apart.

https://platform.claude.com/docs/en/api/messages, https://platform.claude.com/docs/en/build-with-claude/vision (media types)
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from router.types import Document, Image, Inline, Json, Link, Message, Part, Refusal, Text, Thinking, ToolCall, ToolResult
from router.wire import exact, ids
from router.wire.anthropic_messages.content import ORIGIN
from router.wire.anthropic_messages.families import Family
from router.wire.reading import refused

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})


class Turns(NamedTuple):
    system: list[Json]
    messages: list[Json]
    hoisted: tuple[str, ...]
    """System messages from within the conversation that had to move to its head: where they stood."""


def render_turns(messages: Sequence[Message], family: Family) -> Turns:
    """Neighbours of one role become one turn, as the API wants all results of parallel calls together. What is left empty
    (nothing but unsigned thinking or blank text) is left out: the API refuses it."""
    system: list[Json] = []
    turns: list[Json] = []
    hoisted = []
    for i, message in enumerate(messages):
        blocks = list(_blocks(message))
        if not blocks:
            continue
        if message.role != "system":
            _append(turns, message.role, blocks)
        elif not turns:
            system += blocks
        elif family.system_anywhere and turns[-1]["role"] == "user" and not _user_next(messages[i + 1 :]):
            _append(turns, "system", blocks)
        else:
            system += blocks
            hoisted.append(f"{message.path}.role")
    for turn in turns:
        turn["content"] = _short(turn["content"])
    return Turns(system, turns, tuple(hoisted))


def _user_next(rest: Sequence[Message]) -> bool:
    following = next((m.role for m in rest if m.role != "system"), "assistant")
    return following == "user"


def _append(turns: list[Json], role: str, blocks: list[Json]) -> None:
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    else:
        turns.append({"role": role, "content": blocks})


def _short(blocks: list[Json]) -> str | list[Json]:
    """A lone text is a string, as most clients write it."""
    return str(blocks[0]["text"]) if len(blocks) == 1 and blocks[0]["type"] == "text" else blocks


def _blocks(message: Message) -> Iterator[Json]:
    for i, part in enumerate(message.parts):
        yield from render_part(part, f"{message.path}.content.{i}")


def render_part(part: Part, path: str) -> Iterator[Json]:
    """One block, or none for what may not be sent: blank text, and thinking that was not signed here."""
    match part:
        case Text(text) | Refusal(text):
            if text.strip():
                yield {"type": "text", "text": text}
        case Thinking():
            if part.origin == ORIGIN and part.signature:
                yield render_thinking(part)
        case ToolCall(call_id, name, arguments):
            yield {"type": "tool_use", "id": ids.to_plain(call_id), "name": name, "input": exact.arguments_object(arguments)}
        case ToolResult():
            yield _tool_result(part, path)
        case Image(source):
            yield {"type": "image", "source": _image(source, path)}
        case Document():
            yield _document(part, path)


def render_thinking(part: Thinking) -> Json:
    if part.redacted:
        return {"type": "redacted_thinking", "data": part.signature}
    return {"type": "thinking", "thinking": part.text, "signature": part.signature}


def _tool_result(result: ToolResult, path: str) -> Json:
    raw: Json = {"type": "tool_result", "tool_use_id": ids.to_plain(result.call_id)}
    blocks = [block for part in result.parts for block in render_part(part, path)]
    if blocks:
        raw["content"] = _short(blocks)
    if result.is_error:
        raw["is_error"] = True
    return raw


def _image(source: Link | Inline, path: str) -> Json:
    if isinstance(source, Link):
        return {"type": "url", "url": source.url}
    media_type = "image/jpeg" if source.media_type == "image/jpg" else source.media_type
    if media_type not in _IMAGES:
        raise refused(path, f"an image of type {source.media_type!r} is not one of {', '.join(sorted(_IMAGES))}")
    return {"type": "base64", "media_type": media_type, "data": source.data}


def _document(document: Document, path: str) -> Json:
    raw: Json = {"type": "document", "source": _document_source(document.source, path)}
    if document.name is not None:
        raw["title"] = document.name
    return raw


def _document_source(source: Link | Inline, path: str) -> Json:
    match source:
        case Link(url):
            return {"type": "url", "url": url}
        case Inline("application/pdf" as media_type, data):
            return {"type": "base64", "media_type": media_type, "data": data}
        case Inline("text/plain" as media_type, data):
            try:
                text = base64.b64decode(data, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError) as exc:
                raise refused(path, "a text file must be UTF-8 in base64") from exc
            return {"type": "text", "media_type": media_type, "data": text}
        case Inline(media_type):
            raise refused(path, f"a document of type {media_type!r} is not one of application/pdf, text/plain")


def ends_in_tool_loop(messages: Iterable[Message]) -> bool:
    """Whether the last assistant turn called tools without signed thinking before: thinking with a budget is then refused
    ("Expected `thinking` or `redacted_thinking`, but found `tool_use`")."""
    turns = [m for m in messages if m.role == "assistant"]
    parts = turns[-1].parts if turns else ()
    signed = any(isinstance(p, Thinking) and p.signature and p.origin == ORIGIN for p in parts)
    return not signed and any(isinstance(p, ToolCall) for p in parts)
