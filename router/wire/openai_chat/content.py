"""Messages of OpenAI Chat Completions, read and written.

https://platform.openai.com/docs/api-reference/chat/create. Reasoning is not part of that page: `reasoning_content` is what
DeepSeek and vLLM say, `reasoning_details` what OpenRouter says
(https://openrouter.ai/docs/use-cases/reasoning-tokens), where signatures ride.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from router.types import (
    Document,
    Image,
    Inline,
    Json,
    Link,
    Message,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from router.wire import exact, ids
from router.wire.reading import as_list, as_object, as_text, refused

_IMAGE_DETAIL = "image_url.detail"


# --- from a client -----------------------------------------------------------


def parse_messages(raw: Any, lost: dict[str, None]) -> tuple[Message, ...]:
    """One canonical message for each of the client's. `lost` collects the tuning that no canonical field carries."""
    return tuple(_message(as_object(m, f"messages.{i}"), f"messages.{i}", lost) for i, m in enumerate(as_list(raw, "messages")))


def _message(raw: Json, path: str, lost: dict[str, None]) -> Message:
    if raw.get("name") is not None:
        lost["name"] = None
    match raw.get("role"):
        case "system" | "developer":
            return Message("system", _texts(raw.get("content"), f"{path}.content", lost), path)
        case "user":
            return Message("user", _parts(raw.get("content"), f"{path}.content", lost), path)
        case "assistant":
            return Message("assistant", _assistant(raw, path, lost), path)
        case "tool":
            call_id = as_text(raw.get("tool_call_id"), f"{path}.tool_call_id")
            texts = _texts(raw.get("content"), f"{path}.content", lost)
            return Message("user", (ToolResult(call_id, tuple(t for t in texts if t.text)),), path)
        case "function":
            raise refused(f"{path}.role", "messages of the deprecated role 'function' cannot be translated; use 'tool'")
        case other:
            raise refused(f"{path}.role", f"{other!r} is not one of system, developer, user, assistant, tool")


def _assistant(raw: Json, path: str, lost: dict[str, None]) -> tuple[Part, ...]:
    for key in ("function_call", "audio"):
        if raw.get(key) is not None:
            raise refused(f"{path}.{key}", "cannot be translated for this model's provider")
    parts: list[Part] = list(parse_thinking(raw))
    content = raw.get("content")
    if content is not None:
        parts += (p for p in _parts(content, f"{path}.content", lost) if not isinstance(p, Text) or p.text)
    if raw.get("refusal"):
        parts.append(Refusal(as_text(raw["refusal"], f"{path}.refusal")))
    calls = as_list(raw.get("tool_calls") or [], f"{path}.tool_calls")
    parts += (_call(as_object(c, f"{path}.tool_calls.{i}"), f"{path}.tool_calls.{i}") for i, c in enumerate(calls))
    return tuple(parts)


def _call(raw: Json, path: str) -> ToolCall:
    if raw.get("type", "function") != "function":
        raise refused(path, f"calls of type {raw['type']!r} cannot be translated for this model's provider")
    function = as_object(raw.get("function"), f"{path}.function")
    arguments = as_text(function.get("arguments") or "", f"{path}.function.arguments")
    if arguments.strip() and not exact.is_object(arguments.encode()):
        raise refused(f"{path}.function.arguments", "a JSON object was expected")
    return ToolCall(as_text(raw.get("id"), f"{path}.id"), as_text(function.get("name"), f"{path}.function.name"), arguments)


def _texts(raw: Any, path: str, lost: dict[str, None]) -> tuple[Text, ...]:
    texts = []
    for i, part in enumerate(_parts(raw, path, lost)):
        if not isinstance(part, Text):
            raise refused(f"{path}.{i}", "only text may stand here")
        texts.append(part)
    return tuple(texts)


def _parts(raw: Any, path: str, lost: dict[str, None]) -> tuple[Part, ...]:
    if isinstance(raw, str):
        return (Text(raw),)
    parts = as_list(raw, path)
    return tuple(_part(as_object(p, f"{path}.{i}"), f"{path}.{i}", lost) for i, p in enumerate(parts))


def _part(raw: Json, path: str, lost: dict[str, None]) -> Part:
    if raw.get("prompt_cache_breakpoint") is not None:
        lost["prompt_cache_breakpoint"] = None
    match raw.get("type"):
        case "text":
            return Text(as_text(raw.get("text"), f"{path}.text"))
        case "refusal":
            return Refusal(as_text(raw.get("refusal"), f"{path}.refusal"))
        case "image_url":
            image = as_object(raw.get("image_url"), f"{path}.image_url")
            if image.get("detail") not in (None, "auto"):
                lost[_IMAGE_DETAIL] = None
            return Image(_source(as_text(image.get("url"), f"{path}.image_url.url"), f"{path}.image_url.url"))
        case "file":
            return _file(as_object(raw.get("file"), f"{path}.file"), f"{path}.file")
        case other:
            raise refused(path, f"content of type {other!r} cannot be translated for this model's provider")


def _file(raw: Json, path: str) -> Document:
    if raw.get("file_id") is not None:
        raise refused(f"{path}.file_id", "an uploaded file is bound to its provider's account; send its bytes as file_data")
    source = _source(as_text(raw.get("file_data"), f"{path}.file_data"), f"{path}.file_data")
    if isinstance(source, Link):
        raise refused(f"{path}.file_data", "a data: URL was expected")
    name = raw.get("filename")
    return Document(source, None if name is None else as_text(name, f"{path}.filename"))


