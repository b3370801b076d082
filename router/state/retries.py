"""How many of a target's recent requests were repeats: what a brown-out does to a provider must not be tripled by us."""

from __future__ import annotations

from router.snapshot import RetryBudget

WINDOW = 10
"""Seconds that are recent. Finagle's retry budget, which the default share of 20 % is taken from, forgets after as many:
https://finagle.github.io/blog/2016/02/08/retry-budgets"""


class Retries:
    """Counts attempts and the repeats among them by second, in a ring: its size does not grow with the load."""

    __slots__ = ("_asked", "_granted", "_second")

    def __init__(self) -> None:
        self._second = -WINDOW
        self._asked = [0] * WINDOW
        self._granted = [0] * WINDOW

    def asked(self, now: float) -> None:
        """An attempt begins, be it a repeat or not."""
        second = int(now)
        if second != self._second:
            self._turn(second)
        self._asked[second % WINDOW] += 1

    def grant(self, now: float, budget: RetryBudget) -> bool:
        """Whether one more repeat is within the budget; counts it if so."""
        second = int(now)
        if second != self._second:
            self._turn(second)
        granted = sum(self._granted)
        requests = sum(self._asked) - granted
        if granted >= max(budget.min, int(budget.share * requests)):
            return False
        self._granted[second % WINDOW] += 1
        return True

    def _turn(self, second: int) -> None:
        for each in range(max(self._second + 1, second - WINDOW + 1), second + 1):
            self._asked[each % WINDOW] = self._granted[each % WINDOW] = 0
        self._second = second
