"""Both wire formats, from both ends: what a provider writes, and what a strict client makes of what it gets.

Written without the router's own code: a mistake there must not hide behind the same mistake here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

Json = dict[str, Any]
WORDS = [f"word{n} " for n in range(60)]
TEXT = "".join(WORDS)


@dataclass
class Heard:
    """An answer as a client understands it."""

    text: str = ""
    model: str = ""
    error: Json | None = None
    finished: bool = False
    """It said why it ended: `finish_reason`, `stop_reason`."""
    ended: bool = False
    """The terminal marker was seen: `[DONE]`, `message_stop`. A whole answer has both at once."""
    pings: int = 0
    comments: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return self.finished and self.ended and self.error is None

    @property
    def clean_error(self) -> bool:
        """It says that it failed, and nothing in it looks like an end."""
        return self.error is not None and not self.finished and not self.ended


class Dialect(Protocol):
    name: str
    path: str
    """Where clients post."""
    kind: str
    """The provider type that speaks it."""
    base: str
    """What follows host and port in `base_url`."""
    terminal: bytes

    def ask(self, *, stream: bool, model: str = "fast") -> Json: ...
    def whole(self, text: str, model: str = "m") -> bytes: ...
    def opening(self, model: str = "m") -> bytes: ...
    def word(self, text: str) -> bytes: ...
    def closing(self, model: str = "m") -> bytes: ...
    def error(self, message: str, kind: str = "api_error", code: str | None = None) -> bytes: ...
    def error_frame(self, message: str, kind: str = "api_error") -> bytes: ...
    def hear(self, body: bytes, *, stream: bool) -> Heard: ...


def frames(body: bytes, heard: Heard) -> Iterator[tuple[str, str]]:
    """Event name and data of every event. A stream that does not end between events is none."""
    text = body.decode()
    assert text.endswith("\n\n"), f"the stream ends inside an event: {text[-80:]!r}"
    for block in text[:-2].split("\n\n"):
        name, data = "", []
        for line in block.split("\n"):
            match line.partition(":"):
                case ("", _, comment):
                    heard.comments.append(comment.strip())
                case ("event", _, value):
                    name = value.strip()
                case ("data", _, value):
                    data.append(value.removeprefix(" "))
                case _:
                    raise AssertionError(f"{line!r} is no line of an event stream")
        if data:
            yield name, "\n".join(data)


class Chat:
    name = "chat"
    path = "/v1/chat/completions"
    kind = "openai_compatible"
    base = "/v1"
    terminal = b"data: [DONE]\n\n"

    def ask(self, *, stream: bool, model: str = "fast") -> Json:
        return {"model": model, "messages": [{"role": "user", "content": "Hello"}], "stream": stream}

    def whole(self, text: str, model: str = "m") -> bytes:
        message = {"role": "assistant", "content": text}
        answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model}
        answer["choices"] = [{"index": 0, "message": message, "finish_reason": "stop"}]
        answer["usage"] = {"prompt_tokens": 10, "completion_tokens": 60, "total_tokens": 70}
        return json.dumps(answer).encode()

    def _chunk(self, model: str, delta: Json, finish: str | None = None) -> bytes:
        chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
        chunk["choices"] = [{"index": 0, "delta": delta, "finish_reason": finish}]
        return b"data: " + json.dumps(chunk).encode() + b"\n\n"

    def opening(self, model: str = "m") -> bytes:
        return self._chunk(model, {"role": "assistant", "content": ""})

    def word(self, text: str) -> bytes:
        return self._chunk("m", {"content": text})

    def closing(self, model: str = "m") -> bytes:
        usage = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": []}
        usage["usage"] = {"prompt_tokens": 10, "completion_tokens": 60, "total_tokens": 70}
        return self._chunk(model, {}, "stop") + b"data: " + json.dumps(usage).encode() + b"\n\n" + self.terminal

    def error(self, message: str, kind: str = "api_error", code: str | None = None) -> bytes:
        return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()

    def error_frame(self, message: str, kind: str = "api_error") -> bytes:
        return b"data: " + self.error(message, kind) + b"\n\n"

    def hear(self, body: bytes, *, stream: bool) -> Heard:
        heard = Heard()
        if not stream:
            answer = json.loads(body)
            if heard_error(heard, answer):
                assert set(answer) == {"error"} and set(answer["error"]) == {"message", "type", "param", "code"}, answer
                return heard
            (choice,) = answer["choices"]
            heard.text, heard.model = choice["message"]["content"], answer["model"]
            heard.finished = heard.ended = choice["finish_reason"] == "stop"
            return heard
        for _, data in frames(body, heard):
            assert not heard.ended, "something follows [DONE]"
            if data == "[DONE]":
                heard.ended = True
                continue
            chunk = json.loads(data)
            if heard_error(heard, chunk):
                continue
            heard.model = chunk["model"]
            for choice in chunk["choices"]:
                heard.text += choice["delta"].get("content") or ""
                heard.finished |= choice.get("finish_reason") is not None
        heard.pings = heard.comments.count("ping")
        return heard


class Messages:
    name = "messages"
    path = "/v1/messages"
    kind = "anthropic_compatible"
    base = ""
    terminal = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

    def ask(self, *, stream: bool, model: str = "fast") -> Json:
        return {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}], "stream": stream}

    def _message(self, model: str, content: list[Json], reason: str | None) -> Json:
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": content}
        return message | {"stop_reason": reason, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 60}}

    def whole(self, text: str, model: str = "m") -> bytes:
        return json.dumps(self._message(model, [{"type": "text", "text": text}], "end_turn")).encode()

    def _event(self, kind: str, **fields: Any) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()

    def opening(self, model: str = "m") -> bytes:
        block = self._event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        return self._event("message_start", message=self._message(model, [], None)) + self._event("ping") + block

    def word(self, text: str) -> bytes:
        return self._event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})

    def closing(self, model: str = "m") -> bytes:
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        last = self._event("message_delta", delta=delta, usage={"output_tokens": 60})
        return self._event("content_block_stop", index=0) + last + self.terminal

    def error(self, message: str, kind: str = "api_error", code: str | None = None) -> bytes:
        return json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}).encode()

    def error_frame(self, message: str, kind: str = "api_error") -> bytes:
        return b"event: error\ndata: " + self.error(message, kind) + b"\n\n"

    def hear(self, body: bytes, *, stream: bool) -> Heard:
        heard = Heard()
        if not stream:
            answer = json.loads(body)
            if heard_error(heard, answer):
                assert set(answer) == {"type", "error", "request_id"} and answer["type"] == "error", answer
                assert set(answer["error"]) == {"type", "message"}, answer
                return heard
            heard.text, heard.model = "".join(block["text"] for block in answer["content"]), answer["model"]
            heard.finished = heard.ended = answer["stop_reason"] == "end_turn"
            return heard
        for name, data in frames(body, heard):
            assert not heard.ended, "something follows message_stop"
            event = json.loads(data)
            assert name == event["type"], f"event: {name}, but the type is {event['type']}"
            match name:
                case "error":
                    heard_error(heard, event)
                case "ping":
                    heard.pings += 1
                case "message_start":
                    heard.model = event["message"]["model"]
                case "content_block_delta":
                    heard.text += event["delta"]["text"]
                case "message_delta":
                    heard.finished |= event["delta"]["stop_reason"] is not None
                case "message_stop":
                    heard.ended = True
        return heard


def heard_error(heard: Heard, said: Json) -> bool:
    if "error" not in said:
        return False
    assert heard.error is None, "a second error"
    heard.error = said["error"]
    return True


CHAT, MESSAGES = Chat(), Messages()
DIALECTS: tuple[Dialect, ...] = (CHAT, MESSAGES)
PAIRS = [(client, upstream) for client in DIALECTS for upstream in DIALECTS]
"""Client and upstream: both of one format, and translated in both directions."""


def pair_name(pair: object) -> str:
    match pair:
        case (client, upstream):
            return f"{client.name} from {upstream.name}"
        case _:
            return str(getattr(pair, "name", pair)) if not isinstance(pair, bool) else "RST" if pair else "FIN"
