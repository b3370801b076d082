"""A document with its misspelt keys as they were meant: so that one wrong letter in `strategy` or `optional` does not bring a
dozen findings that all come of it, and does not hide what else is wrong below it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from router.config.diagnostics import Diagnostic, Place
from router.config.tree import Document, join, parts

MOST = 50
"""Renames cost a walk over the file each."""


def respell(document: Document, found: Iterable[Diagnostic]) -> Document:
    """`document` with every unknown key (RC101) that has one clear correction under that name. Places stay where they are."""
    renames = [(each.pointer, each.suggestions[0].edits[0].text) for each in found if each.code == "RC101" and _clear(each)]
    # The deepest first: a pointer must not go through a key that is not called so any more.
    for pointer, key in sorted(renames, key=lambda rename: -rename[0].count("/"))[:MOST]:
        document = _renamed(document, pointer, key)
    return document


def _clear(diagnostic: Diagnostic) -> bool:
    return len(diagnostic.suggestions) == 1 and len(diagnostic.suggestions[0].edits) == 1


def _renamed(document: Document, pointer: str, key: str) -> Document:
    *path, old = parts(pointer)
    parent = pointer.rpartition("/")[0]
    new = join(parent, key)
    if new in document.values:
        return document  # The right one is there, too.
    value = _in(document.value, path, old, key)
    return Document(value, _moved(document.values, pointer, new), _moved(document.keys, pointer, new), document.sources)


def _in(value: Any, path: list[str], old: str, key: str) -> Any:
    if not path:
        return {key if name == old else name: item for name, item in value.items()}
    step, *rest = path
    if isinstance(value, list):
        return [_in(item, rest, old, key) if i == int(step) else item for i, item in enumerate(value)]
    return {name: _in(item, rest, old, key) if name == step else item for name, item in value.items()}


def _moved(places: Mapping[str, Place], old: str, new: str) -> dict[str, Place]:
    below = f"{old}/"
    return {
        new + pointer[len(old) :] if pointer == old or pointer.startswith(below) else pointer: place
        for pointer, place in places.items()
    }
