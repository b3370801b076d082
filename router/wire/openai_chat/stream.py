"""Streams of OpenAI Chat Completions. https://platform.openai.com/docs/api-reference/chat-streaming"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from router.events import Finished, PartDelta, PartEnded, PartSigned, PartStarted, Started, StreamEvent, UsageReported
from router.types import Json, Part, Refusal, Text, Thinking, ToolCall, Usage
from router.wire.base import Frame, Named
from router.wire.body import loads, name_of
from router.wire.fault import in_band
from router.wire.openai_chat.content import parse_thinking
from router.wire.openai_chat.faulty import is_error, refuse_broken
from router.wire.openai_chat.response import call_id, parse_finish, render_detail, render_finish, render_usage
from router.wire.openai_chat.usage import parse_usage
from router.wire.seam import OPEN, Place
from router.wire.sse import comment as sse_comment
from router.wire.surrogates import Mender

MAX_CALLS = 128
"""Calls of one answer; OpenAI allows as many tools. Beyond, somebody is making up indices."""

_DONE = b"data: [DONE]\n\n"


class _Call:
    """A tool call while it arrives. It starts when its name is known."""

    __slots__ = ("id", "index", "waiting")

    def __init__(self, call_id: str) -> None:
        self.id = call_id
        self.index: int | None = None
        self.waiting = ""


class Parser:
    """Tolerates what is seen in the wild: tool deltas without index or id, an id in every one of them, several calls under one
    index, calls that interleave, usage beside choices or after the finish, a stream without `[DONE]`."""

    def __init__(self) -> None:
        self.done = False
        self._started = False
        self._finished = False
        self._next = 0
        self._open: tuple[type[Part], int] | None = None
        self._thought = ""
        self._calls: list[_Call] = []
        self._slots: dict[int, _Call] = {}
        self._mender = Mender()
        self._kinds: set[type[Part]] = set()

    def parse(self, frame: Frame, events: list[StreamEvent]) -> None:
        if frame.data.strip() == b"[DONE]":
            # Without a finish reason the upstream has still said that this is all.
            if self._started and not self._finished:
                self._finish({}, events)
            self.done = True
            return
        raw = loads(frame.data)
        if not isinstance(raw, dict):
            raise TypeError("a chunk is an object")
        if is_error(raw) or frame.event == "error":
            raise in_band(raw)
        choices = raw.get("choices")
        if choices and not self._finished:
            if not self._started:
                self._started = True
                events.append(Started(str(raw.get("id") or ""), name_of(raw)))
            for choice in choices:
                if not choice.get("index"):  # n > 1 is never asked for; some say null for the only one.
                    self._choice(choice, events)
        if usage := raw.get("usage"):
            self._count(usage, events)

    def _choice(self, choice: Json, events: list[StreamEvent]) -> None:
        delta = choice.get("delta")
        if delta:
            content = delta.get("content")
            if len(delta) > 1 or not content:  # A delta of text alone is the one that must be fast.
                self._think(delta, events)
            if content:
                self._say(Text, content if isinstance(content, str) else _joined(content), events)
            if delta.get("refusal"):
                self._say(Refusal, delta["refusal"], events)
            for call in delta.get("tool_calls") or ():
                self._call(call, events)
        if choice.get("finish_reason"):
            refuse_broken(choice)
            self._finish(choice, events)
            if choice.get("usage"):  # Moonshot's place for it.
                self._count(choice["usage"], events)

    def _finish(self, choice: Json, events: list[StreamEvent]) -> None:
        self._end_all(events)
        self._finished = True
        stop = choice.get("stop_reason")  # vLLM: the stop sequence.
        finish = parse_finish(choice.get("finish_reason"), self._kinds)
        events.append(Finished(finish, stop if isinstance(stop, str) else None))

    def _count(self, raw: object, events: list[StreamEvent]) -> None:
        usage = parse_usage(raw)
        if usage is not None:
            events.append(UsageReported(usage))

    def _say(self, kind: type[Text | Refusal | Thinking], text: str, events: list[StreamEvent]) -> None:
        text = self._mender.mend(text)
        if not text:
            return
        if self._open is None or self._open[0] is not kind:
            self._close(events)
            self._open = (kind, self._new(kind))
            events.append(PartStarted(self._open[1], kind("")))
        events.append(PartDelta(self._open[1], text))

    def _think(self, delta: Json, events: list[StreamEvent]) -> None:
        for thought in parse_thinking(delta):
            if thought.redacted:
                self._close(events)
                index = self._new(Thinking)
                events += (PartStarted(index, thought), PartEnded(index))
                continue
            # A signed detail may repeat the whole text it signs.
            if thought.text and not (thought.signature and thought.text == self._thought):
                self._say(Thinking, thought.text, events)
                self._thought += thought.text
            if thought.signature:
                if self._open is None or self._open[0] is not Thinking:
                    self._close(events)
                    self._open = (Thinking, self._new(Thinking))
                    events.append(PartStarted(self._open[1], Thinking("")))
                events.append(PartSigned(self._open[1], thought.signature, thought.origin))
                self._close(events)

    def _call(self, raw: Json, events: list[StreamEvent]) -> None:
        function = raw.get("function") or {}
        name, arguments, given = function.get("name") or "", function.get("arguments") or "", raw.get("id") or ""
        call = self._which(raw.get("index"), given, name)
        if call is None:
            return
        call.id = call.id or given
        if call.index is None:
            if not name:
                call.waiting += arguments
                return
            self._close(events)
            call.index = self._new(ToolCall)
            events.append(PartStarted(call.index, ToolCall(call.id, name, "")))
            arguments = call.waiting + arguments
        if arguments:
            if not isinstance(arguments, str):
                raise TypeError("the arguments of a tool call are no text")
            events.append(PartDelta(call.index, arguments))

    def _which(self, slot: Any, given: str, name: str) -> _Call | None:
        """The call a delta belongs to: by index, unless a new id and a name show that another one took the index (Ollama gave 0
        to every call); without an index by id; without both it goes on with the last one. None for a delta that says nothing."""
        if isinstance(slot, int):
            call = self._slots.get(slot)
            if call is None or (name and given and call.id and given != call.id):
                call = self._slots[slot] = self._new_call(given)
            return call
        known = next((c for c in self._calls if given and c.id == given), None)
        if known is not None:
            return known
        if given or name:
            return self._new_call(given)
        return self._calls[-1] if self._calls else None

    def _new_call(self, given: str) -> _Call:
        if len(self._calls) >= MAX_CALLS:
            raise ValueError(f"more than {MAX_CALLS} tool calls in one answer")
        self._calls.append(_Call(given))
        return self._calls[-1]

    def _new(self, kind: type[Part]) -> int:
        self._kinds.add(kind)
        self._next += 1
        return self._next - 1

    def _close(self, events: list[StreamEvent]) -> None:
        if self._open is not None:
            events.append(PartEnded(self._open[1]))
            self._open, self._thought, self._mender = None, "", Mender()

    def _end_all(self, events: list[StreamEvent]) -> None:
        self._close(events)
        if any(call.waiting and call.index is None for call in self._calls):
            raise ValueError("a tool call without a name")
        events += (PartEnded(call.index) for call in self._calls if call.index is not None)


def _joined(parts: Iterable[Json]) -> str:
    """Mistral's reasoning models stream parts."""
    return "".join(str(part["text"]) for part in parts if part.get("type") == "text")


