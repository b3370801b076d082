"""Starts the mocks and the daemon, runs every check in every combination, prints a table, ends what it started."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import anthropic_checks
import fault_checks
import openai_checks
from case import Case, Check
from service import Process, end, free_port, running
from tap import Tap

HERE = Path(__file__).parent
KEY, UPSTREAM_KEY = "sk-client-conformance", "sk-upstream-conformance"
SUITES: dict[str, dict[str, tuple[Check, ...]]] = {
    "openai": {"openai": openai_checks.CHECKS, "faults": fault_checks.CHECKS},
    "anthropic": {"anthropic": anthropic_checks.CHECKS, "faults": fault_checks.CHECKS},
}


class Row(NamedTuple):
    combination: str
    check: str
    seconds: float
    difference: str
    """Empty: passed."""


@contextmanager
def everything(commands: dict[str, list[str]], logs: Path) -> Iterator[tuple[Case, Process]]:
    """Mocks, tap and daemon, each ready. Gives what the checks need, and the daemon."""
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    ports = {name: free_port() for name in ("aimock", "llmock", "tap", "router")}
    url = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    aimock = [*commands["aimock"], "-h", "127.0.0.1", "-p", str(ports["aimock"]), "-f", str(HERE / "fixtures.json")]
    llmock = [*commands["llmock"], "--host", "127.0.0.1", "--port", str(ports["llmock"]), "--log-level", "warning"]
    router = [*commands["router"], "serve", "-c", str(HERE / "router.yaml")]
    env = {
        "CONFORMANCE_LISTEN": f"127.0.0.1:{ports['router']}",
        "CONFORMANCE_TAP": url["tap"],
        "CONFORMANCE_LLMOCK": url["llmock"],
        "CONFORMANCE_KEY": KEY,
        "CONFORMANCE_UPSTREAM_KEY": UPSTREAM_KEY,
    }
    with ExitStack() as stack:
        started = time.monotonic()
        stack.enter_context(
            running(
                [*aimock, "--validate-on-load", "--log-level", "warn"], ready=f"{url['aimock']}/ready", log=logs / "aimock.log"
            )
        )
        stack.enter_context(running(llmock, ready=f"{url['llmock']}/health", log=logs / "llmock.log"))
        tap = Tap(ports["tap"], ("127.0.0.1", ports["aimock"]))
        stack.callback(tap.close)
        daemon = stack.enter_context(running(router, ready=f"{url['router']}/readyz", log=logs / "router.log", env=env))
        print(f"aimock, llmock and the daemon are up ({time.monotonic() - started:.1f} s); logs in {logs}", flush=True)
        yield Case(url["router"], KEY, UPSTREAM_KEY, tap, url["llmock"], "openai", "openai"), daemon


def rows(case: Case, only: str) -> Iterator[Row]:
    for client, suites in SUITES.items():
        for upstream in ("openai", "anthropic"):
            combination = replace(case, client=client, upstream=upstream)
            for suite, checks in suites.items():
                for check in checks:
                    name = f"{suite}.{check.__name__}"
                    if only in f"{client}->{upstream} {name}":
                        yield one(combination, name, check)


def one(case: Case, name: str, check: Check) -> Row:
    case.tap.clear()
    began = time.monotonic()
    try:
        check(case)
        difference = ""
    except AssertionError as error:
        difference = str(error) or traceback.format_exc(limit=-1)
    except Exception as error:
        cause = f"\ncaused by {error.__cause__}" if error.__cause__ else ""
        difference = f"{type(error).__name__}: {error}{cause}\n{''.join(traceback.format_tb(error.__traceback__)[-2:])}"
    return Row(f"{case.client} -> {case.upstream}", name, time.monotonic() - began, difference)


def drained(daemon: Process) -> Row:
    """SIGTERM ends the daemon, which has nothing open any more, with exit code 0."""
    began = time.monotonic()
    code = end(daemon)
    return Row("daemon", "ends on SIGTERM", time.monotonic() - began, f"the exit code is {code}, 0 was expected" if code else "")


def report(found: list[Row]) -> int:
    """Prints a column per combination, then every difference. Gives the exit code."""
    combinations = list(dict.fromkeys(row.combination for row in found))
    results = {(row.check, row.combination): "FAIL" if row.difference else f"{row.seconds:.2f} s" for row in found}
    width = max(len(row.check) for row in found)
    print(f"\n{'client -> upstream':{width}}  " + "  ".join(f"{name:>22}" for name in combinations))
    for check in dict.fromkeys(row.check for row in found):
        print(f"{check:{width}}  " + "  ".join(f"{results.get((check, name), ''):>22}" for name in combinations))
    failed = [row for row in found if row.difference]
    for row in failed:
        print(f"\nFAIL {row.combination}: {row.check}\n    " + row.difference.strip().replace("\n", "\n    "))
    print(f"\nconformance: {len(found) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--commands", type=json.loads, required=True, help="JSON: the command lines of aimock, llmock and router"
    )
    options.add_argument("--only", default="", help="checks whose `client->upstream suite.name` contains this")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="router-conformance-") as folder:
        logs = Path(folder)
        with everything(chosen.commands, logs) as (case, daemon):
            found = list(rows(case, chosen.only))
            found.append(drained(daemon))
        code = report(found)
        if len(found) == 1:
            print(f"no check contains {chosen.only!r}", file=sys.stderr)
            return 1
        if code:
            print("\nthe daemon's log ends with\n" + (logs / "router.log").read_text(errors="replace")[-3000:])
        return code


if __name__ == "__main__":
    sys.exit(main())
