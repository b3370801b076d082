"""Whose upstreams are well: what attempts and probes have shown, by provider, address, key and upstream model.

It outlives every snapshot: a reload that changes something else changes nothing here. Conditions are in `condition`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from router.errors import Kind
from router.snapshot import BreakerSettings, HealthKey, Model, Snapshot, Target, TargetId
from router.state.condition import Change, Condition, Mark, State
from router.state.retries import Retries
from router.world import Unavailable

MAX_KNOWN = 4096
"""Upstream models that are remembered. Through a pattern, clients can name as many as they like."""
FORGET_AFTER = 900.0
"""Seconds after which what no target has any more is forgotten: longer than a request lasts, and long enough for a rollback."""
_DEFAULTS = BreakerSettings()

log = logging.getLogger("router.state.health")


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to say of a target's health. Times are seconds of the book's clock."""

    state: State
    since: float | None
    """When that state began; None: it was never another."""
    until: float | None
    """When it ends by itself, where that is known."""
    failures: int
    """In the breaker's window."""
    last_error: Kind | None
    last_error_at: float | None


class _Record:
    """One upstream model under one key."""

    __slots__ = ("condition", "labels", "retries", "used")

    def __init__(self) -> None:
        self.condition = Condition()
        self.retries = Retries()
        self.labels: dict[TargetId, str] = {}
        """The targets it was used under: ids, and what the file calls them."""
        self.used = 0.0


class Lease(Mark):
    """One attempt. `succeeded` or `failed` judges it, the first of them counts; `release` (in `finally`) ends it anyway."""

    __slots__ = ("_book", "_done", "_record", "_target")

    def __init__(self, book: HealthBook, record: _Record, target: Target) -> None:
        super().__init__(target.breaker)
        self._book = book
        self._record = record
        self._target = target
        self._done = False

    def began(self) -> None:
        """The answer has begun. Where this was the trial of an open breaker, the breaker closes: a stream may go on for
        minutes, and others need not wait for its end. How it ends counts all the same."""
        if self.trial and not self._done:
            self._book.say(self._target, self._record.condition.prove(self, self._book.clock()))

    def succeeded(self) -> None:
        """The answer was complete."""
        if self._done:
            return
        self._done = True
        change = self._record.condition.succeed(self, self._book.clock())
        if change is not None:
            self._book.say(self._target, change)

    def failed(self, kind: Kind, retry_after: float | None) -> None:
        """It failed by `kind`; `retry_after` are the seconds the upstream asked for. What the client is to blame for counts
        neither as a failure nor as a request."""
        if self._done:
            return
        self._done = True
        condition = self._record.condition
        told = retry_after if retry_after is not None and retry_after > self._target.retry_after_max else None
        if kind == "rate" and told is None and retry_after is not None:
            condition.release(self)  # Short enough to be waited for.
            return
        self._book.say(self._target, condition.fail(self, self._book.clock(), kind, told))

    def release(self) -> None:
        """It ended without a judgement: the client has gone, or we have failed. Gives the trial back. Idempotent."""
        if not self._done:
            self._done = True
            self._record.condition.release(self)


