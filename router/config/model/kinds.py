"""Scalars of the configuration language: what each may look like, how it is read, and what to say when it is not that.

A Kind is both halves of one truth: its fragment of the JSON Schema and its parser. The schema also lets a reference stand
where any scalar may; the parser sees what the reference stands for. Parsers never repeat the text: it may be a secret.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from router import units
from router.config.references import WHOLE, Resolved, Unset
from router.secret import Secret
from router.snapshot import Listener

Json = dict[str, Any]


class NotOfItsKind(ValueError):
    """pydantic collects ValueErrors; a TypeError would end the reading at the first finding."""


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One sort of scalar. `parse` takes what YAML gave (or a `Resolved` text) and raises ValueError."""

    name: str
    expected: str
    """For messages: `a duration such as 30s`."""
    schema: Json
    parse: Callable[[Any], Any]
    example: Any

    def read(self, value: Any) -> Any:
        try:
            # An unset reference of an optional provider: the value is never used, but the tree must be complete.
            return self.parse(self.example if isinstance(value, Unset) else value)
        except ValueError:
            raise NotOfItsKind(f"expected {self.expected}") from None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        return self.fragment()

    def fragment(self) -> Json:
        """Its JSON Schema. `patternErrorMessage` is what editors show; the daemon says the same."""
        told = f"expected {self.expected}"
        return {**self.schema, "examples": [self.example], "x-router-kind": self.name, "patternErrorMessage": told}


def text(name: str, expected: str, form: str, example: str, parse: Callable[[str], Any] = str) -> Kind:
    """A string that matches `form` as a whole; `parse` turns the plain text into the value."""
    matching = re.compile(form)

    def read(value: Any) -> Any:
        if not isinstance(value, str) or matching.fullmatch(value) is None:
            raise NotOfItsKind
        return parse(str(value))

    return Kind(name, expected, {"type": "string", "pattern": rf"^(?:{form})$|\$\{{"}, read, example)


def secret(name: str, expected: str, form: str) -> Kind:
    """A string that becomes a Secret which knows where it came from; `none` and nothing at all become None."""
    kind = text(name, expected, form, "${env:NAME}")

    def read(value: Any) -> Secret | None:
        found = kind.parse(value)
        origin = value.origin if isinstance(value, Resolved) else "the file"
        return None if found in {"", "none"} else Secret(found, origin)

    return Kind(name, expected, kind.schema, read, "${env:NAME}")


def whole(name: str, low: int, high: int, example: int) -> Kind:
    def read(value: Any) -> int:
        number = _number(value)
        if number != int(number) or not low <= number <= high:
            raise NotOfItsKind
        return int(number)

    expected = f"a whole number from {low} to {high}"
    schema = {"type": ["integer", "string"], "minimum": low, "maximum": high, "pattern": f"^{WHOLE}$"}
    return Kind(name, expected, schema, read, example)


def number(name: str, expected: str, low: float, high: float, example: float) -> Kind:
    def read(value: Any) -> float | int:
        found = _number(value)
        if not low <= found <= high:
            raise NotOfItsKind
        return found

    schema: Json = {"type": ["number", "string"], "minimum": low, "pattern": f"^{WHOLE}$"}
    if math.isfinite(high):
        schema["maximum"] = high
    return Kind(name, expected, schema, read, example)


def count(name: str, low: int, example: str | int) -> Kind:
    """A whole number, or text such as 60k."""

    def read(value: Any) -> int:
        found = units.parse_count(value) if isinstance(value, str) else _number(value)
        if found != int(found) or not low <= found < 10**15:
            raise NotOfItsKind
        return int(found)

    more = r"(?=[0-9.]*[1-9])" if low else ""
    schema = {
        "type": ["integer", "string"],
        "minimum": low,
        "exclusiveMaximum": 10**15,
        "pattern": rf"^{more}{units.COUNT}$|^{WHOLE}$",
    }
    return Kind(name, f"a whole number from {low} up, such as 500, 60k or 1M", schema, read, example)


