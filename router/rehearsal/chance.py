"""Chance that repeats itself: the same seed gives the same numbers, on every machine and every version of Python.

SplitMix64: https://prng.di.unimi.it/splitmix64.c
"""

from __future__ import annotations

import hashlib

_ALL = 2**64 - 1


class Chance:
    """Call it for a number in [0, 1)."""

    __slots__ = ("_state",)

    def __init__(self, seed: str) -> None:
        self._state = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8])

    def __call__(self) -> float:
        self._state = mixed = (self._state + 0x9E3779B97F4A7C15) & _ALL
        mixed = ((mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9) & _ALL
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & _ALL
        return float((mixed ^ mixed >> 31) >> 11) / 2**53
