"""A price and what a usage costs under it. Money is integers: nano-dollars, and nano-dollars per million tokens."""

from __future__ import annotations

from dataclasses import dataclass

from router.types import Usage

NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Nano-dollars per million tokens. None: that kind is charged as the kind it is a part of."""

    input: int
    output: int
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """`above` holds (threshold, rates), rising: beyond that many input tokens the whole request is charged by those rates."""

    rates: Rates
    request: int = 0
    """Nano-dollars per call."""
    above: tuple[tuple[int, Rates], ...] = ()
    source: str = "file"
    """Where it comes from: `file`, or the name of the built-in table."""
    date: str | None = None
    """ISO date of the price's last check, where the source says."""


def cost(usage: Usage, price: Price) -> int:
    """Nano-dollars that `usage` costs, rounded once, half up."""
    raise NotImplementedError
