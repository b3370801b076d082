"""Messages answers for a client of the same format: relayed, and listened to.

https://platform.claude.com/docs/en/api/messages, https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

from router.types import Json
from router.wire.anthropic_messages.error import error_event
from router.wire.anthropic_messages.usage import merge_usage, parse_usage
from router.wire.base import ErrorView, Peek, Whole
from router.wire.body import loads_object, name_of
from router.wire.fault import in_band
from router.wire.passthrough import Relay

_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def read_whole(raw: bytes) -> Whole:
    """Raises `StreamFault` for an error in a 200 body, ValueError for what is no message."""
    answer = loads_object(raw)
    if answer.get("error") or answer.get("type") == "error":
        raise in_band(answer)
    try:
        silent = answer.get("stop_reason") != "refusal" and not any(_speaks(block) for block in answer["content"])
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError(f"the answer is no message: {exc!r}") from exc
    usage = parse_usage(answer.get("usage"))
    return Whole(raw, name_of(answer), usage, silent and not (usage and usage.output))


def relay(peek: Peek) -> Relay:
    """The stream for this request; see `WireFormat.relay`."""
    return _MessageRelay()


class _MessageRelay(Relay):
    """`message_stop` is the terminal event; a stop reason says before it that the message is whole."""

    def __init__(self) -> None:
        super().__init__(_STOP)
        self._said: Json = {}

    def _hear(self, name: bytes, event: Json, body: bytes) -> bytes | None:
        match event.get("type"):
            case "content_block_delta":
                if not self.began:
                    self.began = _speaks(event["delta"])
            case "content_block_start":
                if not self.began:
                    self.began = _speaks(event["content_block"])
            case "message_start":
                self.model = name_of(event["message"])
                self._use(event["message"].get("usage"))
            case "message_delta":
                self._use(event.get("usage"))
                if event["delta"].get("stop_reason"):
                    self.began = self._finished = True
            case "message_stop":
                self.complete = True
                return b""
            case kind:
                if kind == "error" or name == b"error" or event.get("error"):
                    raise in_band(event)
        return None

    def _use(self, usage: object) -> None:
        merge_usage(self._said, usage)
        self.usage = parse_usage(self._said)

    def _error_event(self, error: ErrorView) -> bytes:
        return error_event(error)


def _speaks(part: Json) -> bool:
    """A block or a delta with something in it: an empty text block does not count, a tool's name does."""
    return any(value for name, value in part.items() if name != "type")
