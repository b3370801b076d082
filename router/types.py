"""The canonical chat vocabulary: what every wire format is parsed into and rendered from.

These are values, not services: frozen, comparable, and free of any provider's spelling.
A field belongs here only when at least two wire formats can express it; the rest rides in `extra`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer. The four input kinds are disjoint; `reasoning` and `audio_output` are parts of `output`,
    `audio_input` is a part of `input_uncached`."""

    input_uncached: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0

    @property
    def input(self) -> int:
        """All input tokens, cached or not."""
        return self.input_uncached + self.cache_read + self.cache_write_5m + self.cache_write_1h
