"""Exit codes, the same for every command."""

from __future__ import annotations

FINE = 0
NOT_FINE = 1
WRONG_COMMAND = 2
ONLY_WARNINGS = 3
"""With --strict."""
CANNOT_CHECK = 4
NO_TEST = 7
"""`test`: nothing was looked at, and that is no pass."""
REFUSED = 78
"""`serve`: the configuration was refused at start (EX_CONFIG of sysexits.h)."""
INTERRUPTED = 130
"""By SIGINT, as shells say it."""
