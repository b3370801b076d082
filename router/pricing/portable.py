"""A price as JSON, in US dollars: what `/v1/models/{name}` says of each target, and the library reads back exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.pricing.price import KINDS, Price, Rates, build_price, format_usd


def to_json(price: Price) -> dict[str, Any]:
    """Amounts are text, in dollars per million tokens (`request`: per call): a JSON number would be rounded by its reader."""
    written: dict[str, Any] = {**_rates(price.rates), "request": format_usd(price.request), "source": price.source}
    if price.date is not None:
        written["date"] = price.date
    if price.above:
        written["above"] = {str(threshold): _rates(rates) for threshold, rates in price.above}
    return written


def from_json(written: Mapping[str, Any]) -> Price:
    """The price `to_json` was given. Raises ValueError or KeyError when it is not one."""
    above = {int(threshold): rates for threshold, rates in written.get("above", {}).items()}
    rates = {kind: written[kind] for kind in KINDS if kind in written}
    return build_price(rates, request=written["request"], above=above, source=written["source"], date=written.get("date"))


def _rates(rates: Rates) -> dict[str, str]:
    return {kind: format_usd(rate) for kind in KINDS if (rate := getattr(rates, kind)) is not None}
