"""What a check is given, and how it says what differed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from tap import Tap

HELLO = "Hello! How can I help you today?"
TEXT = 'Grüße 👋🏽 \u2028 line two\n\n"quoted" \\ data: [DONE]\n\nevent: x\r\nend'
CUT = "This answer is cut off in the middle of the stream, long before its end."
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
UPSTREAM_MODEL = {"openai": "gpt-4o", "anthropic": "claude-opus-5"}

E = TypeVar("E", bound=Exception)


@dataclass(frozen=True)
class Case:
    """One daemon, one client format, one upstream format."""

    base: str
    key: str
    upstream_key: str
    tap: Tap
    llmock: str
    client: Literal["openai", "anthropic"]
    upstream: Literal["openai", "anthropic"]

    @property
    def model(self) -> str:
        return f"on-{self.upstream}"

    @property
    def upstream_model(self) -> str:
        return UPSTREAM_MODEL[self.upstream]

    @property
    def same_format(self) -> bool:
        return self.client == self.upstream


Check = Callable[[Case], None]


def same(what: str, got: Any, wanted: Any) -> None:
    if got != wanted:
        raise AssertionError(f"{what} is {got!r}, {wanted!r} was expected")


def true(what: str, holds: object) -> None:
    if not holds:
        raise AssertionError(what)


def raised(kind: type[E], act: Callable[[], Any]) -> E:
    """The exception of exactly that class which `act` raises."""
    try:
        result = act()
    except Exception as error:
        if type(error) is kind:
            return error
        raise AssertionError(f"{type(error).__name__} was raised, {kind.__name__} was expected: {error}") from error
    raise AssertionError(f"nothing was raised, {kind.__name__} was expected; the result is {result!r:.200}")


def unknown_fields(value: Any, path: str = "") -> list[str]:
    """Fields of an SDK's model (they accept extra ones) that its types do not know."""
    if isinstance(value, list):
        return [field for index, item in enumerate(value) for field in unknown_fields(item, f"{path}[{index}]")]
    if not hasattr(type(value), "model_fields"):
        return []
    here = [f"{path}.{name}" for name in value.model_extra or {}]
    return here + [
        field for name in type(value).model_fields for field in unknown_fields(getattr(value, name, None), f"{path}.{name}")
    ]
