"""`router reset TARGET`: tell the daemon to forget what speaks against a target, or against all of a provider."""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import click
import orjson
from pydantic import ValidationError

from router.cli.exits import FINE, NOT_FINE
from router.cli.options import common, config_paths, options_of
from router.cli.output import Unreadable, read_sources, write_json
from router.config.load import Source, load
from router.config.model.server import ServerConfig
from router.config.references import resolve
from router.config.render import one_line
from router.snapshot import Listener
from router.types import Json

PATIENCE = 10.0
"""Seconds a daemon gets to answer: it does so from memory."""
EPILOG = """\b
The daemon is the one that the configuration's `server.admin` names.

\b
Exit codes:
  0  done                               4  no daemon answers there
  1  refused, or nothing has that name

\b
Examples:
  router reset groq/llama-3.3-70b-versatile   one target
  router reset groq                           every target of a provider
  router reset "openai/gpt-*"                 what a pattern's target was used as
"""


class NoDaemon(click.ClickException):
    exit_code = 4


@common
@click.command(epilog=EPILOG)
@click.argument("target")
@click.pass_context
def reset(ctx: click.Context, target: str) -> None:
    """Close the breakers of TARGET (PROVIDER/MODEL, or PROVIDER for all of it) and end its parking, now.

    What the daemon has learned about failing is forgotten; if the trouble is still there, it learns it again.
    """
    options = options_of(ctx)
    server = _server(read_sources(config_paths(options)))
    status, answer = _post(server, "/-/reset", {"target" if "/" in target else "provider": target})
    if options.shape(os.environ) == "json":
        write_json(answer, options)
    elif status == 200:
        count = answer["reset"]
        click.echo(f"{target}: reset {count}" if count else f"{target}: nothing to reset", err=True)
    else:
        click.echo(f"{target}: {answer.get('error', f'the daemon answers {status}')}", err=True)
    ctx.exit(FINE if status == 200 else NOT_FINE)


def _server(sources: Sequence[Source]) -> ServerConfig:
    """The `server` part alone: secrets of providers need not be set where this is called. Raises `Unreadable`."""
    document, found = load(sources)
    if document is None:
        raise Unreadable(one_line(found[0]) if found else "the configuration is empty")
    part = replace(document, value={"server": document.value.get("server", {})})
    resolved, found = resolve(part, os.environ, lambda name: Path(name).read_bytes())
    if found:
        raise Unreadable(one_line(found[0]))
    try:
        return ServerConfig.model_validate(resolved.value["server"])
    except ValidationError:
        raise Unreadable("`server` is not right: see `router validate`") from None


def _post(server: ServerConfig, path: str, value: Json) -> tuple[int, Json]:
    if server.admin is None:
        raise NoDaemon("`server.admin` is none: the daemon cannot be asked")
    headers = {"content-type": "application/json"}
    if server.admin_token is not None:
        headers["authorization"] = f"Bearer {server.admin_token.reveal()}"
    connection = _connection(server.admin)
    try:
        connection.request("POST", path, orjson.dumps(value), headers)
        response = connection.getresponse()
        answer = orjson.loads(response.read())
    except (OSError, http.client.HTTPException, orjson.JSONDecodeError) as error:
        raise NoDaemon(f"no daemon answers on {server.admin}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    return response.status, answer if isinstance(answer, dict) else {}


def _connection(listener: Listener) -> http.client.HTTPConnection:
    if listener.path:
        return _UnixConnection(listener.path)
    return http.client.HTTPConnection(_reachable(listener.host), listener.port, timeout=PATIENCE)


def _reachable(host: str) -> str:
    """Who listens on every address is reached on loopback."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
