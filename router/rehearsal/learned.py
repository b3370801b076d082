"""`world.health`: what was learned of a target before a test begins, learned the way it is learned in earnest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from router.config.model.tests import Learned
from router.rehearsal.scene import covers
from router.snapshot import Target
from router.state.health import HealthBook

PARKED = 60.0
"""Seconds: what a provider asks for that counts by the minute."""


def teach(book: HealthBook, learned: Mapping[str, Learned], targets: Iterable[Target]) -> None:
    """Names are PROVIDER or PROVIDER/MODEL; what is said of a target counts before what is said of its provider. Targets without
    a breaker cannot learn that it is open."""
    if not learned:
        return
    names = sorted(learned, key=lambda name: "/" not in name)
    for target in {target.health: target for target in targets}.values():
        name = next((name for name in names if name == target.provider or covers(name, target.id)), None)
        if name is None:
            continue
        if learned[name] == "open":
            _open(book, target)
        else:
            book.attempt(target).failed("rate", max(PARKED, target.retry_after_max + 1))


def _open(book: HealthBook, target: Target) -> None:
    """As many failures as it takes."""
    if target.breaker is not None:
        for _ in range(max(target.breaker.failures, target.breaker.min_requests, 2)):
            book.attempt(target).failed("server", None)
