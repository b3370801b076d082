"""Answers of OpenAI Chat Completions. https://platform.openai.com/docs/api-reference/chat/object"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from router.types import ChatResponse, Finish, Json, Part, Refusal, Text, Thinking, ToolCall, Usage
from router.wire.base import Named
from router.wire.body import name_of
from router.wire.fault import in_band
from router.wire.openai_chat.content import parse_thinking, render_answer
from router.wire.openai_chat.faulty import is_error, refuse_broken
from router.wire.openai_chat.usage import parse_usage

_FINISH: Mapping[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "refusal",
}
_FINISH_REASON: Mapping[Finish, str] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "refusal": "content_filter",
}


def parse(body: Json) -> ChatResponse:
    """The first choice. Raises `StreamFault` for an error, ValueError (or KeyError, TypeError, AttributeError) for what is no
    answer."""
    if is_error(body):
        raise in_band(body)
    choices = body["choices"]
    if not choices:
        raise ValueError("an answer without choices")
    choice = choices[0]
    refuse_broken(choice)
    message = choice["message"]
    parts: list[Part] = list(parse_thinking(message))
    content = message.get("content")
    if text := content if isinstance(content, str) else _joined(content or ()):
        parts.append(Text(text))
    if message.get("refusal"):
        parts.append(Refusal(str(message["refusal"])))
    parts += (_call(call) for call in message.get("tool_calls") or ())
    if message.get("function_call"):  # The deprecated form, still spoken by old servers.
        parts.append(_call({"function": message["function_call"]}))
    return ChatResponse(
        id=str(body.get("id") or ""),
        model=name_of(body),
        parts=tuple(parts),
        finish=parse_finish(choice.get("finish_reason"), {type(part) for part in parts}),
        usage=parse_usage(body.get("usage")),
        stop_sequence=choice["stop_reason"] if isinstance(choice.get("stop_reason"), str) else None,  # vLLM's
    )


def parse_finish(reason: object, kinds: Collection[type[Part]]) -> Finish:
    """By the kinds of parts the answer holds where that is plainer than the word: some say "stop" after tool calls, or the
    reverse. A word nobody knows is a natural end."""
    finish = _FINISH.get(reason, "stop") if isinstance(reason, str) else "stop"
    if finish in ("stop", "tool_calls"):
        return "tool_calls" if ToolCall in kinds else "refusal" if Refusal in kinds else "stop"
    return finish


def _call(raw: Json) -> ToolCall:
    function = raw["function"]
    arguments = function.get("arguments") or ""
    if not isinstance(arguments, str):
        raise TypeError("the arguments of a tool call are no text")
    return ToolCall(str(raw.get("id") or ""), str(function["name"]), arguments)


def _joined(parts: Iterable[Json]) -> str:
    """Mistral's reasoning models answer with parts."""
    return "".join(str(part["text"]) for part in parts if part.get("type") == "text")


def render(response: ChatResponse, named: Named) -> Json:
    message: Json = {"role": "assistant", "content": None, "refusal": None, **render_answer(response.parts)}
    if message["content"] is None and message["refusal"] is None and "tool_calls" not in message:
        message["content"] = ""
    for i, call in enumerate(message.get("tool_calls", ())):
        call["id"] = call["id"] or call_id(named, i)
    message |= render_thinking(part for part in response.parts if isinstance(part, Thinking))
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason(response)}
    body: Json = {
        "id": f"chatcmpl-{named.id}",
        "object": "chat.completion",
        "created": named.created,
        "model": response.model,
        "choices": [choice],
    }
    if response.usage is not None:
        body["usage"] = render_usage(response.usage)
    return body


def finish_reason(response: ChatResponse) -> str:
    """A refusal in the model's own words ends with "stop" here; a filter's does not."""
    if response.finish == "refusal" and any(isinstance(part, Refusal) for part in response.parts):
        return "stop"
    return _FINISH_REASON[response.finish]


def render_finish(finish: Finish) -> str:
    return _FINISH_REASON[finish]


def call_id(named: Named, position: int) -> str:
    """For a call whose provider gave it no id. At most 40 characters with an id of 24 to 32."""
    return f"call_{named.id}{position}"


def render_thinking(thoughts: Iterable[Thinking]) -> Json:
    """`reasoning_content` is for reading; signatures ride in `reasoning_details`, which comes back with the next turn."""
    text, details = "", []
    for i, thought in enumerate(thoughts):
        text += thought.text
        details.append(render_detail(i, thought))
    raw: Json = {"reasoning_content": text} if text else {}
    if any("signature" in detail or "data" in detail for detail in details):
        raw["reasoning_details"] = details
    return raw


def render_detail(index: int, thought: Thinking) -> Json:
    if thought.redacted:
        return {"type": "reasoning.encrypted", "data": thought.signature, "format": thought.origin, "index": index}
    detail: Json = {"type": "reasoning.text", "text": thought.text}
    if thought.signature:
        detail |= {"signature": thought.signature, "format": thought.origin}
    return {**detail, "index": index}


def render_usage(usage: Usage) -> Json:
    """Cached tokens and those written to a cache are parts of the prompt here."""
    written = usage.cache_write_5m + usage.cache_write_1h
    given = {"cached_tokens": usage.cache_read, "audio_tokens": usage.audio_input}
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {**given, "cache_write_tokens": written} if written else given,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning, "audio_tokens": usage.audio_output},
    }
