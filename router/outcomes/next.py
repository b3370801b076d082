"""Which targets are left after a failure, in order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from router.errors import UpstreamError
from router.outcomes.table import Meaning


class Candidate(Protocol):
    """What of a target matters here. `snapshot.Target` is one."""

    @property
    def id(self) -> str: ...

    @property
    def provider(self) -> str: ...

    @property
    def context(self) -> int | None: ...


T = TypeVar("T", bound=Candidate)
T_co = TypeVar("T_co", bound=Candidate, covariant=True)


class Offer(Protocol[T_co]):
    """A name with targets behind it. `snapshot.Model` is one."""

    @property
    def targets(self) -> Sequence[T_co]: ...


def next_target(
    untried: Sequence[T], tried: Sequence[T], error: UpstreamError, meaning: Meaning, alternatives: Mapping[str, Offer[T]]
) -> list[T]:
    """What is left of `untried` after the last of `tried` ended with `error`; the first of it comes next.

    `alternatives` are what the names in `meaning.next` stand for. No target comes twice, and none that was tried.
    """
    failed = tried[-1]
    left: Iterable[T] = untried
    if meaning.next == "none":
        return []
    if meaning.next == "other_provider":
        left = (target for target in untried if target.provider != failed.provider)
    elif isinstance(meaning.next, tuple):
        left = (target for name in meaning.next if name in alternatives for target in alternatives[name].targets)
    if error.kind == "context":
        window = error.window or failed.context
        left = (target for target in left if window is None or target.context is None or target.context > window)
    gone = {target.id for target in tried}
    fresh: dict[str, T] = {}
    for target in left:
        if target.id not in gone:
            fresh.setdefault(target.id, target)
    return list(fresh.values())
