"""What a configuration must also be, beyond its shape. To add a check: one function with its code and its long explanation, in
a module of its own or beside its kin, listed in that module's CHECKS."""

from __future__ import annotations

from router.config.checks import failures, fallbacks, keys, literals, names, providers, server, tests, weights
from router.config.checks.base import Check

__all__ = ["CHECKS", "Check"]

CHECKS: tuple[Check, ...] = (
    *providers.CHECKS,
    *fallbacks.CHECKS,
    *names.CHECKS,
    *weights.CHECKS,
    *failures.CHECKS,
    *keys.CHECKS,
    *literals.CHECKS,
    *server.CHECKS,
    *tests.CHECKS,
)
"""Levels are what orders them; within a level findings are sorted by their place."""
