"""Several files, one tree: a later file lies over an earlier one. Then the tree becomes a Document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from router.config.diagnostics import Diagnostic, Place, Suggestion
from router.config.nodes import Entries, Entry, Items, Leaf, Node
from router.config.tree import Document, dotted, join

Path = tuple[str, ...]

NAMED: tuple[Path, ...] = (
    ("providers",),
    ("models",),
    ("keys",),
    ("limits",),
    ("budgets",),
    ("alerts",),
    ("prices", "targets"),
    ("providers", "*", "headers"),
    ("providers", "*", "names"),
    ("providers", "*", "errors"),
    ("defaults", "params"),
    ("providers", "*", "params"),
    ("models", "*", "params"),
    ("models", "*", "targets", "*", "params"),
    ("tests", "*", "given", "headers"),
    ("tests", "*", "world"),
    ("tests", "*", "world", "health"),
)
"""Maps whose keys are names, not words of the language. There `x-ai` is a name like any other, and `none` in a later file takes
an entry away; everywhere else `x-…` is a note, and `none` is a value."""

_BY_LENGTH = {len(path): tuple(other for other in NAMED if len(other) == len(path)) for path in NAMED}

APPENDED: tuple[Path, ...] = (("rules",), ("tests",))
"""Lists that a later file adds to; other lists it replaces."""


def overlay(roots: Sequence[Entries]) -> tuple[Entries, list[Diagnostic]]:
    """All files in one tree. No file's tree is changed."""
    found: list[Diagnostic] = []
    merged = roots[0]
    for root in roots[1:]:
        merged = _merged(merged, root, (), found)
    return merged, found


def document(root: Entries, sources: Mapping[str, str]) -> Document:
    """The plain tree without notes, with a place for every pointer."""
    flat = _Flat()
    value = flat.plain(root, "", ())
    return Document(value, flat.values, flat.keys, sources)


def is_named(path: Path) -> bool:
    """True for a map whose keys are names."""
    return any(_fits(path, pattern) for pattern in _BY_LENGTH.get(len(path), ()))


def _fits(path: Path, pattern: Path) -> bool:
    return all(want in ("*", part) for part, want in zip(path, pattern, strict=True))


def _merged(base: Entries, over: Entries, path: Path, found: list[Diagnostic]) -> Entries:
    entries = dict(base.entries)
    named = is_named(path)
    for key, entry in over.entries.items():
        if named and isinstance(entry.node, Leaf) and entry.node.value == "none":
            if entries.pop(key, None) is None:
                found.append(_nothing_to_delete((*path, key), entry, entries))
            continue
        before = entries.get(key)
        entries[key] = entry if before is None else Entry(entry.key, _laid_over(before.node, entry.node, (*path, key), found))
    return Entries(entries, base.place, base.size + over.size)


def _laid_over(base: Node, over: Node, path: Path, found: list[Diagnostic]) -> Node:
    if isinstance(base, Entries) and isinstance(over, Entries):
        return _merged(base, over, path, found)
    if isinstance(base, Items) and isinstance(over, Items) and path in APPENDED:
        return Items([*base.items, *over.items], base.place, base.size + over.size)
    return over


def _nothing_to_delete(path: Path, entry: Entry, known: Mapping[str, Entry]) -> Diagnostic:
    pointer = ""
    for part in path:
        pointer = join(pointer, part)
    message = f"`{dotted(pointer)}` is taken away here, and no earlier file has it"
    notes = (f"earlier files have: {', '.join(known)}",) if known else ()
    fix = Suggestion("correct the name, or leave the line out")
    return Diagnostic("RC140", "error", message, pointer, entry.key, label="not there", suggestions=(fix,), notes=notes)


@dataclass(slots=True)
class _Flat:
    values: dict[str, Place] = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)

    def plain(self, node: Node, pointer: str, path: Path) -> Any:
        self.values[pointer] = node.place
        if isinstance(node, Leaf):
            return node.value
        if isinstance(node, Items):
            return [self.plain(item, join(pointer, i), (*path, str(i))) for i, item in enumerate(node.items)]
        named = is_named(path)
        plain: dict[str, Any] = {}
        for key, (place, inner) in node.entries.items():
            if key.startswith("x-") and not named:
                continue
            at = join(pointer, key)
            self.keys[at] = place
            plain[key] = self.plain(inner, at, (*path, key))
        return plain
