"""A value that must not be printed. Its `repr`, `str` and format show where it came from, never what it is."""

from __future__ import annotations

import hashlib
from typing import NoReturn


class Secret:
    """`Secret(value, origin)`: `reveal()` gives the text, everything else a name and a fingerprint."""

    __slots__ = ("_value", "origin")

    def __init__(self, value: str, origin: str) -> None:
        self._value = value
        self.origin = origin

    def reveal(self) -> str:
        return self._value

    @property
    def fingerprint(self) -> str:
        """First 8 hex digits of the SHA-256: enough to see that two are equal, too little to find one."""
        return hashlib.sha256(self._value.encode()).hexdigest()[:8]

    def __repr__(self) -> str:
        return f"<secret {self.origin} {self.fingerprint}>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        # pickle and copy.deepcopy would carry the value somewhere unseen.
        raise TypeError("a secret cannot be pickled")
