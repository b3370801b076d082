"""Chat completions broken off in plain text: what the client has, and the request that lets another server go on.

https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from router.types import Json
from router.wire.base import Frame
from router.wire.body import loads
from router.wire.seam import Place
from router.wire.surrogates import is_cut, whole

LIMITS = ("max_tokens", "max_completion_tokens")
_HEAD = ("id", "object", "created", "model")
_REASONING = frozenset({"reasoning", "reasoning_content", "reasoning_details"})


def is_plain(fields: Mapping[str, Any]) -> bool:
    """Whether the answer to a request of these fields is one text: neither JSON nor sound, not several, no list of
    probabilities beside it."""
    output, modalities = fields.get("response_format"), fields.get("modalities")
    if output is not None and not (isinstance(output, dict) and output.get("type") == "text"):
        return False
    if modalities is not None and modalities != ["text"]:
        return False
    return fields.get("n") in (None, 1) and not fields.get("logprobs") and not fields.get("audio")


def place_of(frames: Iterable[Frame]) -> Place | None:
    """Where the client's stream stands; None when it is not in the middle of plain text. Raises what reading JSON of another
    shape raises."""
    head: Json = {"object": "chat.completion.chunk"}
    texts: list[str] = []
    speaking = False
    for frame in frames:
        chunk = loads(frame.data)
        head.update((name, chunk[name]) for name in _HEAD if chunk.get(name))
        for choice in chunk.get("choices") or ():
            if choice.get("index") or choice.get("finish_reason") or choice.get("logprobs"):
                return None
            for name, value in (choice.get("delta") or {}).items():
                if not value or name == "role":
                    continue
                if name == "content" and isinstance(value, str):
                    texts.append(value)
                    speaking = True
                elif name in _REASONING:
                    speaking = False
                else:
                    return None
    text = "".join(texts)
    if not speaking or not text.strip() or is_cut(text):
        return None
    return Place(whole(text), head, block=0, open=True)


def turn(text: str, before: Json | None) -> Json | None:
    """The assistant turn to be continued; `before` is the client's own last one, if it ended its conversation with one. None when
    that holds more than text."""
    if before is None:
        return {"role": "assistant", "content": text}
    content = before.get("content")
    if before.get("tool_calls") or before.get("refusal"):
        return None
    if isinstance(content, str):
        return {**before, "content": content + text}
    return {**before, "content": [*content, {"type": "text", "text": text}]} if isinstance(content, list) else None
