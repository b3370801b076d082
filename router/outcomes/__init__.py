"""What an upstream's failure is, and what comes after it. Pure."""

from __future__ import annotations

from router.outcomes.attribution import context_window, failure_in_band, failure_of, kind_of, named_by
from router.outcomes.judge import Patient, Tried, Verdict, final, judge
from router.outcomes.next import next_target
from router.outcomes.table import OUTCOMES, Backoff, Meaning
from router.outcomes.waits import retry_after

__all__ = [
    "OUTCOMES",
    "Backoff",
    "Meaning",
    "Patient",
    "Tried",
    "Verdict",
    "context_window",
    "failure_in_band",
    "failure_of",
    "final",
    "judge",
    "kind_of",
    "named_by",
    "next_target",
    "retry_after",
]
