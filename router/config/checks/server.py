"""Who can reach the two ports, and whom they let in."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from router.config.checks.base import Check, named, section
from router.config.diagnostics import Diagnostic, Edit, Range, Suggestion
from router.config.explanation import Code
from router.config.tree import Document

LISTEN_DEFAULT = "127.0.0.1:4000"

OPEN_ADMIN = Code(
    "RC404",
    "policy",
    "an admin port open to the network without a token",
    "`server.admin` listens on an address that other machines reach, and `server.admin_token` is not set. The admin port shows"
    " the configuration and can change what the router does; it never goes by client keys.",
    "Set `admin_token`, or listen on loopback or a unix socket, or write `admin: none`.",
    "server:\n  admin: 0.0.0.0:8081",
    "server:\n  admin: 0.0.0.0:8081\n  admin_token: ${env:ROUTER_ADMIN_TOKEN}",
)
NOBODY = Code(
    "RC405",
    "policy",
    "keys are asked for, and there are none",
    "`server.auth` is `keys`, and no entry of `keys` is enabled: every request gets 401.",
    "Add a key, enable one, or write `auth: none` for a listener that only this machine reaches.",
    "server: {auth: keys}",
    'server: {auth: keys}\nkeys:\n  web: {secret: "${env:WEB_KEY}"}',
    severity="warning",
    allowable=True,
)
OPEN_DATA = Code(
    "RC410",
    "policy",
    "a listener open to the network, and nobody needs a key",
    "`server.listen` is an address that other machines reach, no client key is declared, and the file does not say that this is"
    " meant. Whoever finds the port could spend your money at every provider of the file.",
    "Declare client keys, or listen on 127.0.0.1, or write `auth: none` when something in front of the router does the checking.",
    "server:\n  listen: 0.0.0.0:4000",
    'server:\n  listen: 0.0.0.0:4000\nkeys:\n  web: {secret: "${env:WEB_KEY}"}',
)


def open_data_port(document: Document) -> Iterator[Diagnostic]:
    """RC410"""
    server = section(document, "server")
    listen = server.get("listen", LISTEN_DEFAULT)
    if "auth" in server or section(document, "keys") or not is_open(listen):
        return
    place = document.at("/server/listen")
    port = str(listen).rpartition(":")[2]
    loopback = Edit(place.range, f"127.0.0.1:{port}")
    start = document.at_key("/server/listen").range.start
    say_so = Edit(Range(start, start), f"auth: none\n{' ' * (start.column - 1)}")
    block = place.range.start.line > document.at_key("/server").range.start.line
    yield Diagnostic(
        "RC410",
        "error",
        f"`server.listen` {listen} is open to the network, and nobody needs a key",
        "/server/listen",
        place,
        label="other machines reach this",
        suggestions=(
            Suggestion("give clients keys: an entry under `keys`"),
            Suggestion(f"listen on this machine only: 127.0.0.1:{port}", (loopback,)),
            Suggestion("or, if something in front does the checking, write `auth: none`", (say_so,) if block else ()),
        ),
    )


def open_admin_port(document: Document) -> Iterator[Diagnostic]:
    """RC404"""
    server = section(document, "server")
    admin = server.get("admin", "none")
    if not is_open(admin) or server.get("admin_token", "none") not in {"", "none"}:
        return
    yield Diagnostic(
        "RC404",
        "error",
        f"`server.admin` {admin} is open to the network, and `server.admin_token` is not set",
        "/server/admin",
        document.at("/server/admin"),
        label="other machines reach this",
        suggestions=(Suggestion("set `admin_token: ${env:ROUTER_ADMIN_TOKEN}`, or listen on 127.0.0.1 or unix:/PATH"),),
    )


def nobody_gets_in(document: Document) -> Iterator[Diagnostic]:
    """RC405"""
    server = section(document, "server")
    if server.get("auth") != "keys" or any(key.value.get("enabled") is not False for key in named(document, "keys")):
        return
    message = "`server.auth` asks for keys, and none is enabled"
    yield Diagnostic("RC405", "warning", message, "/server/auth", document.at("/server/auth"), label="every request gets 401")


def is_open(listener: object) -> bool:
    """Whether other machines reach it. False for what cannot be told: a reference, or what is no listener."""
    if not isinstance(listener, str) or listener.startswith("unix:") or ":" not in listener or "${" in listener:
        return False
    host = listener.rpartition(":")[0].removeprefix("[").removesuffix("]")
    if host == "localhost":
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True  # A name: what it resolves to is not known here.


CHECKS = (
    Check("policy", open_data_port, (OPEN_DATA,), resolved=True),
    Check("policy", open_admin_port, (OPEN_ADMIN,), resolved=True),
    Check("policy", nobody_gets_in, (NOBODY,)),
)
