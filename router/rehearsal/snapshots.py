"""The snapshot as it is while some targets are off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from router.snapshot import Model, Pattern, Snapshot, Target

OFF = "off in this test"


def without(snapshot: Snapshot, off: Callable[[Target], bool]) -> Snapshot:
    """The same, every target that `off` is true of switched off, as an optional provider is without its key."""
    made = _Without(off)
    models = {name: made.model(model) for name, model in snapshot.models.items()}
    return replace(snapshot, models=models, patterns=tuple(map(made.pattern, snapshot.patterns)), _made={})


@dataclass(slots=True)
class _Without:
    off: Callable[[Target], bool]
    _models: dict[Model, Model] = field(default_factory=dict)
    """A model has several names; it stays one."""

    def model(self, model: Model) -> Model:
        if model not in self._models:
            tiers = tuple(tuple(map(self.target, tier)) for tier in model.tiers)
            fallback = tuple(map(self.model, model.fallback))
            alternatives = {name: self.model(each) for name, each in model.alternatives.items()}
            self._models[model] = replace(model, tiers=tiers, fallback=fallback, alternatives=alternatives)
        return self._models[model]

    def target(self, target: Target) -> Target:
        return replace(target, off=OFF) if self.off(target) else target

    def pattern(self, pattern: Pattern) -> Pattern:
        return replace(pattern, make=lambda star: self.model(pattern.make(star)))
