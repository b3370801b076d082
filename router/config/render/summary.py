"""The last line: how many findings, where, and how far was looked."""

from __future__ import annotations

from collections.abc import Sequence

from router.config.diagnostics import Diagnostic
from router.config.fix import fixable


def summary(diagnostics: Sequence[Diagnostic], files: Sequence[str], levels: Sequence[str]) -> str:
    """`7 errors, 1 warning in router.yaml (levels done: syntax, schema, refs, policy). 3 can be fixed: …`"""
    errors = sum(diagnostic.severity == "error" for diagnostic in diagnostics)
    warnings = len(diagnostics) - errors
    fixes = sum(bool(fixable(diagnostic)) for diagnostic in diagnostics)
    counted = f"{_count(errors, 'error')}, {_count(warnings, 'warning')}" if warnings or not errors else _count(errors, "error")
    done = f"{counted} in {', '.join(files)} (levels done: {', '.join(levels)})"
    return f"{done}. {fixes} can be fixed: router validate --fix" if fixes else done


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
