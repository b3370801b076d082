"""`router validate --fix`: makes the edits that findings suggest, where there is no choice between several."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Sequence

from router.config.diagnostics import Diagnostic, Edit
from router.config.load import Source
from router.config.repair import edited


def fixable(diagnostic: Diagnostic) -> tuple[Edit, ...]:
    """The edits of the one suggestion; none where a person has to choose, or to think."""
    return diagnostic.suggestions[0].edits if len(diagnostic.suggestions) == 1 else ()


def fixed(sources: Sequence[Source], diagnostics: Iterable[Diagnostic]) -> list[Source]:
    """The files with every edit made that does not stand where another was made already."""
    edits: dict[str, list[Edit]] = {source.name: [] for source in sources}
    for diagnostic in diagnostics:
        own = fixable(diagnostic)
        taken = edits.get(diagnostic.place.file)
        if taken is not None and own and not any(_touch(edit, other) for edit in own for other in taken):
            taken += own
    return [_applied(source, edits[source.name]) if edits[source.name] else source for source in sources]


def _applied(source: Source, edits: list[Edit]) -> Source:
    mark = codecs.BOM_UTF8 if source.text.startswith(codecs.BOM_UTF8) else b""
    text = source.text.removeprefix(mark).decode()
    for edit in sorted(edits, key=lambda edit: edit.range, reverse=True):
        text = edited(text, edit)
    return Source(source.name, mark + text.encode())


def _touch(one: Edit, other: Edit) -> bool:
    return one.range == other.range or (one.range.start < other.range.end and other.range.start < one.range.end)
