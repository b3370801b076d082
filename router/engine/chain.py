"""Who is asked next. One request's way over its targets: what was tried, what is left, and what the client is told at the end.

Synchronous: every step reads what is known now and decides. The engine does the asking.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from router.decide import Decision, no_target
from router.errors import BadRequest, UpstreamError
from router.outcomes import Patient, Tried, final, judge, next_target
from router.snapshot import Target
from router.state.health import HealthBook
from router.world import PARKED, World

_COME_BACK = frozenset({429, 503, 529})
"""Statuses that a Retry-After belongs to."""


@dataclass(slots=True, eq=False)
class Chain:
    """`target` is the one to ask now; each method that a failure calls moves on, or raises what the client is to be told."""

    decision: Decision
    world: World
    health: HealthBook
    attempts: int = 0
    """Asked so far, over all targets."""
    here: int = 0
    """Asked so far at `target`."""
    target: Target = field(init=False)
    untried: list[Target] = field(init=False)
    _tried: list[Target] = field(default_factory=list)
    _errors: list[UpstreamError] = field(default_factory=list)
    _last_resort: bool = False
    """Nothing is left but what we ourselves chose to leave alone: each of those admits one trial."""

    def __post_init__(self) -> None:
        """Raises `NoTarget` with every reason, and with the soonest recovery as its `retry_after`."""
        self.untried = list(self.decision.targets)
        if not self.untried:
            raise no_target(self.decision, self.health.clock())
        self._last_resort = self.world.unavailable(self.untried[0]) is not None
        self._take()

    @property
    def last(self) -> bool:
        return not self.untried

    @property
    def spare(self) -> bool:
        """A target is left that could continue a half-written answer."""
        return any(target.prefill for target in self.untried)

    def waited(self) -> None:
        """The wait before a retry is over. Moves on when somebody else's trial is under way at `target` by now, or when its
        upstream has asked for more time; raises what the client is to be told when nobody else is left."""
        why = self.world.unavailable(self.target)
        if why is None or why.early:
            return
        self.untried = self._usable_of(self.untried)
        if not self.untried:
            raise self._told()
        self._take()

    def began(self) -> None:
        """The target is being asked."""
        self.here += 1
        self.attempts += 1

    def cannot_carry(self, refusal: BadRequest) -> None:
        """The target's format cannot say what the client said; another target's may. Raises the refusal when none is left."""
        self.untried = self._usable_of(self.untried)
        if not self.untried:
            raise self._told() if self._errors else refusal
        self._take()

    def failed(self, error: UpstreamError, time_left: float) -> float:
        """Moves on after a failure. Returns the seconds to wait before `target` is asked; raises the error the client is told.

        `time_left` are the seconds until the deadline: no wait may go past it.
        """
        self._errors.append(error)
        model, target = self.decision.model, self.target
        meaning = model.outcomes[error.kind]
        left = self._usable_of(next_target(self.untried, self._tried, error, meaning, model.alternatives))
        most = max(model.max_attempts, len(self._tried) + len(left))
        tried = Tried(self.here, self.attempts, len(left), target.retries, most)
        patient = Patient(target.backoff, target.retry_after_max, self.world.random())
        verdict = judge(error, meaning, tried, patient)
        if verdict.then == "again" and verdict.wait < time_left and self._may_repeat(alone=not left):
            return verdict.wait
        if verdict.then == "stop" or not left or time_left <= 0:
            raise self._told()
        self.untried = left
        self._take()
        return 0.0

    def next_for(self, error: UpstreamError) -> bool:
        """The answer broke after its first token: moves to the next target that can continue it. False when there is none."""
        self._errors.append(error)
        able = [target for target in self._usable_of(self.untried) if target.prefill]
        if not able or self.attempts >= max(self.decision.model.max_attempts, len(self._tried) + len(able)):
            return False
        self.untried = able
        self._take()
        return True

    def _take(self) -> None:
        self.target, self.here = self.untried.pop(0), 0
        self._tried.append(self.target)

    def _may_repeat(self, *, alone: bool) -> bool:
        """The failure itself may have parked the target: for others. A breaker that is open is respected while `alone` is
        false, that is, while another target is left."""
        why = self.world.unavailable(self.target)
        if why is not None and not (why.early and (alone or why.reason == PARKED)):
            return False
        return self.health.may_retry(self.target)

    def _usable(self, target: Target) -> bool:
        why = self.world.unavailable(target)
        return why is None or (why.early and self._last_resort)

    def _usable_of(self, targets: list[Target]) -> list[Target]:
        """Each target is looked at again before it is asked: much may have happened since the decision."""
        return [target for target in targets if self._usable(target)]

    def _told(self) -> UpstreamError:
        """The error the client is told. Where all it has tried are out of reach for a while, it is told for how long."""
        error = final(self._errors)
        waits = [self.world.unavailable(target) for target in self._tried]
        ends = [why.until for why in waits if why is not None and why.until is not None]
        if error.status in _COME_BACK and len(ends) == len(waits):
            error.retry_after = max(0.0, min(ends) - self.health.clock())
        return error
