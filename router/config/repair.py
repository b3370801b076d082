"""Edits of a text, and the way back: where something stands in the text as it was before them.

An edit stays within one line. A list of edits was made in its order, each on the text that the ones before it left.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from router.config.diagnostics import Diagnostic, Edit, Place, Position, Range
from router.config.nodes import Entries, Entry, Items, Leaf, Node

_BREAK = re.compile(r"(\r\n|\r|\n)")


def edited(text: str, edit: Edit) -> str:
    """`text` with one edit made."""
    start, end = edit.range
    pieces = _BREAK.split(text)  # Lines and the breaks between them, in turn.
    at = 2 * (start.line - 1)
    line = pieces[at]
    pieces[at] = line[: start.column - 1] + edit.text + line[end.column - 1 :]
    return "".join(pieces)


def original(diagnostic: Diagnostic, edits: Sequence[Edit]) -> Diagnostic:
    """The finding with every place as it was before `edits`."""
    if not edits:
        return diagnostic
    return replace(
        diagnostic,
        place=_place(diagnostic.place, edits),
        related=tuple(replace(related, place=_place(related.place, edits)) for related in diagnostic.related),
        suggestions=tuple(
            replace(suggestion, edits=tuple(replace(edit, range=_range(edit.range, edits)) for edit in suggestion.edits))
            for suggestion in diagnostic.suggestions
        ),
    )


def restore(root: Entries, edits: Sequence[Edit]) -> None:
    """Sets every place of a tree to where it was before `edits`, in place. An anchor's node is met once per alias."""
    seen: set[int] = set()
    waiting: list[Node] = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        node.place = _place(node.place, edits)
        if isinstance(node, Items):
            waiting += node.items
        elif not isinstance(node, Leaf):
            node.entries = {key: Entry(_place(entry.key, edits), entry.node) for key, entry in node.entries.items()}
            waiting += (entry.node for entry in node.entries.values())


def _place(place: Place, edits: Sequence[Edit]) -> Place:
    return Place(place.file, _range(place.range, edits))


def _range(range_: Range, edits: Sequence[Edit]) -> Range:
    start, end = range_
    for edit in reversed(edits):
        start, end = _before(start, edit), _before(end, edit)
    return Range(start, end)


def _before(position: Position, edit: Edit) -> Position:
    first, last = edit.range
    if position.line != first.line or position.column <= first.column:
        return position
    grown = first.column + len(edit.text)
    if position.column >= grown:
        return Position(position.line, position.column - grown + last.column)
    return Position(position.line, min(position.column, last.column))
