"""A price and what a usage costs under it. Money is integers: nano-dollars, and nano-dollars per million tokens.

No float takes part in any sum. A figure of the file is read by its shortest decimal text (`0.0375` is 37 500 000), so what
the author wrote is what is charged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from router.types import Usage

NANO = 1_000_000_000
_MILLION = 1_000_000
_HALF = _MILLION // 2

Usd = int | float | str | Decimal
"""US dollars as the file says them: a number or its text. A float means its shortest decimal text."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Nano-dollars per million tokens. None: that kind is charged as the kind it is a part of."""

    input: int
    output: int
    cache_read: int | None = None
    """Part of `input`."""
    cache_write: int | None = None
    """Kept for 5 minutes, or for as long as the vendor likes. Part of `input`."""
    cache_write_1h: int | None = None
    """Part of `cache_write`."""
    reasoning: int | None = None
    """Part of `output`."""
    audio_input: int | None = None
    """Part of `input`."""
    audio_output: int | None = None
    """Part of `output`."""


KINDS: tuple[str, ...] = tuple(field.name for field in fields(Rates))
"""The kinds of tokens that can have a price, as the file names them."""


@dataclass(frozen=True, slots=True)
class Price:
    """`above` holds (threshold, rates), rising: beyond that many input tokens the whole request is charged by those rates."""

    rates: Rates
    request: int = 0
    """Nano-dollars per call."""
    above: tuple[tuple[int, Rates], ...] = ()
    source: str = "file"
    """Where it comes from: `file`, or the name and version of the built-in table."""
    date: str | None = None
    """ISO date since which it is in force, where the source says."""


FREE = Price(Rates(0, 0))
"""`price: free`: known, and nothing."""


def cost(usage: Usage, price: Price) -> int:
    """Nano-dollars that `usage` costs, rounded once, half up.

    Never negative: a part that a vendor counts beyond its whole is charged as itself, and the rest of the whole is nothing.
    """
    rates = _rates_for(usage.input, price)
    plain = rates.input
    written = plain if rates.cache_write is None else rates.cache_write
    spoken = rates.output
    total = (
        max(usage.input_uncached - usage.audio_input, 0) * plain
        + usage.audio_input * (plain if rates.audio_input is None else rates.audio_input)
        + usage.cache_read * (plain if rates.cache_read is None else rates.cache_read)
        + usage.cache_write_5m * written
        + usage.cache_write_1h * (written if rates.cache_write_1h is None else rates.cache_write_1h)
        + max(usage.output - usage.reasoning - usage.audio_output, 0) * spoken
        + usage.reasoning * (spoken if rates.reasoning is None else rates.reasoning)
        + usage.audio_output * (spoken if rates.audio_output is None else rates.audio_output)
    )
    return (total + _HALF) // _MILLION + price.request


def _rates_for(tokens: int, price: Price) -> Rates:
    rates = price.rates
    for threshold, beyond in price.above:
        if tokens <= threshold:
            break
        rates = beyond
    return rates


def build_price(
    rates: Mapping[str, Usd],
    *,
    request: Usd = 0,
    above: Mapping[int, Mapping[str, Usd]] | None = None,
    source: str = "file",
    date: str | None = None,
) -> Price:
    """A price from what the file says: US dollars per million tokens by kind (`KINDS`), `request` US dollars per call.

    `input` and `output` that are not named are 0: whether that is meant is for the configuration's checks to ask. A tier of
    `above` says what changes beyond its threshold; kinds it does not name keep the rate of the tier below.
    Raises `ValueError` for an unknown kind, a negative threshold, and as `parse_usd`.
    """
    unknown = {kind for names in (rates, *(above or {}).values()) for kind in names} - set(KINDS)
    if unknown:
        raise ValueError(f"{min(unknown)!r} is not one of {', '.join(KINDS)}")
    base = replace(Rates(0, 0), **_parsed(rates))
    tiers: list[tuple[int, Rates]] = []
    below = base
    for threshold, changes in sorted((above or {}).items()):
        if threshold < 0:
            raise ValueError(f"{threshold!r} is not a number of tokens")
        below = replace(below, **_parsed(changes))
        tiers.append((threshold, below))
    return Price(base, parse_usd(request), tuple(tiers), source, date)


def _parsed(rates: Mapping[str, Usd]) -> dict[str, int]:
    return {kind: parse_usd(usd) for kind, usd in rates.items()}


def parse_usd(usd: Usd) -> int:
    """US dollars to nano-dollars, exactly: `0.0375` is 37 500 000.

    Raises `ValueError` when it is no number, negative, not finite, or finer than a nano-dollar (it could not be charged exactly).
    """
    amount = _decimal(usd)
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{usd!r} is not an amount of money")
    nano = Fraction(amount) * NANO  # Not Decimal: its context rounds in silence.
    if nano.denominator != 1:
        raise ValueError(f"{usd!r} is finer than a billionth of a dollar")
    return nano.numerator


def discounted(price: Price, share: Usd) -> Price:
    """The price less `share` of it (0.12 is 12 %). Each rate, and the price per call, is rounded once, half up.

    Raises `ValueError` for a share outside 0..1.
    """
    left = 1 - Fraction(_decimal(share))
    if not 0 <= left <= 1:
        raise ValueError(f"{share!r} is not a share between 0 and 1")

    def less(rates: Rates) -> Rates:
        lowered = {kind: _less(rate, left) for kind in KINDS if (rate := getattr(rates, kind)) is not None}
        return replace(rates, **lowered)

    above = tuple((threshold, less(rates)) for threshold, rates in price.above)
    return replace(price, rates=less(price.rates), request=_less(price.request, left), above=above)


def _less(amount: int, left: Fraction) -> int:
    """`amount * left`, rounded half up."""
    return (2 * amount * left.numerator + left.denominator) // (2 * left.denominator)


def format_usd(nano: int) -> str:
    """Nano-dollars as US dollars: exact, no exponent, no trailing zeros: `0.000012`."""
    sign = "-" if nano < 0 else ""
    whole, part = divmod(abs(nano), NANO)
    return f"{sign}{whole}.{part:09d}".rstrip("0").rstrip(".")


def _decimal(number: Usd) -> Decimal:
    try:
        # repr of a float is the shortest text that reads back as the same: what was written, for a figure of up to 15 digits.
        return Decimal(repr(number) if isinstance(number, float) else number)
    except InvalidOperation as error:
        raise ValueError(f"{number!r} is not a number") from error
