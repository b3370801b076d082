"""What tokens cost: usage and a price in, integer nano-dollars out."""

from __future__ import annotations

from router.pricing.price import FREE, KINDS, NANO, Price, Rates, Usd, build_price, cost, discounted, format_usd, parse_usd
from router.pricing.table import Found, lookup

__all__ = [
    "FREE",
    "KINDS",
    "NANO",
    "Found",
    "Price",
    "Rates",
    "Usd",
    "build_price",
    "cost",
    "discounted",
    "format_usd",
    "lookup",
    "parse_usd",
]
