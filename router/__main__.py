"""The `router` command."""

from __future__ import annotations

import signal
from importlib import import_module

if hasattr(signal, "SIGHUP"):
    # Before anything else, and so before the imports that take long: a reload that is asked for while the daemon starts must
    # not end it. The daemon's handler takes over; children and other commands are not hurt by ignoring a hang-up.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def main() -> None:
    """Runs the command line of the process; does not return."""
    import_module("router.cli").main()


if __name__ == "__main__":
    main()
