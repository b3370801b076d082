"""Streams of Anthropic Messages. https://platform.claude.com/docs/en/build-with-claude/streaming"""

from __future__ import annotations

import orjson

from router.events import Finished, PartDelta, PartEnded, PartSigned, PartStarted, Started, StreamEvent, UsageReported
from router.types import Json, Part, Text, Thinking, ToolCall, Usage
from router.wire import exact
from router.wire.anthropic_messages.content import ORIGIN
from router.wire.anthropic_messages.response import parse_block, parse_finish, render_block, render_finish, render_usage
from router.wire.anthropic_messages.usage import merge_usage, parse_usage
from router.wire.base import Frame, Named
from router.wire.body import loads, name_of
from router.wire.fault import in_band
from router.wire.seam import OPEN, Place
from router.wire.sse import comment as sse_comment
from router.wire.surrogates import Mender

_PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_TEXT_OF = {"text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking"}


class Parser:
    """Usage is split: input tokens in `message_start`, output tokens in `message_delta`. Unknown events, and blocks that
    tools of the provider's own servers leave behind, are passed over."""

    def __init__(self) -> None:
        self.done = False
        self._usage: Json = {}
        self._finished = False
        self._called = False
        self._indices: dict[int, int] = {}
        self._whole_inputs: dict[int, str] = {}
        self._menders: dict[int, Mender] = {}

    def parse(self, frame: Frame, events: list[StreamEvent]) -> None:
        raw = loads(frame.data)
        match raw.get("type"):
            case "content_block_delta":
                events += self._delta(raw["index"], raw["delta"])
            case "content_block_start":
                events += self._start(raw["index"], raw["content_block"])
            case "content_block_stop":
                events += self._stop(raw["index"])
            case "message_start":
                message = raw["message"]
                merge_usage(self._usage, message.get("usage"))
                events.append(Started(str(message.get("id") or ""), name_of(message)))
                events += self._counted()
            case "message_delta":
                merge_usage(self._usage, raw.get("usage"))
                events += (*self._counted(), *self._finish(raw.get("delta") or {}))
            case "message_stop":
                events += self._finish({"stop_reason": "end_turn"})
                self.done = True
            case kind:
                if kind == "error" or frame.event == "error" or raw.get("error"):
                    raise in_band(raw)

    def _start(self, index: int, block: Json) -> list[StreamEvent]:
        part = parse_block({**block, "input": {}} if block.get("type") == "tool_use" else block)
        if part is None:
            return []
        number = self._indices[index] = len(self._indices)
        match part:
            case ToolCall():
                self._called = True
                if block.get("input"):  # Whole at once, from servers that do not stream arguments.
                    self._whole_inputs[number] = exact.arguments_text(block["input"])
                return [PartStarted(number, ToolCall(part.id, part.name, ""))]
            case Text(text) if text:
                return [PartStarted(number, Text("")), PartDelta(number, text)]
            case Thinking(text=text, redacted=False) if text:
                return [PartStarted(number, Thinking("")), PartDelta(number, text)]
            case _:
                return [PartStarted(number, part)]

    def _delta(self, index: int, delta: Json) -> list[StreamEvent]:
        number = self._indices.get(index)
        if number is None:
            return []
        kind = delta["type"]
        if kind == "signature_delta":
            return [PartSigned(number, str(delta["signature"]), ORIGIN)] if delta["signature"] else []
        field = _TEXT_OF.get(kind)
        text = delta[field] if field is not None else ""
        if not text:
            return []
        if not text.isascii() or number in self._menders:
            text = self._menders.setdefault(number, Mender()).mend(text)
        self._whole_inputs.pop(number, None)
        return [PartDelta(number, text)] if text else []

    def _stop(self, index: int) -> list[StreamEvent]:
        number = self._indices.get(index)
        if number is None:
            return []
        given = self._whole_inputs.pop(number, None)
        return [PartEnded(number)] if given is None else [PartDelta(number, given), PartEnded(number)]

    def _finish(self, delta: Json) -> list[StreamEvent]:
        reason, sequence = delta.get("stop_reason"), delta.get("stop_sequence")
        if self._finished or not reason:
            return []
        self._finished = True
        return [Finished(parse_finish(reason, self._called), sequence if isinstance(sequence, str) else None)]

    def _counted(self) -> list[StreamEvent]:
        usage = parse_usage(self._usage)
        return [] if usage is None else [UsageReported(usage)]


class _Waiting:
    """A part that began while another block was open: blocks may not overlap here."""

    __slots__ = ("ended", "events", "part")

    def __init__(self, part: Part) -> None:
        self.part = part
        self.ended = False
        self.events: list[PartDelta | PartSigned] = []


