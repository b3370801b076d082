"""Findings as one JSON document: what `--format json`, `POST /-/validate` and a refused reload answer with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from router.config.diagnostics import Diagnostic, Position, Range, Related, Suggestion
from router.config.explanation import LEVELS
from router.types import Json


def json_document(diagnostics: Sequence[Diagnostic], files: Sequence[str] | None = None, levels: Sequence[str] = LEVELS) -> Json:
    """The document; plain values, for any JSON encoder. Lines and columns count from 1, the end of a range is exclusive.

    `files` are those that were read (None: those that the findings are about), `levels` those that were done.
    """
    errors = sum(diagnostic.severity == "error" for diagnostic in diagnostics)
    named = dict.fromkeys(diagnostic.place.file for diagnostic in diagnostics) if files is None else files
    return {
        "files": list(named),
        "levels": list(levels),
        "errors": errors,
        "warnings": len(diagnostics) - errors,
        "diagnostics": [_diagnostic(diagnostic) for diagnostic in diagnostics],
    }


def _diagnostic(diagnostic: Diagnostic) -> Json:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "file": diagnostic.place.file,
        "pointer": diagnostic.pointer,
        "range": _range(diagnostic.place.range),
        "suggestions": [_suggestion(suggestion) for suggestion in diagnostic.suggestions],
        "related": [_related(related) for related in diagnostic.related],
    }


def _suggestion(suggestion: Suggestion) -> Json:
    edits = [{"range": _range(edit.range), "text": edit.text} for edit in suggestion.edits]
    return {"title": suggestion.title, "edits": edits}


def _related(related: Related) -> Json:
    return {"message": related.message, "file": related.place.file, "range": _range(related.place.range)}


def _range(range_: Range) -> dict[str, Any]:
    return {"start": _position(range_.start), "end": _position(range_.end)}


def _position(position: Position) -> dict[str, int]:
    return {"line": position.line, "column": position.column}
