"""Findings as annotations of a GitHub Actions run.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Sequence

from router.config.diagnostics import Diagnostic
from router.config.render.line import printable
from router.config.render.summary import summary

MOST = 10
"""GitHub shows this many annotations of a severity in one step, and drops the rest without a word."""


def github(diagnostics: Sequence[Diagnostic], files: Sequence[str], levels: Sequence[str]) -> str:
    """The workflow commands, errors first, and a summary that the log shows; ends with a line break."""
    lines: list[str] = []
    for severity in ("error", "warning"):
        found = [diagnostic for diagnostic in diagnostics if diagnostic.severity == severity]
        lines += [_command(diagnostic) for diagnostic in found[:MOST]]
        if len(found) > MOST:
            lines.append(f"and {len(found) - MOST} more of severity {severity}: router validate")
    return "\n".join([*lines, printable(summary(diagnostics, files, levels))]) + "\n"


def _command(diagnostic: Diagnostic) -> str:
    start, end = diagnostic.place.range
    properties = {
        "file": diagnostic.place.file,
        "line": str(start.line),
        "col": str(start.column),
        "endLine": str(end.line),
        "title": diagnostic.code,
    }
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    message = [diagnostic.message, diagnostic.label, *(f"help: {suggestion.title}" for suggestion in diagnostic.suggestions)]
    return f"::{diagnostic.severity} {told}::{_data(chr(10).join(filter(None, [*message, *diagnostic.notes])))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
