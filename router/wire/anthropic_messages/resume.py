"""Messages broken off in plain text: what the client has, and the request that lets another server go on.

https://platform.claude.com/docs/en/build-with-claude/streaming (error recovery),
https://platform.claude.com/docs/en/build-with-claude/prompt-engineering/prefill-claudes-response
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from router.types import Json
from router.wire.base import Frame
from router.wire.body import loads
from router.wire.seam import Place
from router.wire.surrogates import is_cut, whole

LIMITS = ("max_tokens",)
_THINKING = frozenset({"thinking", "redacted_thinking"})


def is_plain(fields: Mapping[str, Any]) -> bool:
    """Whether the answer to a request of these fields is text and not JSON."""
    config = fields.get("output_config")
    if config is not None and not (isinstance(config, dict) and config.get("format") is None):
        return False
    return fields.get("output_format") is None


def place_of(frames: Iterable[Frame]) -> Place | None:
    """Where the client's stream stands; None when it is not in the middle of plain text. Raises what reading JSON of another
    shape raises."""
    heard = _Heard()
    if not all(heard.takes(loads(frame.data)) for frame in frames):
        return None
    text = "".join(heard.texts)
    if not heard.speaking or not text.strip() or is_cut(text):
        return None
    return Place(whole(text), {}, heard.block, heard.open)


class _Heard:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.block = -1
        self.open = False
        self.speaking = False
        """What came last was text."""

    def takes(self, event: Json) -> bool:
        """False for an event after which nobody can go on: a tool's call, a citation, the end."""
        match event["type"]:
            case "content_block_delta":
                delta = event["delta"]
                if delta["type"] != "text_delta":
                    return not self.speaking
                self.texts.append(delta["text"])
                return True
            case "content_block_start":
                self.block, self.open = event["index"], True
                kind = event["content_block"]["type"]
                self.speaking = kind == "text"
                if self.speaking:
                    self.texts.append(event["content_block"].get("text") or "")
                return self.speaking or kind in _THINKING
            case "content_block_stop":
                self.open = False
                return True
            case kind:
                return kind in ("message_start", "ping")


def turn(text: str, before: Json | None) -> Json | None:
    """The assistant turn to be continued; `before` is the client's own last one, if it ended its conversation with one. None when
    that holds more than text."""
    if before is None:
        return {"role": "assistant", "content": text}
    content = before.get("content")
    if isinstance(content, str):
        return {**before, "content": content + text}
    if not isinstance(content, list) or any(block.get("type") != "text" for block in content):
        return None
    return {**before, "content": [*content, {"type": "text", "text": text}]}
