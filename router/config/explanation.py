"""What `router explain CODE` prints: the long text of a finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from router.config.diagnostics import Severity

Level = Literal["syntax", "schema", "refs", "policy", "env"]

LEVELS: tuple[Level, ...] = ("syntax", "schema", "refs", "policy", "env")
"""In the order they are done; each needs what the one before it found out."""


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding. The number never changes its meaning and is never used again."""

    code: str
    level: Level
    title: str
    """Lower case, without names: `unknown key`."""
    why: str
    """What it means, and what would happen without it."""
    fix: str
    """What to do."""
    wrong: str
    """YAML (or a command) that has it."""
    right: str
    """The same without it."""
    severity: Severity = "error"
    allowable: bool = False
    """Whether `# router: allow CODE` may silence it: the file means something even so, and somebody may want just that."""
