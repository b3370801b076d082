"""Answers of Anthropic Messages. https://platform.claude.com/docs/en/api/messages"""

from __future__ import annotations

from collections.abc import Mapping

from router.types import ChatResponse, Finish, Json, Part, Refusal, Text, Thinking, ToolCall, Usage
from router.wire import exact, ids
from router.wire.anthropic_messages.content import ORIGIN
from router.wire.anthropic_messages.turns import render_thinking
from router.wire.anthropic_messages.usage import parse_usage
from router.wire.base import Named
from router.wire.body import name_of
from router.wire.fault import in_band

_FINISH: Mapping[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    # Only its own server tools pause a turn, and no other format's client can have asked for them.
    "pause_turn": "stop",
}
_STOP_REASON: Mapping[Finish, str] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "refusal": "refusal",
}


def parse(body: Json) -> ChatResponse:
    """Raises `StreamFault` for an error, ValueError (or KeyError, TypeError, AttributeError) for what is no answer."""
    if body.get("error") or body.get("type") == "error":
        raise in_band(body)
    content = body["content"]
    if not isinstance(content, list):
        raise TypeError("an answer without content")
    parts = tuple(part for block in content if (part := parse_block(block)) is not None)
    stop_sequence = body.get("stop_sequence")
    return ChatResponse(
        id=str(body.get("id") or ""),
        model=name_of(body),
        parts=tuple(part for part in parts if not isinstance(part, Text) or part.text),
        finish=parse_finish(body.get("stop_reason"), any(isinstance(part, ToolCall) for part in parts)),
        usage=parse_usage(body.get("usage")),
        stop_sequence=stop_sequence if isinstance(stop_sequence, str) else None,
    )


def parse_block(raw: Json) -> Part | None:
    """None for what tools of the provider's own servers leave behind; the text beside it says what came of it."""
    match raw["type"]:
        case "text":
            return Text(_str(raw["text"]))
        case "thinking":
            signature = _str(raw.get("signature") or "")
            return Thinking(_str(raw["thinking"]), signature, ORIGIN if signature else "")
        case "redacted_thinking":
            return Thinking("", _str(raw["data"]), ORIGIN, redacted=True)
        case "tool_use":
            given = raw.get("input") or {}
            if not isinstance(given, dict):
                raise TypeError("the input of a tool call is no object")
            return ToolCall(ids.from_plain(_str(raw["id"])), _str(raw["name"]), exact.arguments_text(given))
        case _:
            return None


def parse_finish(reason: object, called: bool) -> Finish:
    """A word nobody knows is a natural end; tool calls are tool calls whatever word follows them."""
    finish = _FINISH.get(reason, "stop") if isinstance(reason, str) else "stop"
    return ("tool_calls" if called else "stop") if finish in ("stop", "tool_calls") else finish


def _str(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text was expected")
    return value


def render(response: ChatResponse, named: Named) -> Json:
    """Raises ValueError when a tool call's arguments are no JSON object: this format cannot hold them."""
    return {
        "id": f"msg_{named.id}",
        "type": "message",
        "role": "assistant",
        "model": response.model,
        "content": [render_block(part, named, i) for i, part in enumerate(response.parts) if not _is_foreign_secret(part)],
        "stop_reason": _STOP_REASON[response.finish],
        "stop_sequence": response.stop_sequence,
        "usage": render_usage(response.usage or Usage()),
    }


def render_block(part: Part, named: Named, position: int) -> Json:
    match part:
        case Text(text) | Refusal(text):
            return {"type": "text", "text": text}
        case Thinking():
            # The signature of another provider means nothing here, but the field is required.
            return (
                render_thinking(part)
                if part.origin in ("", ORIGIN)
                else {"type": "thinking", "thinking": part.text, "signature": ""}
            )
        case ToolCall(call_id, name, arguments):
            plain = ids.to_plain(call_id) if call_id else f"toolu_{named.id}{position}"
            return {"type": "tool_use", "id": plain, "name": name, "input": exact.arguments_object(arguments)}
        case _:
            raise ValueError(f"an answer cannot hold {type(part).__name__}")


def _is_foreign_secret(part: Part) -> bool:
    return isinstance(part, Thinking) and part.redacted and part.origin != ORIGIN


def render_finish(finish: Finish) -> str:
    return _STOP_REASON[finish]


def render_usage(usage: Usage) -> Json:
    """Cached tokens, and those written to a cache, stand beside `input_tokens` here."""
    raw: Json = {
        "input_tokens": usage.input_uncached,
        "cache_creation_input_tokens": usage.cache_write_5m + usage.cache_write_1h,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.output,
    }
    if usage.cache_write_1h:
        raw["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        }
    if usage.reasoning:
        raw["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return raw
