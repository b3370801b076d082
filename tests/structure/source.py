"""The project's own source as syntax trees, and which of its modules imports what. The checks beside it are built on this."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Module:
    """`path` is relative to the repository, with forward slashes."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def part(self) -> str:
        """The word the layers speak of: `wire` for router/wire/sse.py, `errors` for router/errors.py."""
        return self.path.split("/")[1].removesuffix(".py")


@dataclass(frozen=True)
class Import:
    """One imported name. `module` is dotted: `router.wire.sse`, `asyncio`; relative ones begin with dots."""

    module: str
    line: int
    nested: bool
    """Below the module's top level: in a function, a class, an `if` or a `try`."""

    @property
    def top(self) -> str:
        return self.module.split(".")[0]

    @property
    def part(self) -> str | None:
        """The part of router that is imported, None for anything else."""
        words = self.module.split(".")
        if words[0] != "router":
            return None
        return words[1] if len(words) > 1 else "__init__"


def modules() -> list[Module]:
    found = [
        Module(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / "router").rglob("*.py"))
    ]
    assert found, "no source was found: the checks would pass over nothing"
    return found


def imports(module: Module) -> Iterator[Import]:
    tree = module.tree
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        nested = id(node) not in top
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, nested) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            # `from router import wire` imports the part `wire`; `from router.wire import sse` the part `wire` too.
            names = [f"{base}.{alias.name}" for alias in node.names] if base == "router" else [base]
            yield from (Import(name, node.lineno, nested) for name in names)