def choice(*allowed: str) -> Kind:
    listed = ", ".join(allowed)

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise NotOfItsKind
        return str(value)

    schema = {"anyOf": [{"enum": list(allowed)}, {"type": "string", "pattern": f"^{WHOLE}$"}]}
    return Kind("choice", f"one of {listed}", schema, read, allowed[0])


def fixed(*allowed: str) -> Kind:
    """A choice that no reference may stand for: it decides how everything around it is read."""
    kind = choice(*allowed)

    def read(value: Any) -> str:
        if isinstance(value, Resolved):
            raise NotOfItsKind
        return str(kind.parse(value))

    return Kind("choice", kind.expected, {"enum": list(allowed)}, read, allowed[0])


def _number(value: Any) -> int | float:
    if isinstance(value, Resolved):
        if re.fullmatch(r"-?[0-9]{1,15}", value):
            return int(value)
        if re.fullmatch(r"-?[0-9]{1,15}\.[0-9]{1,15}", value):
            return float(value)
        raise NotOfItsKind
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NotOfItsKind
    return value


def _boolean(value: Any) -> bool:
    if isinstance(value, Resolved) and value in {"true", "false"}:
        return value == "true"
    if not isinstance(value, bool):
        raise NotOfItsKind
    return value


def _strict_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise NotOfItsKind
    return value


def _listener(value: str) -> Listener | None:
    if value == "none":
        return None
    if value.startswith("unix:"):
        return Listener(path=value.removeprefix("unix:"))
    host, _, port = value.rpartition(":")
    return Listener(host=host.removeprefix("[").removesuffix("]"), port=int(port))


def _any_case(word: str) -> str:
    """A regular expression for the word in any case: JSON Schema knows no flags."""
    return "".join(f"[{letter.upper()}{letter}]" if letter.isalpha() else letter for letter in word)


def _or_none(value: str) -> str | None:
    return None if value == "none" else value


_MORE_THAN_0 = r"(?=[0-9.]*[1-9])"
_PORT = "(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5]?[0-9]{1,4})"
_HOST_PORT = rf"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):{_PORT}"
_PRINTED = r"[\x21-\x7e]"
_AUTHORITY = rf"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::{_PORT})?"
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_OWN_HEADERS = "|".join(
    _any_case(word)
    for word in (
        "host", "connection", "content-length", "content-type", "transfer-encoding", "accept-encoding", "te", "trailer",
        "upgrade", "expect",
    )
)  # fmt: skip
_ONE_STAR = r"[^\s*\$]*\*?[^\s*\$]*"
_TARGET = rf"{NAME}/(?=[^\s]){_ONE_STAR}"

_DURATION_SAYS = "a duration such as 250ms, 30s, 5m, 24h or 7d"
DURATION = text("duration", _DURATION_SAYS, units.DURATION, "30s", units.parse_duration)
Duration = Annotated[float, DURATION]
"""Seconds; may be 0."""
Period = Annotated[
    float, text("duration", _DURATION_SAYS + ", longer than 0", _MORE_THAN_0 + units.DURATION, "30s", units.parse_duration)
]
"""Seconds, more than 0."""
Size = Annotated[int, text("size", "a size such as 64KiB, 64MiB or 1GiB", _MORE_THAN_0 + units.SIZE, "64MiB", units.parse_size)]
Share = Annotated[float, text("share", "a share such as 5%, from 0% to 100%", units.SHARE, "5%", units.parse_share)]
PerWindow = Annotated[units.Rate, text("rate", "COUNT/WINDOW such as 8/1s or 60/1m", units.RATE, "8/1s", units.parse_rate)]
Tokens = Annotated[int, count("count", 0, "200k")]
SomeTokens = Annotated[int, count("count", 1, 4096)]
Boolean = Annotated[
    bool, Kind("boolean", "true or false", {"type": ["boolean", "string"], "pattern": f"^{WHOLE}$"}, _boolean, True)
]
Flag = Annotated[bool, Kind("boolean", "true or false", {"type": "boolean"}, _strict_boolean, True)]
"""A boolean that no reference may stand for: it decides how references are read."""
Text = Annotated[str, text("text", "text", r"[\s\S]*", "text")]
Money = Annotated[float, number("money", "US dollars, 0 or more", 0, 1e9, 0.15)]
Weight = Annotated[float, number("weight", "a number from 0 to 1000000", 0, 1e6, 1)]
Speed = Annotated[float, number("speed", "a number from 0.001 to 1000000", 0.001, 1e6, 200)]

