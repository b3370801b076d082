"""Text to Document: YAML with the place of every key and value. Pure; what the words mean is not looked at here.

A file that is not YAML is repaired as its findings suggest, in memory only, so that one missing space does not hide every
other problem of the file: all of them are reported at once, each where it stands in the file as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from router.config import characters
from router.config.composer import compose
from router.config.diagnostics import Diagnostic, Edit, Place
from router.config.nodes import Entries
from router.config.overlay import document, overlay
from router.config.repair import edited, original, restore
from router.config.tree import Document

MAX_REPAIRS = 20


class Source(NamedTuple):
    """One file: the name that findings show, and its bytes."""

    name: str
    text: bytes


def load(sources: Sequence[Source]) -> tuple[Document | None, list[Diagnostic]]:
    """The tree of all files, later ones laid over earlier ones, and every problem of their text.

    The Document is None when a file has no tree even after repairs; errors beside a Document mean that it is good enough to
    look for more of them, and no more.
    """
    found: list[Diagnostic] = []
    roots: list[Entries] = []
    for source in sources:
        root, problems = _read(source)
        found += problems
        if root is not None:
            roots.append(root)
    if not roots or len(roots) < len(sources):
        return None, found
    merged, problems = overlay(roots)
    return document(merged, texts(sources)), found + problems


def texts(sources: Sequence[Source]) -> Mapping[str, str]:
    """What each file says, for carets, whether it can be read or not."""
    return {source.name: characters.shown(source.text) for source in sources}


def _read(source: Source) -> tuple[Entries | None, list[Diagnostic]]:
    text, found = characters.decode(source.text, source.name)
    if text is None:
        return None, found
    repairs: list[Edit] = []
    composed = compose(source.name, text)
    while composed.broken is not None:
        broken = composed.broken
        problem = original(broken, repairs)
        if problem in found:
            break  # The repair did not help. What comes of guessing on would be noise.
        found.append(problem)
        edit = next((edit for suggestion in broken.suggestions for edit in suggestion.edits), None)
        if edit is None or len(repairs) >= MAX_REPAIRS:
            break
        repairs.append(edit)
        text = edited(text, edit)
        composed = compose(source.name, text)
    if composed.root is not None and repairs:
        restore(composed.root, repairs)
    return composed.root, _once([*found, *(original(diagnostic, repairs) for diagnostic in composed.diagnostics)])


def _once(found: list[Diagnostic]) -> list[Diagnostic]:
    """A mistake that was repaired, and then found again in the words around it, is one mistake."""
    kept: dict[tuple[str, Place], Diagnostic] = {}
    for diagnostic in found:
        kept.setdefault((diagnostic.code, diagnostic.place), diagnostic)
    return list(kept.values())
