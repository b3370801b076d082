"""Secrets belong into the environment or a file of their own, not into a configuration that is shared, diffed and backed up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from router.config.checks.base import Check, Text, mapping, named, section
from router.config.diagnostics import Diagnostic, Suggestion
from router.config.explanation import Code
from router.config.secrets import SHAPES, USERINFO
from router.config.tree import Document, dotted, join

_CREDENTIAL_HEADERS = frozenset(("authorization", "x-api-key", "api-key", "proxy-authorization"))
_NO_SECRET = frozenset(("", "none", "client"))

LITERAL = Code(
    "RC301",
    "policy",
    "a secret is written into the file",
    "The file holds a credential itself. Configuration files are committed, reviewed, copied into tickets and kept as earlier"
    " generations; whoever sees one has the key. Once it was committed it has to be replaced at the vendor: removing it from the"
    " file does not take it out of the history.",
    "Put it into the environment or a file of its own, refer to it, and replace the key if the file has been shared.",
    "providers:\n  openai: {type: openai, api_key: sk-proj-Abc…}",
    'providers:\n  openai: {type: openai, api_key: "${env:OPENAI_API_KEY}"}',
    allowable=True,
)


def literal_secret(document: Document) -> Iterator[Diagnostic]:
    """RC301: any literal where a credential stands, and what looks like one anywhere."""
    seen = set()
    for text, variable in _credentials(document):
        if text.text in _NO_SECRET or "${" in text.text:
            continue
        seen.add(text.pointer)
        yield _finding(document, text.pointer, f"${{env:{variable}}}")
    for text in _strings(document.value, ""):
        if text.pointer not in seen and (SHAPES.search(text.text) or USERINFO.search(text.text)):
            yield _finding(document, text.pointer, "${env:NAME}")


def _finding(document: Document, pointer: str, reference: str) -> Diagnostic:
    # No edit: `--fix` would throw the only copy of a key away.
    fix = Suggestion(f"write {reference} or ${{file:/run/secrets/NAME}}, and set it there")
    message = "a secret is written into the file"
    return Diagnostic(
        "RC301",
        "error",
        message,
        pointer,
        document.at(pointer),
        label=f"`{dotted(pointer)}` takes a reference",
        suggestions=(fix,),
    )


def _credentials(document: Document) -> Iterator[tuple[Text, str]]:
    """Every place whose text is a credential, and a name for the variable that should hold it."""
    for provider in named(document, "providers"):
        if isinstance(text := provider.value.get("api_key"), str):
            yield Text(join(provider.pointer, "api_key"), text), f"{_upper(provider.name)}_API_KEY"
        headers = mapping(provider.value, "headers")
        for name, value in headers.items():
            if name.lower() in _CREDENTIAL_HEADERS and isinstance(value, str):
                yield Text(join(join(provider.pointer, "headers"), name), value), f"{_upper(provider.name)}_API_KEY"
    for key in named(document, "keys"):
        if isinstance(text := key.value.get("secret"), str):
            yield Text(join(key.pointer, "secret"), text), f"ROUTER_{_upper(key.name)}_KEY"
    if isinstance(text := section(document, "server").get("admin_token"), str):
        yield Text("/server/admin_token", text), "ROUTER_ADMIN_TOKEN"


def _upper(name: str) -> str:
    return "".join(char if char.isascii() and char.isalnum() else "_" for char in name).upper()


def _strings(value: Any, pointer: str) -> Iterator[Text]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(item, join(pointer, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _strings(item, join(pointer, i))
    elif isinstance(value, str):
        yield Text(pointer, value)


CHECKS = (Check("policy", literal_secret, (LITERAL,)),)
