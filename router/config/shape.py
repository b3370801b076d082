"""From jsonschema's errors to findings people can act on: one for each mistake, at its place, in our words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from jsonschema.exceptions import ValidationError

from router.config.diagnostics import Diagnostic, Edit, Place, Suggestion
from router.config.model.settings import DefaultsConfig
from router.config.similar import nearest
from router.config.tree import Document, dotted, join, parts
from router.providers import TYPES

Json = dict[str, Any]
_TYPES = {
    "object": "a map",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
_UNITS = {
    "duration": "{0}s, {0}ms or {0}m",
    "size": "{0}MiB, {0}KiB or {0}GiB",
    "share": "{0}%",
    "rate": "{0}/1s, {0}/1m or {0}/1d",
}
_SLIPS = {
    "duration": (
        (r"(?:sec|secs|second|seconds)", "s"),
        (r"(?:min|mins|minute|minutes)", "m"),
        (r"(?:hr|hrs|hour|hours)", "h"),
        (r"(?:day|days)", "d"),
        (r"(?:msec|msecs|millisecond|milliseconds)", "ms"),
    ),
    "size": ((r"(?:k|kb|kib)", "KiB"), (r"(?:m|mb|mib)", "MiB"), (r"(?:g|gb|gib)", "GiB")),
}
"""Units as others write them."""
_LONGEST = 60  # Characters of a value that a message repeats.
_MANY = 16  # Keys that "allowed here" lists.


def find(document: Document, errors: Iterable[ValidationError]) -> list[Diagnostic]:
    """One finding for each mistake. What the reader has found already (nulls) is not found again."""
    found: dict[tuple[str, str], Diagnostic] = {}
    for error in errors:
        for diagnostic in _diagnostics(document, error):
            found.setdefault((diagnostic.code, diagnostic.pointer), diagnostic)
    return [each for each in found.values() if not _explained(each, found)]


def _explained(each: Diagnostic, found: dict[tuple[str, str], Diagnostic]) -> bool:
    """A key that is missing because it is there, misspelt; keys that say nothing because one of them is not known."""
    if each.code not in ("RC106", "RC109"):
        return False
    parent, _, key = each.pointer.rpartition("/")
    inside = parent if each.code == "RC106" else each.pointer
    unknown = (other for (code, pointer), other in found.items() if code == "RC101" and pointer.rpartition("/")[0] == inside)
    return any(each.code == "RC109" or any(edit.text == key for s in other.suggestions for edit in s.edits) for other in unknown)


class _Seen(NamedTuple):
    """An error with what every message needs."""

    document: Document
    error: ValidationError
    pointer: str

    @property
    def value(self) -> Any:
        return self.error.instance

    @property
    def wanted(self) -> Any:
        """What the keyword that failed says."""
        return self.error.validator_value

    @property
    def schema(self) -> Json:
        schema = self.error.schema
        return schema if isinstance(schema, dict) else {}

    @property
    def name(self) -> str:
        return f"`{dotted(self.pointer)}`" if self.pointer else "the file"

    @property
    def place(self) -> Place:
        return self.document.at(self.pointer)

    def say(self, code: str, message: str, label: str = "", *suggestions: Suggestion, notes: tuple[str, ...] = ()) -> Diagnostic:
        return Diagnostic(code, "error", message, self.pointer, self.place, label, suggestions=suggestions, notes=notes)


def _diagnostics(document: Document, error: ValidationError) -> Iterator[Diagnostic]:
    pointer = ""
    for step in error.absolute_path:
        pointer = join(pointer, step)
    seen = _Seen(document, error, pointer)
    if error.instance is None:
        return
    if "propertyNames" in error.absolute_schema_path:
        yield from _name(seen)
    elif "x-router-kind" in seen.schema:
        yield _value(seen)
    else:
        yield from _STRUCTURE[str(error.validator)](seen)


def _unknown_keys(seen: _Seen) -> Iterator[Diagnostic]:
    # What a map has of its own stands before what it may repeat of `defaults`.
    allowed = sorted(seen.schema["properties"], key=lambda key: key in DefaultsConfig.model_fields)
    for key in seen.value:
        if key not in allowed and not key.startswith("x-"):
            yield _unknown(seen, str(key), allowed)


def _unknown(seen: _Seen, key: str, allowed: list[str]) -> Diagnostic:
    pointer = join(seen.pointer, key)
    place = seen.document.at_key(pointer)
    where = f"in {seen.name}" if seen.pointer else "at the top"
    listed = ", ".join(allowed[:_MANY]) + (", …" if len(allowed) > _MANY else "")
    return Diagnostic(
        "RC101",
        "error",
        f"unknown key `{key}` {where}",
        pointer,
        place,
        f"not a key of {_noun(seen.document, seen.pointer)}",
        suggestions=_did_you_mean(key, allowed, place),
        notes=(f"allowed here: {listed}",),
    )


def _name(seen: _Seen) -> Iterator[Diagnostic]:
    """`value` is a key of the map at `pointer`."""
    key = str(seen.value)
    if seen.error.validator == "anyOf":
        yield _unknown(seen, key, seen.schema["anyOf"][0]["enum"])
        return
    pointer = join(seen.pointer, key)
    message = f"{_quoted(key)} cannot be a name in {seen.name}"
    label = seen.schema.get("patternErrorMessage", "")
    yield Diagnostic("RC110", "error", message, pointer, seen.document.at_key(pointer), label)


def _missing(seen: _Seen) -> Iterator[Diagnostic]:
    for key in seen.wanted:
        if key not in seen.value:
            yield _needs(seen, key, f"`{key}` is missing in {seen.name}")


def _dependent(seen: _Seen) -> Iterator[Diagnostic]:
    for key, needed in seen.wanted.items():
        for other in needed if key in seen.value else ():
            if other not in seen.value:
                yield _needs(seen, other, f"`{key}` in {seen.name} needs `{other}` beside it")


def _needs(seen: _Seen, key: str, message: str) -> Diagnostic:
    expected = seen.schema.get("x-router-expected", f"add {key}")
    place = seen.document.at_key(seen.pointer) if seen.pointer else seen.document.at("")
    return Diagnostic("RC106", "error", message, join(seen.pointer, key), place, expected)


def _wrong_type(seen: _Seen) -> Iterator[Diagnostic]:
    wanted = seen.wanted
    expected = _TYPES[wanted] if isinstance(wanted, str) else "a value"
    fixes: tuple[Suggestion, ...] = ()
    if wanted == "array" and isinstance(seen.value, str) and "\n" not in seen.value:
        quoted = json.dumps(seen.value, ensure_ascii=False)
        fixes = (Suggestion(f"write a list: [{quoted}]", (Edit(seen.place.range, f"[{quoted}]"),)),)
    yield seen.say("RC103", f"{seen.name}: {_shown(seen.value)} is not {expected}", f"expected {expected}", *fixes)


def _empty(seen: _Seen) -> Iterator[Diagnostic]:
    yield seen.say("RC108", f"{seen.name} is empty", "at least one is needed")


def _together(seen: _Seen) -> Iterator[Diagnostic]:
    yield seen.say(
        "RC109",
        f"{seen.name} needs {seen.schema.get('x-router-expected', 'another set of keys')}",
        "as it is, it says nothing clear",
    )


_STRUCTURE: dict[str, Callable[[_Seen], Iterator[Diagnostic]]] = {
    "additionalProperties": _unknown_keys,
    "required": _missing,
    "dependencies": _dependent,
    "type": _wrong_type,
    "minItems": _empty,
    "minProperties": _empty,
    "not": _together,
    "anyOf": _together,
}


def _value(seen: _Seen) -> Diagnostic:
    """A scalar that is not of its kind."""
    kind, told, value = seen.schema["x-router-kind"], seen.schema.get("patternErrorMessage", ""), seen.value
    if isinstance(value, dict | list):
        return seen.say("RC103", f"{seen.name}: {_shown(value)} is not of the right form", told)
    if kind == "secret":
        # Whatever stands there may be one.
        return seen.say("RC107", f"{seen.name} is not of the right form", told)
    if kind == "choice":
        return _not_one_of(seen)
    if kind in _UNITS and re.fullmatch(r"[0-9]+(\.[0-9]+)?", str(value)):
        return seen.say("RC112", f"{seen.name} needs a unit", _UNITS[kind].format(value))
    return _text(seen, value, told) if isinstance(value, str) else _not_text(seen, value, told)


def _text(seen: _Seen, value: str, told: str) -> Diagnostic:
    fixes = _rewritten(seen.schema, value, seen.place)
    return seen.say("RC107", f"{seen.name}: {_quoted(value)} is not of the right form", told, *fixes)


def _not_text(seen: _Seen, value: float | bool, told: str) -> Diagnostic:
    if seen.schema.get("type") == "string":
        text = f'"{json.dumps(value)}"'
        fix = Suggestion(f"for the text write {text}", (Edit(seen.place.range, text),))
        return seen.say("RC103", f"{seen.name}: {_shown(value)} is not text", told, fix)
    if isinstance(value, bool) or seen.error.validator == "type":
        return seen.say("RC103", f"{seen.name}: {_shown(value)} is not of the right type", told)
    return seen.say("RC105", f"{seen.name}: {_shown(value)} is out of range", told)


def _not_one_of(seen: _Seen) -> Diagnostic:
    allowed = _allowed(seen.schema)
    fixes = _did_you_mean(seen.value, allowed, seen.place) if isinstance(seen.value, str) else ()
    if allowed == ["none"]:
        return seen.say(
            "RC107", f"{seen.name}: {_shown(seen.value)} is not of the right form", seen.schema["patternErrorMessage"], *fixes
        )
    return seen.say("RC104", f"{seen.name}: {_shown(seen.value)} is not one of {', '.join(allowed)}", "not known here", *fixes)


def _allowed(schema: Json) -> list[str]:
    if "enum" in schema:
        return list(schema["enum"])
    return [each for branch in schema["anyOf"] for each in branch.get("enum", ())]


def _rewritten(schema: Json, value: str, place: Place) -> Iterator[Suggestion]:
    """The same with units as they are spelled here, or a number without its quotes."""
    kind, types = schema["x-router-kind"], schema.get("type", ())
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)", value.strip())
    for spelled, unit in _SLIPS.get(kind, ()):
        if match and re.fullmatch(spelled, match[2], re.IGNORECASE):
            yield _instead(f"{match[1]}{unit}", place)
            return
    number = re.fullmatch(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", value)
    truth = value in {"true", "false"} and kind == "boolean"
    if (number and ("integer" in types or "number" in types)) or truth:
        yield Suggestion(f"without quotes: {value}", (Edit(place.range, value),))


def _did_you_mean(word: str, known: list[str], place: Place) -> tuple[Suggestion, ...]:
    near = nearest(word, known)
    return () if near is None else (_instead(near, place),)


def _instead(text: str, place: Place) -> Suggestion:
    return Suggestion(f"did you mean `{text}`?", (Edit(place.range, text),))


_NOUNS = (
    (("models", "*"), "a model"),
    (("models", "*", "targets", "*"), "a target"),
    (("models", "*", "targets", "*", "price"), "a price"),
    (("keys", "*"), "a client key"),
    (("prices", "targets", "*"), "a price"),
    (("providers", "*", "price"), "a price"),
    (("providers", "*", "faults", "*"), "a fault"),
    (("tests", "*"), "a test"),
    (("tests", "*", "given"), "what a test gives"),
    (("tests", "*", "expect"), "what a test expects"),
)


def _noun(document: Document, pointer: str) -> str:
    """What the map at a pointer is, in words: `a target`, `an openai provider`."""
    path = list(parts(pointer))
    if len(path) == 2 and path[0] == "providers":
        kind = str(document.value["providers"][path[1]].get("type"))
        return f"{'an' if kind[:1] in set('aeiou') else 'a'} {kind} provider" if kind in TYPES else "a provider"
    for pattern, noun in _NOUNS:
        if len(pattern) == len(path) and all(want in {"*", step} for want, step in zip(pattern, path, strict=True)):
            return noun
    return f"`{dotted(pointer)}`" if path else "the file"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")
