"""Durations, sizes, shares, counts and rates as the file writes them. Standard library only, no clock.

Every function takes text and raises ValueError when it is not of its form. Units are case sensitive: `m` is minutes, `M` a
million.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

# Forms, for regular expressions of Python and of JSON Schema alike. Nine digits are 31 years in seconds: more is a slip, and
# some event loops count timers in 64-bit nanoseconds.
DURATION = r"[0-9]{1,9}(?:\.[0-9]{1,6})?(?:ms|s|m|h|d)"
SIZE = r"[0-9]{1,12}(?:B|KiB|MiB|GiB)"
SHARE = r"(?:100|[0-9]{1,2}(?:\.[0-9]{1,6})?)%"
COUNT = r"(?:[0-9]{1,15}|[0-9]{1,12}(?:\.[0-9]{1,3})?k|[0-9]{1,9}(?:\.[0-9]{1,6})?M)"
RATE = rf"(?=[0-9.]*[1-9]){COUNT}/(?=[0-9]*[1-9])[0-9]{{1,6}}(?:s|m|h|d)"

_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_MANY = {"k": 1_000, "M": 1_000_000}
_UNIT = re.compile(r"[A-Za-z%]*\Z")


class Rate(NamedTuple):
    """`amount` in every `window` seconds."""

    amount: int
    window: float


def parse_duration(text: str) -> float:
    """Seconds: `250ms`, `30s`, `1.5m`, `24h`, `7d`."""
    number, unit = _split(text, DURATION, "a duration such as 250ms, 30s, 5m, 24h or 7d")
    return float(number * _SECONDS[unit])


def parse_size(text: str) -> int:
    """Bytes: `512B`, `64KiB`, `64MiB`, `1GiB`."""
    number, unit = _split(text, SIZE, "a size such as 64KiB, 64MiB or 1GiB")
    return int(number) * _BYTES[unit]


def parse_share(text: str) -> float:
    """0..1: `5%`, `0.5%`, `100%`."""
    number, _ = _split(text, SHARE, "a share between 0% and 100%")
    return float(number / 100)


def parse_count(text: str) -> int:
    """`60`, `60k`, `1.5M`. Its form has no more decimals than make a whole number."""
    number, unit = _split(text, COUNT, "a count such as 500, 60k or 1M")
    return int(number * _MANY.get(unit, 1))


def parse_rate(text: str) -> Rate:
    """`60/1m`, `100k/1m`, `5000/1d`."""
    if re.fullmatch(RATE, text) is None:
        raise ValueError("expected COUNT/WINDOW such as 60/1m or 100k/1d")
    count, _, window = text.partition("/")
    return Rate(parse_count(count), parse_duration(window))


def _split(text: str, form: str, expected: str) -> tuple[Decimal, str]:
    if re.fullmatch(form, text) is None:
        raise ValueError(f"expected {expected}")  # The text itself may be a secret that went astray.
    unit = _UNIT.search(text)
    assert unit is not None
    return Decimal(text[: unit.start()]), unit[0]
