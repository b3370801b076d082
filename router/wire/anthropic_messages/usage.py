"""Tokens as Anthropic counts them: `input_tokens` stand beside cached ones, and a stream says them in two events.

https://platform.claude.com/docs/en/api/messages, https://platform.claude.com/docs/en/build-with-claude/prompt-caching
"""

from __future__ import annotations

from typing import Any

from router.types import Json, Usage
from router.wire.body import count


def parse_usage(raw: Any) -> Usage | None:
    """The usage of a whole answer, or of a stream once merged; None when `raw` is no object that counts anything."""
    if not isinstance(raw, dict) or not raw:
        return None
    created = raw.get("cache_creation")
    created = created if isinstance(created, dict) else {}
    hour = count(created, "ephemeral_1h_input_tokens")
    # The sum without its parts (older versions, other vendors) is the five-minute kind, the default.
    short = max(count(created, "ephemeral_5m_input_tokens"), count(raw, "cache_creation_input_tokens") - hour)
    details = raw.get("output_tokens_details")
    output = count(raw, "output_tokens")
    return Usage(
        input_uncached=count(raw, "input_tokens"),
        cache_read=count(raw, "cache_read_input_tokens"),
        cache_write_5m=short,
        cache_write_1h=hour,
        output=output,
        reasoning=min(count(details, "thinking_tokens") if isinstance(details, dict) else 0, output),
    )


def merge_usage(said: Json, more: Any) -> None:
    """Adds what a later event says to `said`. Counts in a stream are cumulative, so the greater one is the later one: some
    vendors repeat `input_tokens: 0` at the end."""
    if not isinstance(more, dict):
        return
    for name, value in more.items():
        if isinstance(value, dict):
            inner = said.get(name)
            said[name] = inner = inner if isinstance(inner, dict) else {}
            merge_usage(inner, value)
        elif isinstance(value, int | float):
            said[name] = max(value, count(said, name))
