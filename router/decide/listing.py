"""What may be said of a model to whoever may ask for it."""

from __future__ import annotations

from router.pricing.portable import to_json
from router.snapshot import Model, Target, TargetId
from router.wire.listing import Listed


def listed(name: str, model: Model) -> Listed:
    """The window is that of the target that is asked first; targets are all that may answer, in order."""
    first = model.tiers[0][0]
    chain: dict[TargetId, Target] = {}
    for each in (model, *model.fallback):
        for target in each.targets:
            chain.setdefault(target.id, target)
    targets = [{"target": target.id, "price": to_json(target.price) if target.price else None} for target in chain.values()]
    return Listed(name, first.context, targets)
