"""In what order a model's targets are tried. To add a strategy: write a module with `order`, and list it here."""

from __future__ import annotations

from router.strategies import ordered, round_robin, weighted
from router.strategies.base import Candidate, Draw, Order

__all__ = ["STRATEGIES", "Candidate", "Draw", "Order"]

STRATEGIES: dict[str, Order] = {
    "ordered": ordered.order,
    "weighted": weighted.order,
    "round_robin": round_robin.order,
}
