"""What the outcome of an attempt means: the table of docs/failures.md, as data.

| outcome | same target again? | next target? |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from router.errors import Kind


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds: full jitter between 0 and `min(base * 2**n, max)`."""

    base: float
    max: float


Next = Literal["yes", "other_provider", "none"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row. `outcomes:` in the file overrides it, per class."""

    retries: int | None
    """More tries at the same target; None: as many as the target's own `retries` say."""
    next: Next | tuple[str, ...]
    """Whether other targets are tried: all of them, only those of other providers (as this one has refused the request itself),
    none; or these models and targets of the file, instead of what is left."""


OUTCOMES: Mapping[Kind, Meaning] = {
    "connect": Meaning(None, "yes"),
    "server": Meaning(None, "yes"),
    "timeout": Meaning(0, "yes"),
    "rate": Meaning(None, "yes"),
    "billing": Meaning(0, "yes"),
    "auth": Meaning(0, "yes"),
    "context": Meaning(0, "yes"),
    "policy": Meaning(0, "none"),
    "client": Meaning(0, "other_provider"),
    "empty": Meaning(0, "yes"),
    # Judged only where the client has seen nothing of it yet (`midstream: guard` and `buffer`): an incomplete answer.
    "broken_stream": Meaning(None, "yes"),
}