class Renderer:
    def __init__(self, named: Named, wants_usage: bool) -> None:
        self._named = named
        self._next = 0
        self._live: int | None = None
        self._head = b""
        self._arguments: list[str] | None = None
        """Of the open tool call, so far; None while another kind of block is open."""
        self._waiting: dict[int, _Waiting] = {}
        self._started = False

    def resume(self, place: Place) -> None:
        self._started = True
        self._next = place.block if place.open else place.block + 1
        if place.open:
            self._live = OPEN
            self._head = _delta_head(self._next, "text_delta", "text")

    def render(self, event: StreamEvent) -> bytes:
        if isinstance(event, PartDelta) and event.index == self._live and not self._waiting:
            return self._delta(event)
        match event:
            case PartDelta() | PartSigned():
                return self._more(event)
            case PartStarted(index, part):
                return self._begin(index, part)
            case PartEnded(index):
                return self._close(index)
            case Started():
                return self._start(event.model)
            case _:
                return b""

    def end(self, finished: Finished, usage: Usage | None, comment: str) -> bytes:
        out = b"" if self._started else self._start("")
        for waiting in self._waiting.values():
            waiting.ended = True
        if self._live is not None:
            out += self._close(self._live)
        delta = {"stop_reason": render_finish(finished.finish), "stop_sequence": finished.stop_sequence}
        out += _event({"type": "message_delta", "delta": delta, "usage": render_usage(usage or Usage())})
        return out + sse_comment(comment) + _STOP

    def error(self, body: bytes) -> bytes:
        return b"event: error\ndata: " + body + b"\n\n"

    def _start(self, model: str) -> bytes:
        """With zero usage: clients read the object, and what was used is only known at the end elsewhere."""
        self._started = True
        message: Json = {
            "id": f"msg_{self._named.id}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": render_usage(Usage()),
        }
        return _event({"type": "message_start", "message": message}) + _PING

    def _begin(self, index: int, part: Part) -> bytes:
        if isinstance(part, Thinking) and part.redacted and part.origin != ORIGIN:
            return b""  # Another provider's secret: neither its start nor its stop.
        if self._live is None:
            return self._open(index, part)
        self._waiting[index] = _Waiting(part)
        return self._advance()

    def _open(self, index: int, part: Part) -> bytes:
        self._live = index
        kind, field = "text_delta", "text"
        self._arguments = None
        if isinstance(part, ToolCall):
            kind, field, self._arguments = "input_json_delta", "partial_json", []
        elif isinstance(part, Thinking):
            kind, field = "thinking_delta", "thinking"
        # Only the text differs from event to event.
        self._head = _delta_head(self._next, kind, field)
        block = render_block(part, self._named, self._next)
        return _event({"type": "content_block_start", "index": self._next, "content_block": block})

    def _more(self, event: PartDelta | PartSigned) -> bytes:
        if event.index != self._live:
            # What comes for a block that is closed can only be blanks behind its arguments.
            if (waiting := self._waiting.get(event.index)) is not None:
                waiting.events.append(event)
            return b""
        out = self._delta(event)
        return out + self._advance() if self._waiting else out

    def _delta(self, event: PartDelta | PartSigned) -> bytes:
        if isinstance(event, PartDelta):
            if self._arguments is not None:
                self._arguments.append(event.text)
            return self._head + orjson.dumps(event.text) + b"}}\n\n"
        if event.origin != ORIGIN:
            return b""
        return _delta_head(self._next, "signature_delta", "signature") + orjson.dumps(event.signature) + b"}}\n\n"

    def _advance(self) -> bytes:
        """Makes room for a part that waits, as soon as the open call's arguments are whole. Calls that arrive one after the
        other (the rule) so never wait; interleaved ones do."""
        if self._live is None or self._arguments is None:
            return b""
        arguments = "".join(self._arguments)
        if arguments.rstrip().endswith("}") and exact.is_object(arguments.encode()):
            return self._close(self._live)
        return b""

    def _close(self, index: int) -> bytes:
        if index != self._live:
            if (waiting := self._waiting.get(index)) is not None:
                waiting.ended = True
            return b""
        out = _event({"type": "content_block_stop", "index": self._next})
        self._next += 1
        self._live = None
        if not self._waiting:
            return out
        following = next(iter(self._waiting))
        held = self._waiting.pop(following)
        out += self._open(following, held.part) + b"".join(map(self._delta, held.events))
        return out + (self._close(following) if held.ended else self._advance() if self._waiting else b"")


def _delta_head(number: int, kind: str, field: str) -> bytes:
    """A `content_block_delta` up to its text."""
    delta = f'{{"type":"content_block_delta","index":{number},"delta":{{"type":"{kind}","{field}":'
    return b"event: content_block_delta\ndata: " + delta.encode()


def _event(body: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (body["type"].encode(), exact.dumps(body))
