"""What an upstream's failure is, and what comes after it. Pure."""

from __future__ import annotations

from router.outcomes.judge import Patient, Tried, Verdict, failure_of, final, judge, kind_of, retry_after
from router.outcomes.table import OUTCOMES, Backoff, Meaning

__all__ = [
    "OUTCOMES",
    "Backoff",
    "Meaning",
    "Patient",
    "Tried",
    "Verdict",
    "failure_of",
    "final",
    "judge",
    "kind_of",
    "retry_after",
]
