"""router.yaml as people write it: the one truth of the language. The JSON Schema is generated from these classes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationError

from router.config.diagnostics import ConfigError, Diagnostic
from router.config.model.base import Strict
from router.config.model.kinds import Kind, ModelName, Name
from router.config.model.names import KeyConfig, ModelConfig
from router.config.model.prices import PricesConfig
from router.config.model.provider import Provider
from router.config.model.server import LogConfig, ServerConfig
from router.config.model.settings import DefaultsConfig
from router.config.model.tests import CaseConfig
from router.config.references import Resolved
from router.config.tree import Document, dotted, join

__all__ = ["ConfigFile", "read"]


def _one(value: Any) -> int:
    if isinstance(value, bool) or value != 1:
        raise ValueError
    return 1


Version = Annotated[int, Kind("version", "1", {"type": "integer", "enum": [1]}, _one, 1)]


class ConfigFile(Strict):
    """router.yaml, the configuration of the router."""

    version: Version
    """The version of this language."""
    server: ServerConfig = Field(default_factory=ServerConfig)
    """The process: where it listens, whom it lets in, how much it takes."""
    defaults: DefaultsConfig = Field(default_factory=DefaultsConfig)
    """What every model and target inherits; each of these keys may be repeated there."""
    providers: dict[Name, Provider] = Field(
        min_length=1, examples=[{"openai": {"type": "openai", "api_key": "${env:OPENAI_API_KEY}"}}]
    )
    """Configured accounts, by a name of your choice."""
    models: dict[ModelName, ModelConfig] = Field(min_length=1, examples=[{"fast": {"targets": ["openai/gpt-4o-mini"]}}])
    """The names clients ask for."""
    keys: dict[Name, KeyConfig] = Field(default_factory=dict, examples=[{"web-app": {"secret": "${env:ROUTER_WEB_APP_KEY}"}}])
    """Client keys, by name."""
    prices: PricesConfig = Field(default_factory=PricesConfig)
    """Prices by target."""
    log: LogConfig = Field(default_factory=LogConfig)
    """What is written to standard error."""
    tests: list[CaseConfig] = Field(default_factory=list)
    """What the file promises: `router test` shows whether it holds, offline."""


def read(document: Document) -> ConfigFile:
    """The model of a document whose shape was checked and whose references are resolved.

    Raises `ConfigError`: RC602 where what a reference stands for is not what its place wants (no other finding is left when
    the shape was checked: schema and model accept the same trees).
    """
    try:
        return ConfigFile.model_validate(document.value)
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_context=False, include_input=False)
        # `from None`: the original carries the values.
        raise ConfigError([_finding(document, error["loc"], error["msg"]) for error in errors]) from None


def _finding(document: Document, loc: tuple[Any, ...], told: str) -> Diagnostic:
    """pydantic's location also names tags and union branches: what is no step in the tree is skipped."""
    pointer = ""
    node: Any = document.value
    for step in loc:
        if (isinstance(node, dict) and step in node) or (isinstance(node, list) and isinstance(step, int) and step < len(node)):
            pointer, node = join(pointer, step), node[step]
    expected = told.removeprefix("Value error, ")
    if isinstance(node, Resolved):
        message = f"`{dotted(pointer)}`: what {node.origin} holds is not of the right form"
        return Diagnostic("RC602", "error", message, pointer, document.at(pointer), expected)
    return Diagnostic("RC104", "error", f"`{dotted(pointer)}` is not of the right form", pointer, document.at(pointer), expected)
