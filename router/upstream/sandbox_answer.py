"""What the sandbox answers: the same for the same request, and as short as the request allows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple

import orjson

from router.types import ChatRequest, Document, Finish, Image, Message, Part, Refusal, Text, Thinking, ToolCall, ToolResult, Usage
from router.upstream.sandbox_schema import smallest

MAX_TOKENS = 16_384
"""The most an answer has when the request sets no lower limit: an echoed book is no test."""
IMAGE_TOKENS = 85
COUNTED = 64 * 1024
"""Characters of one text that are counted token by token; a longer one is divided by four: counting must not hold up others."""

LOREM = (
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua. "
    "Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo consequat. Duis aute irure "
    "dolor in reprehenderit in voluptate velit esse cillum dolore eu fugiat nulla pariatur. Excepteur sint occaecat cupidatat "
    "non proident, sunt in culpa qui officia deserunt mollit anim id est laborum."
)
NOTHING_TO_ECHO = "There is no text to echo."

_TOKEN = re.compile(r"\s*\S{1,4}|\s+")


class Said(NamedTuple):
    """An answer in pieces: for every part its tokens."""

    parts: tuple[tuple[Part, tuple[str, ...]], ...]
    """The part without its text or arguments, and these token by token."""
    finish: Finish
    stop_sequence: str | None
    usage: Usage


def tokens(text: str) -> Iterable[str]:
    """Up to four characters of a word, with the blanks before it: near enough to real ones, and anyone can count them.
    Joined, they are the text."""
    return (found.group() for found in _TOKEN.finditer(text))


def answer(request: ChatRequest, reply: str) -> Said:
    """`reply` is `echo`, `lorem` or the text to answer. In this order: a tool is called when the request insists on one or the
    last user message names it; JSON is written where a schema asks for it; else `reply`.

    `max_tokens` and stop sequences cut text; a tool call is always whole. Raises BadRequest for a schema that is none.
    """
    prompt = _count_prompt(request)
    calls = _calls(request)
    if calls:
        parts = tuple((ToolCall("", name, ""), tuple(tokens(arguments))) for name, arguments in calls)
        return Said(parts, "tool_calls", None, Usage(input_uncached=prompt, output=sum(len(pieces) for _, pieces in parts)))
    text, stop = _stopped(_text(request, reply), request.tuning.stop)
    limit = max(1, min(request.tuning.max_tokens or MAX_TOKENS, MAX_TOKENS))
    pieces = tuple(islice(tokens(text), limit + 1))
    finish: Finish = "stop_sequence" if stop is not None else "stop"
    if len(pieces) > limit:
        pieces, finish, stop = pieces[:limit], "length", None
    return Said(((Text(""), pieces),), finish, stop, Usage(input_uncached=prompt, output=len(pieces)))


def _calls(request: ChatRequest) -> list[tuple[str, str]]:
    """Name and arguments of the tools to call."""
    choice = request.tool_choice
    mode = choice.mode if choice is not None else "auto"
    if mode == "none" or not request.tools or not request.messages:
        return []
    if choice is not None and mode == "tool":
        wanted = [tool for tool in request.tools if tool.name == choice.name]
    else:
        last = request.messages[-1]
        prompt = _said(last) if last.role == "user" else ""  # Not what a tool has answered: the loop has to end.
        wanted = [tool for tool in request.tools if re.search(rf"\b{re.escape(tool.name)}\b", prompt)]
        if not wanted and mode == "required":
            wanted = [request.tools[0]]
        if request.tuning.parallel_tools is False:
            wanted = wanted[:1]
    return [(tool.name, _json(smallest(tool.schema) if tool.schema else {})) for tool in wanted]


def _text(request: ChatRequest, reply: str) -> str:
    if request.output is not None:
        schema = request.output.schema
        return _json(smallest(schema) if schema else {})
    match reply:
        case "echo":
            return _last_text(reversed(request.messages)) or NOTHING_TO_ECHO
        case "lorem":
            return LOREM
        case text:
            return text


def _last_text(messages: Iterable[Message]) -> str:
    """The text of the first of these user messages that has any; of a tool's result when that is all there is."""
    for message in messages:
        if message.role == "user":
            found = _said(message) or "".join(_result(part) for part in message.parts if isinstance(part, ToolResult))
            if found:
                return found
    return ""


def _said(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, Text))


def _result(result: ToolResult) -> str:
    return "".join(part.text for part in result.parts if isinstance(part, Text))


def _stopped(text: str, stops: Iterable[str]) -> tuple[str, str | None]:
    """The text up to the first stop sequence in it, and which it was."""
    found = [(at, stop) for stop in stops if stop and (at := text.find(stop)) >= 0]
    if not found:
        return text, None
    at, stop = min(found)
    return text[:at], stop


def _count_prompt(request: ChatRequest) -> int:
    texts = sum(_count(part) for message in request.messages for part in message.parts)
    return texts + sum(_length(_json({"name": tool.name, "schema": tool.schema})) for tool in request.tools)


def _count(part: Part) -> int:
    match part:
        case Text(text) | Refusal(text) | Thinking(text):
            return _length(text)
        case ToolCall(_, name, arguments):
            return _length(name) + _length(arguments)
        case ToolResult(_, parts):
            return sum(_count(inner) for inner in parts)
        case Image() | Document():
            return IMAGE_TOKENS


def _length(text: str) -> int:
    return len(text) // 4 if len(text) > COUNTED else sum(1 for _ in tokens(text))


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
