"""Who may import whom, and what pure code may not touch."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator

import pytest

from tests.structure.source import Module, imports, modules

# From the ground up. A part imports from rows above its own in this list, and from itself.
LAYERS: list[set[str]] = [
    {"types", "errors", "units", "secret", "tasks"},
    {"events"},
    {"wire", "strategies", "pricing"},
    {"outcomes"},  # What a failure is, and what comes after it.
    {"snapshot"},  # Types only: what the file means.
    {"world"},  # Types only: what a decision may look at.
    {"providers", "stores"},
    {"config", "state"},
    {"decide"},
    {"engine", "runtime"},
    {"server", "upstream", "observe", "watch"},
    {"daemon", "gateway", "rehearsal", "cli", "__main__", "__init__"},  # These may import each other.
]
LEVEL = {part: level for level, row in enumerate(LAYERS) for part in row}
TOP = len(LAYERS) - 1

PURE = {
    "types", "events", "errors", "units", "secret", "wire", "strategies", "pricing", "outcomes", "snapshot", "world", "providers",
    "decide",
}  # fmt: skip
IMPURE = {
    "aiohttp", "asyncio", "concurrent", "contextvars", "http", "io", "logging", "mmap", "multiprocessing", "os", "pathlib",
    "random", "requests", "secrets", "select", "selectors", "shutil", "signal", "socket", "ssl", "subprocess", "sys", "tempfile",
    "threading", "time", "uuid", "uvloop", "watchfiles",
}  # fmt: skip
IMPURE_CALLS = {"open", "input", "print", "eval", "exec", "__import__"}
CLOCKS = re.compile(r"\b(datetime|date)\.(now|utcnow|today)$")  # datetime may parse, but not look at the clock.

# The library's client mode speaks HTTP to a daemon, and is above every layer.
AIOHTTP = {"server", "upstream", "gateway"}


def above(module: Module) -> Iterator[str]:
    """Imports that point up or sideways."""
    if module.part not in LEVEL:
        yield f"{module.path}: the part {module.part!r} stands in no layer"
        return
    for found in imports(module):
        if found.part is None or found.part == module.part or found.module == "router.__version__":
            continue
        mine, theirs = LEVEL[module.part], LEVEL.get(found.part, TOP)
        if theirs >= mine and not mine == theirs == TOP:
            yield f"{module.path}:{found.line}: {module.part} may not import {found.module}"


def relative(module: Module) -> Iterator[str]:
    """A relative import hides the layer it reaches into."""
    yield from (f"{module.path}:{found.line}: relative import" for found in imports(module) if found.module.startswith("."))


def nested(module: Module) -> Iterator[str]:
    """Imports of our own modules inside functions, classes and conditions: ways around the layers."""
    for found in imports(module):
        if found.nested and found.part is not None:
            yield f"{module.path}:{found.line}: {found.module} is imported below the top level"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name | ast.Attribute | ast.alias) and ast.unparse(node).endswith("TYPE_CHECKING"):
            yield f"{module.path}:{node.lineno}: TYPE_CHECKING"


def impure(module: Module) -> Iterator[str]:
    if module.part not in PURE:
        return
    for found in imports(module):
        if found.top in IMPURE or (found.part is not None and found.part not in PURE):
            yield f"{module.path}:{found.line}: pure code imports {found.module}"
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in IMPURE_CALLS or CLOCKS.search(called):
            yield f"{module.path}:{node.lineno}: pure code calls {called}()"


def aiohttp_elsewhere(module: Module) -> Iterator[str]:
    if module.part not in AIOHTTP:
        yield from (f"{module.path}:{found.line}: aiohttp" for found in imports(module) if found.top == "aiohttp")


Check = Callable[[Module], Iterable[str]]


@pytest.mark.parametrize("check", [above, relative, nested, impure, aiohttp_elsewhere], ids=lambda check: check.__name__)
def test_the_source_holds_to(check: Check) -> None:
    assert [problem for module in modules() for problem in check(module)] == []


BAD: list[tuple[Check, str, str]] = [
    (above, "router/wire/sse.py", "from router.engine.engine import Engine"),
    (above, "router/wire/sse.py", "from router import snapshot"),
    (above, "router/wire/sse.py", "import router.pricing"),
    (above, "router/decide/decide.py", "from router import Gateway"),
    (above, "router/engine/engine.py", "from router.runtime import Runtime"),
    (above, "router/server/app.py", "from router.cli import main"),
    (above, "router/utils.py", ""),
    (relative, "router/wire/sse.py", "from .base import Frame"),
    (nested, "router/wire/sse.py", "def f():\n    from router.errors import BadRequest"),
    (nested, "router/wire/sse.py", "try:\n    import router.errors\nexcept ImportError:\n    pass"),
    (nested, "router/wire/sse.py", "from typing import TYPE_CHECKING"),
    (nested, "router/wire/sse.py", "import typing\nif typing.TYPE_CHECKING:\n    import os"),
    (impure, "router/wire/sse.py", "import time"),
    (impure, "router/wire/sse.py", "def f():\n    from os.path import join"),
    (impure, "router/wire/sse.py", "from datetime import datetime\nx = datetime.now()"),
    (impure, "router/wire/sse.py", "x = open('x')"),
    (impure, "router/strategies/weighted.py", "import random"),
    (impure, "router/providers/base.py", "from router.tasks import spawn"),
    (aiohttp_elsewhere, "router/engine/engine.py", "from aiohttp import web"),
    (aiohttp_elsewhere, "router/observe/log.py", "import aiohttp.web"),
]
GOOD: list[tuple[Check, str, str]] = [
    (above, "router/wire/sse.py", "from router.wire.base import Frame\nfrom router.errors import BadRequest\nimport orjson"),
    (above, "router/providers/base.py", "from router.snapshot import Quirks"),
    (above, "router/server/app.py", "from router import __version__"),
    (above, "router/daemon.py", "from router.cli import main\nfrom router.server.app import serve"),
    (nested, "router/config/rules.py", "def f():\n    import celpy"),
    (impure, "router/pricing/price.py", "from datetime import date\nx = date.fromisoformat('2026-01-01')"),
    (impure, "router/engine/engine.py", "import asyncio"),
    (aiohttp_elsewhere, "router/upstream/session.py", "import aiohttp"),
]


@pytest.mark.parametrize(("check", "path", "text"), BAD)
def test_a_violation_is_found(check: Check, path: str, text: str) -> None:
    assert list(check(Module(path, text)))


@pytest.mark.parametrize(("check", "path", "text"), GOOD)
def test_what_is_allowed_passes(check: Check, path: str, text: str) -> None:
    assert list(check(Module(path, text))) == []


def test_every_layer_stands_in_one_row_only() -> None:
    assert len(LEVEL) == sum(map(len, LAYERS))
    assert set(LEVEL) >= PURE | AIOHTTP
