"""Each request starts one target further than the one before it."""

from __future__ import annotations

from collections.abc import Sequence

from router.strategies.base import C, Draw


def order(candidates: Sequence[C], draw: Draw) -> Sequence[C]:
    start = draw.turn % len(candidates) if candidates else 0
    return [*candidates[start:], *candidates[:start]]
