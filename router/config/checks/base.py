"""What a check may look at: the parts of a document, whatever shape they have. A part of the wrong shape is passed over: the
schema has reported it, and one mistake must not hide the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from router.config.diagnostics import Diagnostic, Place, Position, Range, split_lines
from router.config.explanation import Code, Level
from router.config.tree import Document, join


class Check(NamedTuple):
    """One check, in the registry of `router.config.checks`."""

    level: Level
    run: Callable[[Document], Iterator[Diagnostic]]
    codes: tuple[Code, ...]
    resolved: bool = False
    """Looks at values that may be references: it runs again once they are resolved."""


class Part(NamedTuple):
    """A named map, such as one provider."""

    name: str
    pointer: str
    value: dict[str, Any]


class Text(NamedTuple):
    pointer: str
    text: str


def section(document: Document, name: str) -> dict[str, Any]:
    """The top-level map of that name; empty when there is none."""
    return mapping(document.value, name)


def mapping(value: Any, key: str) -> dict[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def named(document: Document, name: str) -> Iterator[Part]:
    """The entries of a map of names: `providers`, `models`, `keys`."""
    for key, value in section(document, name).items():
        if isinstance(value, dict):
            yield Part(key, join(f"/{name}", key), value)


def texts(part: Part, key: str) -> Iterator[Text]:
    """The strings of a list."""
    found = part.value.get(key)
    for i, item in enumerate(found if isinstance(found, list) else ()):
        if isinstance(item, str):
            yield Text(join(join(part.pointer, key), i), item)


class TargetEntry(NamedTuple):
    pointer: str
    """Of the string that names it."""
    text: str
    settings: dict[str, Any]
    """Of the long form; empty for the short one."""
    settings_pointer: str


def targets(model: Part) -> Iterator[TargetEntry]:
    found = model.value.get("targets")
    for i, item in enumerate(found if isinstance(found, list) else ()):
        pointer = join(join(model.pointer, "targets"), i)
        if isinstance(item, str):
            yield TargetEntry(pointer, item, {}, pointer)
        elif isinstance(item, dict) and isinstance(item.get("target"), str):
            yield TargetEntry(join(pointer, "target"), item["target"], item, pointer)


class Lead(NamedTuple):
    """What a request goes on to when something has failed: an entry of `fallback`, or of a `next` in `outcomes`."""

    model: Part
    """Whose it is; `defaults` for those that hold for every model."""
    entry: Text
    key: str
    """`fallback`, or `outcomes.context.next`."""


def leads(document: Document) -> Iterator[Lead]:
    """Of every model, and of `defaults`."""
    for model in named(document, "models"):
        for entry in texts(model, "fallback"):
            yield Lead(model, entry, "fallback")
        yield from _next_of(model)
    yield from _next_of(Part("", "/defaults", section(document, "defaults")))


def _next_of(settings: Part) -> Iterator[Lead]:
    outcomes = join(settings.pointer, "outcomes")
    for kind, row in mapping(settings.value, "outcomes").items():
        if isinstance(row, dict):
            for entry in texts(Part(kind, join(outcomes, kind), row), "next"):
                yield Lead(settings, entry, f"outcomes.{kind}.next")


def own_names(model: Part) -> set[str]:
    """The names of one model, `also` included."""
    return {model.name, *(text.text for text in texts(model, "also"))}


def model_names(document: Document) -> dict[str, str]:
    """Every exact name a client may ask for (`also` included), and the pointer where it is given. Patterns are left out."""
    found = {name: join("/models", name) for name in section(document, "models") if "*" not in name}
    for model in named(document, "models"):
        for text in texts(model, "also"):
            found.setdefault(text.text, text.pointer)
    return found


def patterns(document: Document) -> list[str]:
    """The model names with a `*`, in the order they are tried: the longest literal prefix first."""
    found = [name for name in section(document, "models") if "*" in name]
    return sorted(found, key=lambda name: tuple(-len(part) for part in name.split("*")[:2]))


def fits(name: str, pattern: str) -> bool:
    """Whether the one `*` of `pattern` can stand for the rest of `name`."""
    prefix, star, suffix = pattern.partition("*")
    if not star:
        return name == pattern
    return len(name) >= len(prefix) + len(suffix) and name.startswith(prefix) and name.endswith(suffix)


def place_of(document: Document, place: Place, word: str) -> Place:
    """Where `word` stands inside `place`; the whole of it if it cannot be seen there."""
    lines = split_lines(document.sources.get(place.file, ""))
    start, end = place.range
    if start.line != end.line or start.line > len(lines):
        return place
    column = lines[start.line - 1].find(word, start.column - 1, end.column - 1)
    if column < 0 or not word:
        return place
    return Place(place.file, Range(Position(start.line, column + 1), Position(start.line, column + 1 + len(word))))


def at(place: Place) -> str:
    """`router.yaml:8:3`"""
    return f"{place.file}:{place.range.start.line}:{place.range.start.column}"
