"""What a format's half of a translation hands back for an outgoing request."""

from __future__ import annotations

from typing import NamedTuple

from router.types import Json


class Rendered(NamedTuple):
    body: Json
    """May hold `orjson.Fragment`s: write it with `router.wire.exact.dumps`."""
    dropped: tuple[str, ...] = ()
    """Canonical names of tuning the format cannot express."""
    defaulted: tuple[str, ...] = ()
    """`name=value` of what the format insists on and nobody set."""