Name = Annotated[str, text("name", "a name of letters, digits, `_`, `-` and `.`", NAME, "openai")]
ModelName = Annotated[str, text("model name", "a name without spaces, with one `*` at most", rf"(?=[^\s]){_ONE_STAR}", "fast")]
PlainName = Annotated[str, text("model name", "a name without spaces and without `*`", r"[^\s*\$]+", "quick-chat")]
UpstreamName = Annotated[str, text("upstream model", "the name of a model, without spaces", r"[^\s]+", "gpt-4o")]
TARGET = text("target", "PROVIDER/MODEL, with one `*` in the model at most", _TARGET, "openai/gpt-4o-mini")
TargetName = Annotated[str, TARGET]
TargetPattern = Annotated[
    str, text("target pattern", "PROVIDER/MODEL, where `*` stands for anything", rf"{NAME}/[^\s]+", "local/*")
]
Listen = Annotated[Listener, text("listener", "HOST:PORT such as 127.0.0.1:4000", _HOST_PORT, "127.0.0.1:4000", _listener)]
ListenOrNone = Annotated[
    Listener | None,
    text("listener", "HOST:PORT, unix:/PATH or none", rf"{_HOST_PORT}|unix:/\S+|none", "127.0.0.1:8081", _listener),
]
BaseUrl = Annotated[
    str,
    text(
        "URL", "a URL such as https://host/v1", rf"https?://{_AUTHORITY}(?:/[\x21\x22\x24-\x7e]*)?", "https://llm.example.com/v1"
    ),
]
ProxyUrl = Annotated[
    str | None,
    text(
        "proxy",
        "http://HOST:PORT or none",
        rf"http://(?:[\x21-\x2e\x30-\x3f\x41-\x7e]+@)?{_AUTHORITY}/?|none",
        "http://proxy:3128",
        _or_none,
    ),
]
Path = Annotated[str, text("path", "the path of a file", r"(?!none$)[^\s].*", "/etc/ssl/private-ca.pem")]
PathOrNone = Annotated[str | None, text("path", "the path of a file, or none", r"[^\s].*", "/etc/ssl/private-ca.pem", _or_none)]
KEY_HASH = text("hash", "sha256: and 64 hexadecimal digits", r"sha256:[0-9a-fA-F]{64}", "sha256:" + "0" * 64, str.lower)
KeyHash = Annotated[str, KEY_HASH]
HeaderValue = Annotated[
    str, text("header value", "one line of printable ASCII", r"(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?", "search")
]
HeaderName = Annotated[
    str,
    text(
        "header name",
        "a header that is not the router's own to set",
        rf"(?!(?:{_OWN_HEADERS})$)[A-Za-z0-9_.-]+",
        "x-team",
        str.lower,
    ),
]
ApiKey = Annotated[
    Secret | None, secret("secret", "a reference such as ${env:OPENAI_API_KEY}, or none", rf"(?!client$){_PRINTED}+")
]
Token = Annotated[Secret | None, secret("secret", "a reference such as ${env:ROUTER_ADMIN_TOKEN}", rf"{_PRINTED}*")]
ClientSecret = Annotated[Secret | None, secret("secret", "a reference such as ${env:ROUTER_APP_KEY}", rf"(?!none$){_PRINTED}+")]
