"""`${env:NAME}`, `${env:NAME:-default}` and `${file:/path}` in the strings of a parsed file.

A reference is put into a leaf after parsing, never read again, and so can never add structure. Values never appear in a
finding, a repr or an exception: `Resolved` shows where it came from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from router.config.diagnostics import Diagnostic
from router.config.tree import Document, dotted, join

ENV_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
WHOLE = rf"\$\{{(?:env:{ENV_NAME}(?::-[^{{}}]*)?|file:[^{{}}]+)\}}"
"""One reference and nothing else: what a number or a duration may be spelled as."""
_PIECE = re.compile(rf"\$\$|\$\{{env:({ENV_NAME})(?::-([^{{}}]*))?\}}|\$\{{file:([^{{}}]+)\}}|\$\{{[^}}]*\}}?")
_FORMS = "${env:NAME}, ${env:NAME:-default} or ${file:/path}"


class Resolved(str):
    """Text that came, wholly or in part, from outside the file. Its repr tells the origin only."""

    __slots__ = ("origin",)
    origin: str
    """`env:NAME` or `file:/path`; several are joined by ` + `."""

    def __new__(cls, text: str, origin: str) -> Self:
        made = super().__new__(cls, text)
        made.origin = origin
        return made

    def __repr__(self) -> str:
        return f"<{self.origin}>"


class Unset(Resolved):
    """Stands where a reference of an optional provider found nothing. The provider is off, its values are never used."""


@dataclass(frozen=True, slots=True)
class ResolvedDocument(Document):
    """A document whose strings hold what their references stand for."""

    off: Mapping[str, str] = field(default_factory=dict)
    """Optional providers that are off, and why."""


def check_syntax(document: Document) -> list[Diagnostic]:
    """Every `${` that is no reference, in every string. Looks at no environment."""
    return [
        _finding(document, pointer, "RC114", f"`{dotted(pointer)}` has a `${{` that is no reference", f"not one of {_FORMS}")
        for pointer, text in _strings(document.value, "")
        if any(_malformed(piece) for piece in _PIECE.finditer(text))
    ]


def resolve(
    document: Document, environ: Mapping[str, str], read_file: Callable[[str], bytes]
) -> tuple[ResolvedDocument, list[Diagnostic]]:
    """The document with every reference replaced, and what could not be (RC114, RC601, RC603).

    `read_file` takes the path of a `${file:…}` and raises OSError; one newline at the end of a file is cut. A reference that
    finds nothing under a provider marked `optional: true` is no finding: the provider stands in `off`.
    """
    walk = _Walk(document, environ, read_file)
    value = walk.node(document.value, "", None)
    resolved = ResolvedDocument(value, document.values, document.keys, document.sources, walk.off)
    return resolved, walk.findings


class _Absent(Exception):
    """A reference found nothing: code and reason."""


@dataclass(slots=True)
class _Walk:
    document: Document
    environ: Mapping[str, str]
    read_file: Callable[[str], bytes]
    off: dict[str, str] = field(default_factory=dict)
    findings: list[Diagnostic] = field(default_factory=list)

    def node(self, value: Any, pointer: str, optional: str | None) -> Any:
        """`optional` is the name of the optional provider this node belongs to."""
        if isinstance(value, dict):
            return {
                key: self.node(each, join(pointer, key), optional or _optional(pointer, key, each)) for key, each in value.items()
            }
        if isinstance(value, list):
            return [self.node(each, join(pointer, index), optional) for index, each in enumerate(value)]
        return self.text(value, pointer, optional) if isinstance(value, str) and "$" in value else value

    def text(self, text: str, pointer: str, optional: str | None) -> str:
        origins: list[str] = []
        try:
            made = _PIECE.sub(lambda piece: self.piece(piece, origins), text)
        except _Absent as absent:
            code, reason, label = absent.args
            origin = " + ".join(origins) or "nothing"
            if optional is None or code == "RC114":
                self.findings.append(_finding(self.document, pointer, code, f"`{dotted(pointer)}`: {reason}", label))
            else:
                self.off.setdefault(optional, reason)
            return Unset("", origin)
        return Resolved(made, " + ".join(dict.fromkeys(origins))) if origins else made

    def piece(self, piece: re.Match[str], origins: list[str]) -> str:
        if piece[0] == "$$":
            return "$"
        name, default, path = piece.groups()
        if name is not None:
            origins.append(f"env:{name}")
            return self._variable(name, default)
        if path is not None:
            origins.append(f"file:{path}")
            return self._file(path)
        raise _Absent("RC114", "a `${` that is no reference", f"not one of {_FORMS}")

    def _variable(self, name: str, default: str | None) -> str:
        value = self.environ.get(name, "")
        if value or default is not None:
            return value or default or ""
        state = "empty" if name in self.environ else "not set"
        raise _Absent("RC601", f"the environment variable {name} is {state}", f"set {name}, or write ${{env:{name}:-default}}")

    def _file(self, path: str) -> str:
        try:
            text = self.read_file(path).decode()
        except OSError as exc:
            raise _Absent(
                "RC603", f"{path} cannot be read: {exc.strerror or type(exc).__name__}", "this file is read at load"
            ) from None
        except UnicodeDecodeError:
            raise _Absent("RC603", f"{path} is not UTF-8 text", "this file is read at load") from None
        text = text.removesuffix("\n").removesuffix("\r")
        if not text:
            raise _Absent("RC603", f"{path} is empty", "this file is read at load")
        return text


def plain(value: Any) -> Any:
    """The same tree with ordinary strings: for values that are data from here on."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return str(value) if isinstance(value, str) else value


def _optional(pointer: str, key: str, value: Any) -> str | None:
    return key if pointer == "/providers" and isinstance(value, dict) and value.get("optional") is True else None


def _malformed(piece: re.Match[str]) -> bool:
    return piece[0] != "$$" and piece[1] is None and piece[3] is None


def _strings(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _strings(each, join(pointer, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _strings(each, join(pointer, index))
    elif isinstance(value, str) and "${" in value:
        yield pointer, value


def _finding(document: Document, pointer: str, code: str, message: str, label: str) -> Diagnostic:
    return Diagnostic(code, "error", message, pointer, document.at(pointer), label)
