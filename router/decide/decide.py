"""The decision: from a request's name for a model to distinct targets in order, each one kept or dropped with a reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from router.errors import NotAllowed, UnknownModel
from router.snapshot import ClientKey, Model, Snapshot, Target, TargetId
from router.strategies import Draw
from router.world import Learned, Unavailable, World


class Ask(NamedTuple):
    """What a decision looks at in a request."""

    model: str
    """As the client wrote it."""
    key: ClientKey | None
    """None when the listener asks for no key."""


class Dropped(NamedTuple):
    target: TargetId
    why: Unavailable

    @property
    def reason(self) -> str:
        return self.why.text

    @property
    def until(self) -> float | None:
        """When it may be asked again, in seconds of the engine's clock; None: nobody knows."""
        return self.why.until


@dataclass(frozen=True, slots=True)
class Decision:
    """`targets` are distinct, in the order they are to be tried: the model's tiers, then those of its fallbacks.

    When nothing else is left they are those that we ourselves chose to leave alone (`Unavailable.early`): each may be tried by
    one request at a time, so that there is no total outage by our own choice.
    """

    model: Model
    targets: tuple[Target, ...]
    dropped: tuple[Dropped, ...]


def decide(snapshot: Snapshot, ask: Ask, world: World) -> Decision:
    """Raises `UnknownModel` (with the nearest name this key may ask for) and `NotAllowed`."""
    model = find_model(snapshot, ask)
    kept: dict[TargetId, Target] = {}
    out: dict[TargetId, tuple[Target, Unavailable]] = {}
    for each in (model, *model.fallback):
        for number, tier in enumerate(each.tiers):
            for target in _ordered(each, number, tier, world):
                if target.id in kept:
                    continue
                why = unavailable(snapshot, target, world)
                if why is None:
                    kept[target.id] = target
                elif target.id not in out:
                    out[target.id] = (target, why)
    if not kept:
        kept = {target.id: target for target, why in out.values() if why.early}
    dropped = tuple(Dropped(target, why) for target, (_, why) in out.items() if target not in kept) if out else ()
    return Decision(model, tuple(kept.values()), dropped)


def unavailable(snapshot: Snapshot, target: Target, world: Learned) -> Unavailable | None:
    """Why the target is not to be asked now, or None. The one list of reasons, of the configuration and of the world."""
    if target.off is not None:
        return Unavailable(target.off, None)
    if target.price is None and snapshot.prices_missing == "reject":
        return Unavailable("its price is not known, and `prices.missing` is reject", None)
    return world.unavailable(target)


def find_model(snapshot: Snapshot, ask: Ask) -> Model:
    """The model that is asked for. Raises `UnknownModel` and `NotAllowed`."""
    try:
        model = snapshot.model(ask.model)
    except UnknownModel:
        near = get_close_matches(ask.model, allowed_names(snapshot, ask.key), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownModel(f"no model is named {ask.model!r}{hint}", param="model") from None
    if ask.key is not None and not ask.key.allows(ask.model):
        raise NotAllowed(f"the key {ask.key.name!r} may not use the model {ask.model!r}", param="model")
    return model


def allowed_names(snapshot: Snapshot, key: ClientKey | None) -> list[str]:
    """Every listed name this key may ask for, exact names only, in the order of the file."""
    return [name for name, model in snapshot.models.items() if model.visible and (key is None or key.allows(name))]


def _ordered(model: Model, number: int, tier: tuple[Target, ...], world: World) -> Iterable[Target]:
    if len(tier) == 1:
        return tier
    return model.strategy(tier, Draw(world.random, world.turn(f"{model.name} {number}")))
