"""What tokens cost: usage and a price in, integer nano-dollars out."""

from __future__ import annotations

from router.pricing.price import Price, Rates, cost

__all__ = ["Price", "Rates", "cost"]