class Renderer:
    def __init__(self, named: Named, wants_usage: bool) -> None:
        self._named = named
        self._wants_usage = wants_usage
        self._base: Json = {}
        self._head = self._said = b""
        self._parts: dict[int, Part] = {}
        self._calls: dict[int, int] = {}
        self._silent: set[int] = set()
        self._thoughts: dict[int, str] = {}
        self._details = 0
        self._refused = False

    def resume(self, place: Place) -> None:
        self._begin(place.head)
        self._parts[OPEN] = Text("")

    def render(self, event: StreamEvent) -> bytes:
        if isinstance(event, PartDelta):
            return self._delta(event)
        match event:
            case PartStarted():
                return b"".join(map(self._chunk, self._part(event)))
            case PartSigned():
                return self._detail(Thinking(self._thoughts.get(event.index, ""), event.signature, event.origin))
            case PartEnded(index) if index in self._silent:
                # No arguments are "{}": clients parse the string.
                return self._arguments(index, "{}")
            case Started():
                self._begin(self._own(event.model))
                return self._chunk(b'{"role":"assistant","content":""}')
            case _:
                return b""

    def end(self, finished: Finished, usage: Usage | None, comment: str) -> bytes:
        if not self._base:
            self._begin(self._own(""))
        # A refusal in the model's own words ends with "stop" here; a filter's does not.
        reason = "stop" if finished.finish == "refusal" and self._refused else render_finish(finished.finish)
        choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": reason}
        out = _frame({**self._base, "choices": [choice]})
        if self._wants_usage and usage is not None:
            out += _frame({**self._base, "choices": [], "usage": render_usage(usage)})
        return out + sse_comment(comment) + _DONE

    def error(self, body: bytes) -> bytes:
        return b"data: " + body + b"\n\n"

    def _own(self, model: str) -> Json:
        return {
            "id": f"chatcmpl-{self._named.id}",
            "object": "chat.completion.chunk",
            "created": self._named.created,
            "model": model,
        }

    def _begin(self, base: Json) -> None:
        self._base = base
        # Only the delta differs from chunk to chunk.
        self._head = b"data: " + orjson.dumps(self._base)[:-1] + b',"choices":[{"index":0,"delta":'
        self._said = self._head + b'{"content":'

    def _chunk(self, delta: bytes) -> bytes:
        return self._head + delta + b',"logprobs":null,"finish_reason":null}]}\n\n'

    def _part(self, event: PartStarted) -> Iterator[bytes]:
        part = self._parts[event.index] = event.part
        match part:
            case ToolCall():
                position = self._calls[event.index] = len(self._calls)
                self._silent.add(event.index)
                function = {"name": part.name, "arguments": part.arguments}
                call = {
                    "index": position,
                    "id": part.id or call_id(self._named, position),
                    "type": "function",
                    "function": function,
                }
                yield orjson.dumps({"tool_calls": [call]})
            case Thinking(redacted=True):
                yield orjson.dumps({"reasoning_details": [self._numbered(part)]})
            case Refusal():
                self._refused = True
            case _:
                pass

    def _delta(self, event: PartDelta) -> bytes:
        part = self._parts[event.index]
        if isinstance(part, Text):
            return self._said + orjson.dumps(event.text) + b'},"logprobs":null,"finish_reason":null}]}\n\n'
        match part:
            case ToolCall():
                return self._arguments(event.index, event.text)
            case Thinking():
                self._thoughts[event.index] = self._thoughts.get(event.index, "") + event.text
                return self._chunk(orjson.dumps({"reasoning_content": event.text}))
            case _:
                return self._chunk(orjson.dumps({"refusal": event.text}))

    def _arguments(self, index: int, fragment: str) -> bytes:
        self._silent.discard(index)
        return self._chunk(orjson.dumps({"tool_calls": [{"index": self._calls[index], "function": {"arguments": fragment}}]}))

    def _detail(self, thought: Thinking) -> bytes:
        """The whole signed block in one delta: right for clients that append such entries and for those that merge them."""
        return self._chunk(orjson.dumps({"reasoning_details": [self._numbered(thought)]}))

    def _numbered(self, thought: Thinking) -> Json:
        self._details += 1
        return render_detail(self._details - 1, thought)


def _frame(body: Json) -> bytes:
    return b"data: " + orjson.dumps(body) + b"\n\n"
