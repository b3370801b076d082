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
    cached = min(cached, prompt)
    written = min(count(given, "cache_write_tokens"), prompt - cached)
    fresh = prompt - cached - written
    if reasoning and count(raw, "total_tokens") == prompt + output + reasoning:
        output += reasoning
    return Usage(
        input_uncached=fresh,
        cache_read=cached,
        cache_write_5m=written,
        output=output,
        reasoning=min(reasoning, output),
        audio_input=min(count(given, "audio_tokens"), fresh),
        audio_output=min(count(made, "audio_tokens"), output),
    )


def _details(raw: dict[str, Any], name: str) -> dict[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}
