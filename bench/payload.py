"""What is sent and answered in every measurement: one request of 1 KB, one answer of 0.9 KB, chunks of 0.2 KB.

Fixed bytes, so that the two ends of the measurement cost next to nothing and every candidate carries the same load.
"""

from __future__ import annotations

import json

KEY = "bench-key-for-loopback-only"
"""The client key of router.yaml beside this file; on loopback, for the time of a measurement."""
CHUNKS = 200
"""Of a stream at full speed."""
PACED_CHUNKS = 64
PACE = 0.02
"""Seconds between the chunks of a paced stream."""
MARK = b"@@"
"""Stands once in every chunk and nowhere else, whatever a gateway does to the JSON around it."""
PACED = "PACED"
"""In a prompt: asks for a paced stream."""

_PROMPT = ("Please summarise the following report for somebody who has never seen it, in three sentences. " * 10)[:880]
_TEXT = ("The quick brown fox jumps over the lazy dog. " * 8).strip()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def chat(*, stream: bool = False, paced: bool = False) -> bytes:
    """A request of /v1/chat/completions."""
    prompt = f"{PACED} {_PROMPT}" if paced else _PROMPT
    body = {"model": "bench", "messages": [{"role": "user", "content": prompt}], "temperature": 0.2, "max_tokens": 256}
    return _json(body | ({"stream": True} if stream else {}))


def messages() -> bytes:
    """The same for /v1/messages."""
    return _json({"model": "bench", "max_tokens": 256, "messages": [{"role": "user", "content": _PROMPT}], "temperature": 0.2})


_MODEL = "gpt-4o-mini-2024-07-18"
ANSWER = _json(
    {
        "id": "chatcmpl-abc123",
        "object": "chat.completion",
        "created": 1764000000,
        "model": _MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": _TEXT, "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 120,
            "completion_tokens": 34,
            "total_tokens": 154,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_abc",
    }
)


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    head = {"id": "chatcmpl-abc123", "object": "chat.completion.chunk", "created": 1764000000, "model": _MODEL}
    return b"data: " + _json(head | {"choices": [choice]}) + b"\n\n"


_USAGE = {"prompt_tokens": 120, "completion_tokens": CHUNKS, "total_tokens": 120 + CHUNKS}
FIRST = _event({"role": "assistant", "content": "@@ The"})
NEXT = _event({"content": "@@ fox"})
LAST = (
    _event({}, "stop")
    + b"data: "
    + _json({"id": "chatcmpl-abc123", "object": "chat.completion.chunk", "created": 1764000000, "model": _MODEL, "choices": [],
             "usage": _USAGE})
    + b"\n\ndata: [DONE]\n\n"
)  # fmt: skip
