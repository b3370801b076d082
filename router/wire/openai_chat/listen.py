"""Chat completion answers for a client of the same format: relayed, and listened to.

https://platform.openai.com/docs/api-reference/chat/object, https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

from router.types import Json
from router.wire.base import ErrorView, Fault, Peek, StreamFault, Whole
from router.wire.body import loads_object, name_of
from router.wire.fault import in_band
from router.wire.openai_chat.error import error_event
from router.wire.openai_chat.usage import parse_usage
from router.wire.passthrough import Relay
from router.wire.scan import members, removed, spells_letters, splice
from router.wire.sse import parse

_DONE = b"[DONE]"
_USAGE = b'"usage"'
_NULL_USAGE = b',"usage":null'


def read_whole(raw: bytes) -> Whole:
    """Raises `StreamFault` for an error in a 200 body, ValueError for what is no chat completion."""
    answer = loads_object(raw)
    if _is_error(answer):
        raise in_band(answer)
    try:
        silent = True
        for choice in answer["choices"]:
            _refuse_broken(choice)
            silent = silent and not _says_something(choice)
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError(f"the answer is no chat completion: {exc!r}") from exc
    usage = parse_usage(answer.get("usage"))
    return Whole(raw, name_of(answer), usage, silent and not (usage and usage.output))


def relay(peek: Peek) -> Relay:
    """The stream for this request; see `WireFormat.relay`."""
    return _ChatRelay(shows_usage=peek.wants_usage)


class _ChatRelay(Relay):
    """`[DONE]` is the terminal event. An upstream that sends it without a finish reason has still said that this is all; one
    that sends nothing but `[DONE]` leaves `complete` without `began`."""

    def __init__(self, *, shows_usage: bool) -> None:
        super().__init__(b"data: [DONE]\n\n")
        self._shows_usage = shows_usage
        self._last_choice = 0
        self._ended: set[int] = set()
        """Choices with a finish reason: where `n` is greater than one, the stream is whole when all have theirs."""

    def _hear(self, name: bytes, event: Json, body: bytes) -> bytes | None:
        choices = event.get("choices")
        if event.get("error") or not choices:
            self._hear_aside(name, event)
        else:
            for choice in choices:
                if (choice.get("index") or 0) > self._last_choice:
                    self._more_choices(choice["index"])
                if choice.get("finish_reason"):
                    self._hear_finish(choice)
                elif not self.began:
                    self.began = _speaks(choice.get("delta") or choice)
        if not self.model:
            self.model = name_of(event)
        if "usage" not in event:
            return None
        usage = event["usage"]
        if usage:
            self.usage = parse_usage(usage) or self.usage
        if self._shows_usage:
            return None
        return b"" if usage and not choices else _without_usage(body)

    def _hear_aside(self, name: bytes, event: Json) -> None:
        """No delta: an error, usage, or what Azure says first."""
        if _is_error(event) or name == b"error":
            raise in_band(event)

    def _more_choices(self, index: int) -> None:
        self._last_choice = index
        self._finished = False

    def _hear_finish(self, choice: Json) -> None:
        _refuse_broken(choice)
        self.began = True
        self._ended.add(choice.get("index") or 0)
        self._finished = len(self._ended) > self._last_choice
        if choice.get("usage"):  # Moonshot's place for it.
            self.usage = parse_usage(choice["usage"]) or self.usage

    def _unreadable(self, data: bytes) -> bytes:
        if data.strip() == _DONE:
            self.complete = True
            return b""
        return super()._unreadable(data)

    def _error_event(self, error: ErrorView) -> bytes:
        return error_event(error)


def _is_error(answer: Json) -> bool:
    """`{"error": …}`, or vLLM's older `{"object": "error", "message": …}`."""
    return bool(answer.get("error")) or answer.get("object") == "error"


def _refuse_broken(choice: Json) -> None:
    """OpenRouter says that a provider failed inside a choice."""
    error = choice.get("error")
    if error:
        raise in_band({"error": error})
    if choice.get("finish_reason") == "error":
        raise StreamFault(Fault("the provider ended its answer with an error", None, None), 502)


def _speaks(delta: Json) -> bool:
    """Something but a role: text, a tool call, reasoning, a refusal, whatever a vendor calls it."""
    return any(value for name, value in delta.items() if name not in ("role", "index"))


def _says_something(choice: Json) -> bool:
    message = choice.get("message") or {}
    return bool(message.get("content")) or _speaks(message) or choice.get("finish_reason") == "content_filter"


def _without_usage(body: bytes) -> bytes:
    """The event without its top-level `usage`, every other byte kept."""
    # Most vendors say `null` until the end. Behind a comma a quote that is not escaped opens a key, never a text; and the one
    # key of that name is the one that was found at the top.
    at = body.rfind(_USAGE)
    if body.find(_USAGE) == at and body.startswith(_NULL_USAGE, at - 1) and not spells_letters(body):
        return body[: at - 1] + body[at - 1 + len(_NULL_USAGE) :]
    name, data = parse(body)
    data = splice(data, removed(members(data), "usage")).replace(b"\n", b"\ndata: ")
    return (b"event: " + name + b"\n" if name else b"") + b"data: " + data
