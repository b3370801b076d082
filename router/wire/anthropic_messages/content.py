"""Messages of Anthropic, read. https://platform.claude.com/docs/en/api/messages"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from router.types import Document, Image, Inline, Json, Link, Message, Part, Text, Thinking, ToolCall, ToolResult
from router.wire import exact, ids
from router.wire.reading import as_flag, as_list, as_object, as_text, refused

ORIGIN = "anthropic-claude-v1"
"""What signatures made here are called elsewhere, after OpenRouter's word for them."""


def parse_system(raw: Any, lost: dict[str, None]) -> tuple[Message, ...]:
    if raw is None or raw in ("", []):
        return ()
    return (Message("system", parse_texts(raw, "system", lost), "system"),)


def parse_messages(raw: Any, lost: dict[str, None]) -> tuple[Message, ...]:
    return tuple(_message(as_object(m, f"messages.{i}"), f"messages.{i}", lost) for i, m in enumerate(as_list(raw, "messages")))


def _message(raw: Json, path: str, lost: dict[str, None]) -> Message:
    content = raw.get("content")
    match raw.get("role"):
        case "user" | "assistant" as role:
            if isinstance(content, str):
                return Message(role, (Text(content),), path)
            return Message(role, parse_blocks(as_list(content, f"{path}.content"), f"{path}.content", lost), path)
        case "system":
            return Message("system", parse_texts(content, f"{path}.content", lost), path)
        case other:
            raise refused(f"{path}.role", f"{other!r} is not one of user, assistant, system")


def parse_texts(raw: Any, path: str, lost: dict[str, None]) -> tuple[Text, ...]:
    """A string, or blocks of text only."""
    if isinstance(raw, str):
        return (Text(raw),)
    texts = []
    for i, part in enumerate(parse_blocks(as_list(raw, path), path, lost)):
        if not isinstance(part, Text):
            raise refused(f"{path}.{i}", "only text may stand here")
        texts.append(part)
    return tuple(texts)


def parse_blocks(raw: list[Any], path: str, lost: dict[str, None]) -> tuple[Part, ...]:
    """Raises `BadRequest` for a block only this format's provider understands."""
    return tuple(_block(as_object(block, f"{path}.{i}"), f"{path}.{i}", lost) for i, block in enumerate(raw))


def _block(raw: Json, path: str, lost: dict[str, None]) -> Part:
    for key in ("cache_control", "transformations"):
        if raw.get(key) is not None:
            lost[key] = None
    kind = raw.get("type")
    read = _BLOCKS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise refused(path, f"content of type {kind!r} cannot be translated for this model's provider")
    return read(raw, path, lost)


def _text(raw: Json, path: str, lost: dict[str, None]) -> Text:
    if raw.get("citations"):
        lost["citations"] = None
    return Text(as_text(raw.get("text"), f"{path}.text"))


def _image(raw: Json, path: str, lost: dict[str, None]) -> Image:
    return Image(_source(as_object(raw.get("source"), f"{path}.source"), f"{path}.source"))


def _tool_use(raw: Json, path: str, lost: dict[str, None]) -> ToolCall:
    return ToolCall(
        id=ids.from_plain(as_text(raw.get("id"), f"{path}.id")),
        name=as_text(raw.get("name"), f"{path}.name"),
        arguments=exact.arguments_text(as_object(raw.get("input"), f"{path}.input")),
    )


def _thinking(raw: Json, path: str, lost: dict[str, None]) -> Thinking:
    signature = as_text(raw.get("signature") or "", f"{path}.signature")
    return Thinking(as_text(raw.get("thinking"), f"{path}.thinking"), signature, ORIGIN if signature else "")


def _redacted(raw: Json, path: str, lost: dict[str, None]) -> Thinking:
    return Thinking("", as_text(raw.get("data"), f"{path}.data"), ORIGIN, redacted=True)


def _tool_result(raw: Json, path: str, lost: dict[str, None]) -> ToolResult:
    content = raw.get("content")
    if isinstance(content, str):
        parts: tuple[Part, ...] = (Text(content),) if content else ()
    else:
        parts = parse_blocks(as_list(content or [], f"{path}.content"), f"{path}.content", lost)
    kept = tuple(part for part in parts if isinstance(part, Text | Image | Document))
    if len(kept) != len(parts):
        raise refused(f"{path}.content", "a tool's result holds text, images and documents only")
    failed = raw.get("is_error")
    call_id = ids.from_plain(as_text(raw.get("tool_use_id"), f"{path}.tool_use_id"))
    return ToolResult(call_id, kept, failed is not None and as_flag(failed, f"{path}.is_error"))


def _document(raw: Json, path: str, lost: dict[str, None]) -> Document:
    if raw.get("context"):
        raise refused(f"{path}.context", "cannot be translated for this model's provider")
    if raw.get("citations"):
        lost["citations"] = None
    source = as_object(raw.get("source"), f"{path}.source")
    name = None if raw.get("title") is None else as_text(raw["title"], f"{path}.title")
    if source.get("type") == "text":
        text = as_text(source.get("data"), f"{path}.source.data")
        return Document(Inline("text/plain", base64.b64encode(text.encode()).decode()), name)
    return Document(_source(source, f"{path}.source"), name)


def _source(raw: Json, path: str) -> Link | Inline:
    match raw.get("type"):
        case "base64":
            return Inline(as_text(raw.get("media_type"), f"{path}.media_type"), as_text(raw.get("data"), f"{path}.data"))
        case "url":
            return Link(as_text(raw.get("url"), f"{path}.url"))
        case "file":
            raise refused(f"{path}.file_id", "an uploaded file is bound to its provider's account; send its bytes or a URL")
        case other:
            raise refused(path, f"a source of type {other!r} cannot be translated for this model's provider")


_BLOCKS: Mapping[str, Callable[[Json, str, dict[str, None]], Part]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
}
