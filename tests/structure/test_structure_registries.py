"""Whatever can be added is listed in the open; a module that is not would be dead code that looks alive."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Container, Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import click
import pytest

from router import cli, config, providers, strategies, wire
from router.config import checks
from tests.structure.source import ROOT


class Registry(NamedTuple):
    """Modules of `package` but for `helpers` define `marker`, and all that it holds stands in `listed`."""

    package: Any
    marker: str
    listed: Container[Any]
    helpers: frozenset[str]


REGISTRIES = {
    "strategies": Registry(strategies, "order", strategies.STRATEGIES.values(), frozenset({"base"})),
    "providers": Registry(providers, "ROWS", providers.TYPES.values(), frozenset({"base"})),
    "config.checks": Registry(checks, "CHECKS", checks.CHECKS, frozenset({"base"})),
}


def unlisted(registry: Registry, found: Mapping[str, Any]) -> Iterator[str]:
    for name, module in found.items():
        if name in registry.helpers:
            continue
        if not hasattr(module, registry.marker):
            yield f"{name} defines no {registry.marker}"
            continue
        held = getattr(module, registry.marker)
        entries = held if isinstance(held, Iterable) else [held]
        yield from (f"{name}: {entry!r:.60} is not listed" for entry in entries if entry not in registry.listed)


def modules_of(package: Any, *, packages_only: bool = False) -> dict[str, Any]:
    infos = [info for info in pkgutil.iter_modules(package.__path__) if info.ispkg or not packages_only]
    return {info.name: importlib.import_module(f"{package.__name__}.{info.name}") for info in infos}


@pytest.mark.parametrize("name", REGISTRIES)
def test_every_module_is_listed(name: str) -> None:
    found = modules_of(REGISTRIES[name].package)
    assert len(found) > len(REGISTRIES[name].helpers)
    assert list(unlisted(REGISTRIES[name], found)) == []


def test_every_wire_format_is_listed_and_has_golden_files() -> None:
    found = modules_of(wire, packages_only=True)
    assert {module.name for module in found.values()} == set(wire.FORMATS)
    golden = [path.name for path in (ROOT / "tests" / "golden").rglob("*") if path.is_file()]
    kinds = ("request.json", "response.json", "stream.sse")
    assert [f"{name}.{kind}" for name in wire.FORMATS for kind in kinds if f"{name}.{kind}" not in golden] == []


def test_every_command_is_listed() -> None:
    defined = {
        (name, module.__name__)
        for module in modules_of(cli).values()
        for name, value in vars(module).items()
        if isinstance(value, click.Command)
    }
    assert defined == {(name, listed.module) for name, listed in cli.COMMANDS.items()}


def test_a_module_that_is_not_listed_is_found() -> None:
    listed, forgotten = object(), object()
    registry = Registry(config, "ROWS", [listed], frozenset({"base"}))
    assert list(unlisted(registry, {"base": SimpleNamespace(), "good": SimpleNamespace(ROWS=[listed])})) == []
    assert len(list(unlisted(registry, {"new": SimpleNamespace(ROWS=[listed, forgotten])}))) == 1
    assert list(unlisted(registry, {"empty": SimpleNamespace()})) == ["empty defines no ROWS"]
