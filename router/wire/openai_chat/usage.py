"""Tokens as OpenAI chat counts them: cached ones are part of `prompt_tokens`.

https://platform.openai.com/docs/api-reference/chat/object
"""

from __future__ import annotations

from typing import Any

from router.types import Usage
from router.wire.body import count


def parse_usage(raw: Any) -> Usage | None:
    """The usage of a whole answer or of a stream's chunk; None when `raw` is no object that counts anything.

    `reasoning` ends as a part of `output` also where a vendor counts it beside: xAI's `total_tokens` shows it
    (https://docs.x.ai/docs/key-information/consumption-and-rate-limits).
    """
    if not isinstance(raw, dict) or not raw:
        return None
    given, made = _details(raw, "prompt_tokens_details"), _details(raw, "completion_tokens_details")
    prompt, output, reasoning = count(raw, "prompt_tokens"), count(raw, "completion_tokens"), count(made, "reasoning_tokens")
    # DeepSeek and Moonshot have names of their own: https://api-docs.deepseek.com/api/create-chat-completion
    cached = count(given, "cached_tokens") or count(raw, "prompt_cache_hit_tokens") or count(raw, "cached_tokens")
    written = count(given, "cache_write_tokens")
    if cached + written > prompt:  # A part cannot be more than the whole; the whole is what is billed.
        cached = min(cached, prompt)
        written = prompt - cached
    if reasoning and count(raw, "total_tokens") == prompt + output + reasoning:
        output += reasoning
    fresh = prompt - cached - written
    heard, spoken = count(given, "audio_tokens"), count(made, "audio_tokens")
    if heard > fresh or spoken > output or reasoning > output:
        heard, spoken, reasoning = min(heard, fresh), min(spoken, output), min(reasoning, output)
    return Usage(fresh, cached, written, 0, output, reasoning, heard, spoken)


def _details(raw: dict[str, Any], name: str) -> dict[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}
