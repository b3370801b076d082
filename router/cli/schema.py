"""`router schema`: the configuration language, for editors and for CI."""

from __future__ import annotations

from pathlib import Path

import click

from router.cli.exits import NOT_FINE
from router.cli.options import common, options_of
from router.cli.output import Unreadable, write
from router.config.schema import render

EPILOG = """\b
Examples:
  router schema > router.schema.json
  router schema --check schemas/router.schema.json      in CI: is it fresh?

\b
In the first line of a configuration, for editors with a YAML language server:
  # yaml-language-server: $schema=router.schema.json
"""


@common
@click.command(epilog=EPILOG)
@click.option("--check", metavar="FILE", help="Print nothing; exit 1 when FILE is not this very schema.")
@click.pass_context
def schema(ctx: click.Context, check: str | None) -> None:
    """Print the JSON Schema (draft-07) of the configuration. The daemon validates with the same one."""
    if check is None:
        write(render(), options_of(ctx))
        return
    try:
        found = Path(check).read_bytes()
    except OSError as error:
        raise Unreadable(f"{check} cannot be read: {error.strerror or error}") from error
    if found != render().encode():
        click.echo(f"{check} is not the schema of this version: router schema > {check}", err=True)
        ctx.exit(NOT_FINE)
