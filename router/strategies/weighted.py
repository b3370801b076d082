"""A weighted shuffle without replacement: each place is drawn in proportion to the weights still undrawn.

Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006): the largest of u**(1/w) wins.
"""

from __future__ import annotations

from collections.abc import Sequence

from router.strategies.base import C, Draw


def order(candidates: Sequence[C], draw: Draw) -> Sequence[C]:
    # A weight of 0 comes last: it takes traffic only when nothing else is left.
    return sorted(candidates, key=lambda c: draw.random() ** (1 / c.weight) if c.weight else -1.0, reverse=True)
