"""One creator of tasks, one reader of the current configuration, sizes, and no waived rules."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator

import pytest

from tests.structure.source import ROOT, Module, modules

FILE_LINES = 400
FUNCTION_LINES = 60
STARTERS = {"create_task", "ensure_future", "run_coroutine_threadsafe", "TaskGroup"}
# An exchange reads the current snapshot once, where it begins: at the HTTP edge, or in the library's facade. `runtime` owns it,
# `watch` and `daemon` ask it for settings of their own. Whatever serves a request has the exchange's.
EDGES = {"server", "gateway", "runtime", "watch", "daemon"}
WAIVER = re.compile(r"\bno" + r"qa\b|type:\s*ignore|pylint:\s*disable|mypy:\s*ignore|pragma:\s*no cover", re.IGNORECASE)


def starts_a_task(module: Module) -> Iterator[str]:
    if module.part == "tasks":
        return
    for node in ast.walk(module.tree):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if name in STARTERS:
            yield f"{module.path}:{node.lineno}: {name}: use router.tasks.spawn"


def reads_the_snapshot(module: Module) -> Iterator[str]:
    """`runtime.snapshot`, `self._runtime.snapshot`, …"""
    if module.part in EDGES:
        return
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Attribute)
            and node.attr == "snapshot"
            and ast.unparse(node.value).rpartition(".")[2].strip("_") == "runtime"
        ):
            yield f"{module.path}:{node.lineno}: {ast.unparse(node)}: an exchange has its own snapshot"


def too_long(module: Module) -> Iterator[str]:
    lines = len(module.text.splitlines())
    if lines > FILE_LINES:
        yield f"{module.path}: {lines} lines, at most {FILE_LINES}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{module.path}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES}"


def waives_a_rule(module: Module) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type == tokenize.COMMENT and WAIVER.search(token.string):
            yield f"{module.path}:{token.start[0]}: {token.string}"


Check = Callable[[Module], Iterable[str]]


@pytest.mark.parametrize("check", [starts_a_task, reads_the_snapshot, too_long, waives_a_rule], ids=lambda check: check.__name__)
def test_the_source_holds_to(check: Check) -> None:
    assert [problem for module in modules() for problem in check(module)] == []


def test_tests_and_measurements_waive_no_rule_either() -> None:
    paths = [path for folder in ("tests", "bench") for path in sorted((ROOT / folder).rglob("*.py"))]
    found = [Module(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths]
    assert [problem for module in found for problem in waives_a_rule(module)] == []


LONG = "def f():\n" + "    x = 1\n" * FUNCTION_LINES
BAD: list[tuple[Check, str, str]] = [
    (starts_a_task, "router/engine/engine.py", "asyncio.create_task(f())"),
    (starts_a_task, "router/engine/engine.py", "loop.create_task(f())"),
    (starts_a_task, "router/engine/engine.py", "from asyncio import ensure_future as go\nensure_future(f())"),
    (starts_a_task, "router/watch.py", "async def f():\n    async with asyncio.TaskGroup() as group: ..."),
    (reads_the_snapshot, "router/engine/engine.py", "x = runtime.snapshot"),
    (reads_the_snapshot, "router/observe/metrics.py", "x = self._runtime.snapshot.models"),
    (too_long, "router/engine/engine.py", "x = 1\n" * (FILE_LINES + 1)),
    (too_long, "router/engine/engine.py", LONG),
    (too_long, "router/engine/engine.py", "class C:\n" + LONG.replace("def", "    async def").replace("    x", "        x")),
    (waives_a_rule, "router/engine/engine.py", "x = 1  # no" + "qa: F821"),
    (waives_a_rule, "router/engine/engine.py", "# ruff: NO" + "QA"),
    (waives_a_rule, "router/engine/engine.py", "x = f()  # type" + ": ignore[arg-type]"),
]
GOOD: list[tuple[Check, str, str]] = [
    (starts_a_task, "router/tasks.py", "asyncio.create_task(f())"),
    (reads_the_snapshot, "router/server/app.py", "x = runtime.snapshot"),
    (reads_the_snapshot, "router/engine/engine.py", "x = exchange.snapshot"),
    (too_long, "router/engine/engine.py", LONG.removesuffix("    x = 1\n")),
    (waives_a_rule, "router/engine/engine.py", "x = 'no" + "qa'  # a value"),
]


@pytest.mark.parametrize(("check", "path", "text"), BAD)
def test_a_violation_is_found(check: Check, path: str, text: str) -> None:
    assert list(check(Module(path, text)))


@pytest.mark.parametrize(("check", "path", "text"), GOOD)
def test_what_is_allowed_passes(check: Check, path: str, text: str) -> None:
    assert list(check(Module(path, text))) == []
