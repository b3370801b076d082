"""Text to Document: YAML with the place of every key and value. Pure; what the words mean is not looked at here.

A text that is no YAML is repaired as its findings suggest, in memory only, so that one missing space does not hide every other
problem of the file: all of them are reported at once, each where it stands in the file as it is.
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
    """The tree of all files, later ones laid over earlier ones, and every problem of their text. The Document is None when a
    file is no YAML as it stands."""
    return _load(sources, repaired=False)


def salvage(sources: Sequence[Source]) -> tuple[Document | None, list[Diagnostic]]:
    """The same, with a Document also of files that are YAML only after repairs: good enough to look for more mistakes."""
    return _load(sources, repaired=True)


def texts(sources: Sequence[Source]) -> Mapping[str, str]:
    """What each file says, for carets, whether it can be read or not."""
    return {source.name: characters.shown(source.text) for source in sources}


class _Read(NamedTuple):
    root: Entries | None
    found: list[Diagnostic]
    whole: bool
    """It is YAML as it stands."""


def _load(sources: Sequence[Source], *, repaired: bool) -> tuple[Document | None, list[Diagnostic]]:
    read = [_read(source) for source in sources]
    found = [diagnostic for each in read for diagnostic in each.found]
    roots = [each.root for each in read if each.root is not None and (each.whole or repaired)]
    if not roots or len(roots) < len(read):
        return None, found
    merged, problems = overlay(roots)
    return document(merged, texts(sources)), found + problems


def _read(source: Source) -> _Read:
    text, found = characters.decode(source.text, source.name)
    if text is None:
        return _Read(None, found, whole=False)
    repairs: list[Edit] = []
    composed = compose(source.name, text)
    whole = composed.broken is None
    while problem := composed.broken or _misread(composed.diagnostics):
        said = original(problem, repairs)
        edit = next((edit for suggestion in problem.suggestions for edit in suggestion.edits), None)
        if said in found or edit is None or len(repairs) >= MAX_REPAIRS:
            # A repair that did not help is not built upon. What comes of guessing on would be noise.
            found.append(said)
            break
        found.append(said)
        repairs.append(edit)
        text = edited(text, edit)
        composed = compose(source.name, text)
    if composed.root is not None and repairs:
        restore(composed.root, repairs)
    return _Read(composed.root, _once([*found, *(original(diagnostic, repairs) for diagnostic in composed.diagnostics)]), whole)


def _misread(found: list[Diagnostic]) -> Diagnostic | None:
    """`key:value` is YAML, but not the YAML that was meant: the key would be missed, too."""
    return next((diagnostic for diagnostic in found if diagnostic.code == "RC125"), None)


def _once(found: list[Diagnostic]) -> list[Diagnostic]:
    """A mistake that was repaired, and then found again in the words around it, is one mistake."""
    kept: dict[tuple[str, Place], Diagnostic] = {}
    for diagnostic in found:
        kept.setdefault((diagnostic.code, diagnostic.place), diagnostic)
    return list(kept.values())
