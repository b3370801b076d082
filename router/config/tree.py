"""The file as written: plain values with the place of every key and value. What reading gives and checking needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from router.config.diagnostics import Place


@dataclass(frozen=True, slots=True)
class Document:
    """`value` is made of dict, list, str, int, float, bool and None. Places are looked up by JSON pointer; a key and its
    value have different ones."""

    value: Any
    values: Mapping[str, Place]
    """Where the value at a pointer stands."""
    keys: Mapping[str, Place]
    """Where the key whose value is at a pointer stands (absent for list items)."""
    sources: Mapping[str, str]
    """Text of every file, by name, for carets."""

    def at(self, pointer: str) -> Place:
        """The place of the value, or of the nearest parent that has one."""
        while pointer and pointer not in self.values:
            pointer = pointer.rpartition("/")[0]
        return self.values[pointer]

    def at_key(self, pointer: str) -> Place:
        return self.keys.get(pointer) or self.at(pointer)


def join(pointer: str, key: str | int) -> str:
    """RFC 6901: `~` and `/` are escaped."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def parts(pointer: str) -> Iterator[str]:
    return (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def dotted(pointer: str) -> str:
    """`models.fast.targets.1` for people."""
    return ".".join(parts(pointer))