class HealthBook:
    """Synchronous: nothing here waits, and no one can see it half written."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds: the engine's."""
        self.clock = clock
        self._records: dict[HealthKey, _Record] = {}
        self._targets: dict[TargetId, Target] = {}
        """Those of the current snapshot that have a name of their own."""

    def unavailable(self, target: Target) -> Unavailable | None:
        """Why the target is not to be asked now; None when nothing speaks against it."""
        record = self._records.get(target.health)
        if record is None or not record.condition.troubled:
            return None
        return record.condition.unavailable(self.clock(), breaker=target.breaker is not None)

    def attempt(self, target: Target) -> Lease:
        """One attempt begins; whoever asked `unavailable` in the same turn gets the trial that it allowed."""
        now = self.clock()
        record = self._record(target)
        record.used = now
        record.retries.asked(now)
        lease = Lease(self, record, target)
        record.condition.begin(lease, now)
        return lease

    def may_retry(self, target: Target) -> bool:
        """Whether the target may be asked the same thing once more (`retry_budget`). Counts the retry when it says yes."""
        return self._record(target).retries.grant(self.clock(), target.retry_budget)

    def probed(self, provider: str, kind: Kind | None) -> None:
        """What a probe of the provider has shown: None that it is there. Concerns every target of the current snapshot."""
        now = self.clock()
        for target in self._targets.values():
            if target.provider == provider and target.breaker is not None and target.off is None:
                if kind is None and target.health not in self._records:
                    continue
                record = self._record(target)
                self.say(target, record.condition.probed(now, kind, target.breaker))

    def reset(self, provider_or_target: str) -> int:
        """Forgets what speaks against a target, or against all of a provider. Returns how many had something to forget."""
        now = self.clock()
        count = sum(record.condition.reset(now) for record in self._named(provider_or_target))
        log.info("health_reset", extra={"of": provider_or_target, "reset": count})
        return count

    def knows(self, provider_or_target: str) -> bool:
        """Whether anything was learned under that name."""
        return any(True for _ in self._named(provider_or_target))

    def reconcile(self, snapshot: Snapshot) -> None:
        """A snapshot came into force. What none of its targets has any more is forgotten once nobody has used it for long."""
        targets = {target.id: target for model in snapshot.models.values() for target in _chain(model)}
        made = [target for pattern in snapshot.patterns for target in _chain(pattern.make("*"))]
        self._targets = targets
        wanted = {target.health for target in targets.values()}
        accounts = {target.health[:3] for target in made}  # A pattern's models have names only while somebody asks.
        old = self.clock() - FORGET_AFTER
        for key, record in list(self._records.items()):
            if key not in wanted and key[:3] not in accounts and record.used < old:
                del self._records[key]

    def seen(self, target: Target) -> Seen:
        """For status: what there is to say of a target."""
        record = self._records.get(target.health)
        if record is None:
            return Seen("closed", None, None, 0, None, None)
        now = self.clock()
        condition = record.condition
        state, until = condition.state(now, breaker=target.breaker is not None)
        failures = condition.failures(now, (target.breaker or _DEFAULTS).window)
        return Seen(state, condition.since, until, failures, condition.last_error, condition.last_error_at)

    def states(self) -> Iterator[tuple[str, State]]:
        """Every target of the current snapshot by its name in the file, and what was used under a pattern by the pattern's."""
        now = self.clock()
        known = set()
        for target in self._targets.values():
            known.add(target.health)
            yield target.label or target.id, self.seen(target).state
        for key, record in self._records.items():
            if key not in known:
                state, _ = record.condition.state(now, breaker=True)
                yield from ((label, state) for label in dict.fromkeys(record.labels.values()))

    def say(self, target: Target, change: Change | None) -> None:
        """Logs a change of state. Not for callers outside this module's leases."""
        if change is None:
            return
        seen = self.seen(target)
        seconds = None if seen.until is None else round(seen.until - self.clock(), 3)
        said = {"target": target.id, "because": seen.last_error, "seconds": seconds}
        if change == "opened":
            log.warning("breaker_open", extra=said | {"failures": seen.failures})
        elif change == "closed":
            log.info("breaker_closed", extra={"target": target.id})
        else:  # Nobody has to act on a rate limit; a refused key or an unpaid bill waits for a person.
            log.log(logging.INFO if seen.last_error == "rate" else logging.WARNING, "target_parked", extra=said)

    def _named(self, name: str) -> Iterator[_Record]:
        for key, record in self._records.items():
            if name == key.provider or name in record.labels or name in record.labels.values():
                yield record

    def _record(self, target: Target) -> _Record:
        record = self._records.get(target.health)
        if record is None:
            if len(self._records) >= MAX_KNOWN:
                self._make_room()
            record = self._records[target.health] = _Record()
        if target.id not in record.labels:
            record.labels[target.id] = target.label or target.id
        return record

    def _make_room(self) -> None:
        """Those go first of whom there is nothing to say, then those used longest ago; a quarter, so that this is rare."""
        by_worth = sorted(self._records, key=lambda key: (self._records[key].condition.troubled, self._records[key].used))
        for key in by_worth[: MAX_KNOWN // 4]:
            del self._records[key]


def _chain(model: Model) -> Iterable[Target]:
    return (target for each in (model, *model.fallback, *model.alternatives.values()) for target in each.targets)