def _source(url: str, path: str) -> Link | Inline:
    """A data URL (RFC 2397) is content, anything else a link."""
    stripped = url.strip()
    if not stripped:
        raise refused(path, "an empty URL points to nothing")
    if stripped[:5].lower() != "data:":
        return Link(stripped)
    head, comma, data = stripped[5:].partition(",")
    media_type, *attributes = (word.strip() for word in head.split(";"))
    if not comma or "base64" not in attributes or not media_type:
        raise refused(path, "a data: URL must say its media type and be base64")
    return Inline(media_type.lower(), data)


def parse_thinking(raw: Json) -> Iterator[Thinking]:
    """The reasoning of an assistant message or delta. Tolerant: these fields are no one's standard."""
    details = raw.get("reasoning_details")
    if isinstance(details, list) and details:
        for detail in details:
            if isinstance(detail, dict):
                yield from _detail(detail)
    else:
        text = raw.get("reasoning_content") or raw.get("reasoning")
        if isinstance(text, str) and text:
            yield Thinking(text)


def _detail(raw: Json) -> Iterator[Thinking]:
    origin = raw.get("format") or ""
    match raw.get("type"):
        case "reasoning.encrypted":
            if isinstance(raw.get("data"), str) and isinstance(origin, str):
                yield Thinking("", raw["data"], origin, redacted=True)
        case "reasoning.text" | "reasoning.summary":
            text, signature = raw.get("text") or raw.get("summary") or "", raw.get("signature") or ""
            if isinstance(text, str) and isinstance(signature, str) and isinstance(origin, str) and (text or signature):
                yield Thinking(text, signature, origin if signature else "")


# --- to an upstream ----------------------------------------------------------


def render_messages(messages: Iterable[Message]) -> Iterator[Json]:
    for message in messages:
        match message.role:
            case "system":
                # One string, not an array of parts: several compatible servers take nothing else here.
                yield {"role": "system", "content": "\n\n".join(p.text for p in message.parts if isinstance(p, Text))}
            case "assistant":
                yield _render_assistant(message)
            case "user":
                yield from _render_user(message)


def _render_assistant(message: Message) -> Json:
    """Without its thinking: only who made it can take it back, and compatible servers refuse unknown fields of messages."""
    raw: Json = {"role": "assistant", "content": None, **render_answer(message.parts)}
    calls = raw.get("tool_calls", ())
    for call in calls:
        call["id"] = ids.to_short(call["id"])
    if raw["content"] is None and not calls and "refusal" not in raw:
        raw["content"] = ""
    return raw


def render_answer(parts: Iterable[Part]) -> Json:
    """`content`, `refusal` and `tool_calls` of an assistant message; only those that are there."""
    raw: Json = {}
    texts = [p.text for p in parts if isinstance(p, Text)]
    refusals = [p.text for p in parts if isinstance(p, Refusal)]
    calls = [p for p in parts if isinstance(p, ToolCall)]
    if texts:
        raw["content"] = "".join(texts)
    if refusals:
        raw["refusal"] = "".join(refusals)
    if calls:
        raw["tool_calls"] = [render_call(call) for call in calls]
    return raw


def render_call(call: ToolCall) -> Json:
    # No arguments are "{}": clients parse the string.
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}


def _render_user(message: Message) -> Iterator[Json]:
    """Tool results become messages of their own. What they cannot hold (images, files) follows them in a user message."""
    open_parts: list[Json] = []
    seen_result = False
    for i, part in enumerate(message.parts):
        path = f"{message.path}.content.{i}"
        if isinstance(part, ToolResult):
            if open_parts and not seen_result:
                yield _user(open_parts)
                open_parts = []
            seen_result = True
            yield {"role": "tool", "tool_call_id": ids.to_short(part.call_id), "content": _result_text(part)}
            open_parts += (_render_part(p, path) for p in part.parts if not isinstance(p, Text))
        else:
            open_parts.append(_render_part(part, path))
    if open_parts or not message.parts:
        yield _user(open_parts)


def _user(parts: list[Json]) -> Json:
    """A lone text is a string, as most clients write it."""
    if not parts:
        return {"role": "user", "content": ""}
    return {"role": "user", "content": parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts}


def _result_text(result: ToolResult) -> str:
    """There is no field for a failed call, so its text says it."""
    text = "\n\n".join(p.text for p in result.parts if isinstance(p, Text))
    return f"Error: {text}" if result.is_error else text


def _render_part(part: Part, path: str) -> Json:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image(Link(url)):
            return {"type": "image_url", "image_url": {"url": url}}
        case Image(Inline(media_type, data)):
            return {"type": "image_url", "image_url": {"url": f"data:{media_type};base64,{data}"}}
        case Document(Inline(media_type, data), name):
            file = {"file_data": f"data:{media_type};base64,{data}"}
            return {"type": "file", "file": {"filename": name, **file} if name is not None else file}
        case Document():
            raise refused(path, "this model's provider takes the bytes of a document, not its URL")
        case _:
            raise refused(path, f"{type(part).__name__.lower()} cannot stand in a user message")
