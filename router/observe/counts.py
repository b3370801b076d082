"""What is counted: plain integers and lists, touched once per exchange. No library here; `observe.metrics` renders them."""

from __future__ import annotations

from bisect import bisect_left

from router.engine.exchange import Attempt, Exchange
from router.snapshot import Snapshot, TargetId

REQUEST_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
FIRST_TOKEN_BOUNDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0)
OVERHEAD_BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

OTHER = "other"
"""The label of a model the file does not know."""
KINDS = ("input", "cache_read", "cache_write", "output", "reasoning")

_MAX_PATTERNED = 10_000  # Names made by patterns whose label is remembered; beyond, they are looked up again.


class Histogram:
    """Counts per bucket (not cumulated), and the sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class TargetCounts:
    """Everything counted under one target."""

    __slots__ = ("attempts", "cost", "first_token", "malformed", "tokens")

    def __init__(self) -> None:
        self.attempts: dict[str, int] = {}
        self.cost: dict[str, int] = {}
        """Nano-dollars by client key."""
        self.first_token = Histogram(FIRST_TOKEN_BOUNDS)
        self.malformed = 0
        self.tokens = [0] * len(KINDS)


class Counts:
    """Belongs to the process: a reload changes the labels that are allowed, never a count.

    Labels come from the file alone. A model that nobody defined is `other`. A target that a pattern made counts under the
    pattern's own target (`openai/gpt-*`), or under `PROVIDER/other`: clients must not be able to make time series.
    """

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, str], int] = {}
        """By model, api, outcome."""
        self.durations: dict[str, Histogram] = {}
        """By model."""
        self.overhead = Histogram(OVERHEAD_BOUNDS)
        self.targets: dict[str, TargetCounts] = {}
        self.models: set[str] = set()
        """Every model and pattern there was."""
        self._slots: dict[str, TargetCounts] = {}
        """By target id: `targets` under every name that a request may say, so that a request asks once."""
        self._patterned: list[str] = []

    def apply(self, snapshot: Snapshot) -> None:
        """Makes the labels of a snapshot known. Counts start at 0 there, so that the first increase is seen as one."""
        models = [*snapshot.models.values(), *(pattern.make("*") for pattern in snapshot.patterns)]  # `*` gives their own names.
        self.models.update(model.name for model in models)
        offers = (each for model in models for each in (model, *model.fallback, *model.alternatives.values()))
        ids = dict.fromkeys(target.id for each in offers for target in each.targets)
        self._patterned = [id_ for id_ in ids if "*" in id_]
        self._slots.clear()
        for id_ in ids:
            self._slots[id_] = self.targets.setdefault(id_, TargetCounts())

    def settled(self, exchange: Exchange) -> None:
        """Once per exchange, at its end."""
        model = exchange.model or OTHER
        series = (model, exchange.client.name, exchange.outcome)
        self.requests[series] = self.requests.get(series, 0) + 1
        duration = exchange.ended - exchange.started
        if (durations := self.durations.get(model)) is None:
            durations = self.durations[model] = Histogram(REQUEST_BOUNDS)
        durations.observe(duration)
        for attempt in exchange.attempts:
            self._attempted(attempt)
        if exchange.attempts:  # A request that was refused at the edge says nothing about the cost of passing one on.
            self.overhead.observe(max(duration - exchange.upstream_seconds, 0.0))
        if exchange.target is not None:
            self._answered(exchange, self._slot(exchange.target))

    def _attempted(self, attempt: Attempt) -> None:
        attempts = self._slot(attempt.target).attempts
        attempts[attempt.outcome] = attempts.get(attempt.outcome, 0) + 1

    def _answered(self, exchange: Exchange, slot: TargetCounts) -> None:
        if exchange.first_token is not None:
            slot.first_token.observe(exchange.first_token)
        slot.malformed += exchange.malformed
        if (usage := exchange.usage) is not None:
            tokens = slot.tokens
            tokens[0] += usage.input
            tokens[1] += usage.cache_read
            tokens[2] += usage.cache_write_5m + usage.cache_write_1h
            tokens[3] += usage.output
            tokens[4] += usage.reasoning
        if exchange.cost is not None:
            key = exchange.key.name if exchange.key is not None else ""
            slot.cost[key] = slot.cost.get(key, 0) + exchange.cost

    def _slot(self, target: TargetId) -> TargetCounts:
        if (slot := self._slots.get(target)) is not None:
            return slot
        if len(self._slots) >= _MAX_PATTERNED:
            self._slots = {id_: slot for id_, slot in self.targets.items() if id_ in self._slots}
        slot = self._slots[target] = self.targets.setdefault(self.label(target), TargetCounts())
        return slot

    def label(self, target: TargetId) -> str:
        """The name of the file that stands for a target."""
        if target in self.targets:
            return target
        for pattern in self._patterned:
            prefix, _, suffix = pattern.partition("*")
            if len(target) >= len(prefix) + len(suffix) and target.startswith(prefix) and target.endswith(suffix):
                return pattern
        return f"{target.partition('/')[0]}/{OTHER}"
