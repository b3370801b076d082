"""A finding in one line: `router.yaml:10:5: error RC101 unknown key …`, as compilers write it and editors read it."""

from __future__ import annotations

from router.config.diagnostics import Diagnostic


def one_line(diagnostic: Diagnostic) -> str:
    """Without a line break at the end, and without control characters that could do something to a terminal or a log."""
    start = diagnostic.place.range.start
    where = f"{diagnostic.place.file}:{start.line}:{start.column}"
    return printable(f"{where}: {diagnostic.severity} {diagnostic.code} {diagnostic.message}")


def printable(text: str) -> str:
    """`text` with a visible mark for every character that is not to be printed."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "\ufffd" for char in text)
