"""`router serve`: run the daemon on what the configuration says."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click
import uvloop

from router.cli.exits import NOT_FINE, REFUSED
from router.cli.options import STDIN, common, config_paths, options_of
from router.cli.output import Report, Unreadable
from router.config.diagnostics import ConfigError
from router.config.explanation import LEVELS
from router.config.files import Files
from router.config.load import Source, texts
from router.daemon import serve as run
from router.runtime import Runtime

EPILOG = """\b
While it runs:
  save the file         the change is in force a moment later; a broken one changes nothing and is logged
  SIGHUP                look at the file now
  SIGTERM, SIGINT       drain: finish what is open, then end; once more: end now
  GET  /readyz          on both ports; 503 while draining
  GET  /-/status        on the admin port: what runs, what was refused, what is open
  POST /-/reload        on the admin port: reload and say what came of it

\b
Examples:
  router serve
  router -c base.yaml -c prod.yaml serve
  router serve --check-only             would it start here?
"""


@common
@click.command(epilog=EPILOG)
@click.option("--check-only", is_flag=True, help="Check everything a start would, references included, and end.")
@click.pass_context
def serve(ctx: click.Context, check_only: bool) -> None:
    """Run the daemon in the foreground. Log lines go to standard error."""
    options = options_of(ctx)
    paths = config_paths(options)
    if STDIN in paths:
        raise click.UsageError("serve watches its files: it cannot read standard input")
    files = Files(tuple(Path(path) for path in paths))
    report = Report(options)
    sources = _read(files)
    try:
        runtime = Runtime(files, sources, os.environ, time.time)
    except ConfigError as error:
        report.show(error.diagnostics, paths, LEVELS, dict(texts(sources)))
        ctx.exit(REFUSED)
    if check_only:
        report.show(runtime.warnings, paths, LEVELS, dict(texts(sources)))
        ctx.exit(report.exit_code(runtime.warnings))
    try:
        uvloop.run(run(runtime))
    except OSError as error:
        click.echo(f"router: cannot start: {error.strerror or error}", err=True)
        ctx.exit(NOT_FINE)


def _read(files: Files) -> tuple[Source, ...]:
    try:
        return files.read()
    except OSError as error:
        raise Unreadable(f"{error.filename} cannot be read: {error.strerror or error}") from error
