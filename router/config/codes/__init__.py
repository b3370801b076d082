"""Every code a finding can have, with its long text. `router explain` prints them; a test compares them with the sources."""

from __future__ import annotations

from router.config.checks import CHECKS
from router.config.codes import environment, policy, reading, shape
from router.config.explanation import Code

__all__ = ["CATALOGUE"]

CATALOGUE: dict[str, Code] = {
    code.code: code
    for code in sorted(
        (
            *reading.CODES,
            *shape.CODES,
            *policy.CODES,
            *environment.CODES,
            *(code for check in CHECKS for code in check.codes),
        ),
        key=lambda code: code.code,
    )
}
