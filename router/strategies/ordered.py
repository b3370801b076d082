"""First things first: as the file lists them."""

from __future__ import annotations

from collections.abc import Sequence

from router.strategies.base import C, Draw


def order(candidates: Sequence[C], draw: Draw) -> Sequence[C]:
    return candidates
