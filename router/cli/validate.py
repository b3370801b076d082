"""`router validate`: is this configuration right? All of it, at once, without starting anything."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

import click

from router.cli.options import STDIN, common, config_paths, options_of
from router.cli.output import Report, Unreadable, read_sources
from router.config.check import Checked, check
from router.config.explanation import LEVELS, Level
from router.config.fix import fixed
from router.config.load import Source

MAX_ROUNDS = 10  # A fix can bring the next mistake to light; it never takes so many.

EPILOG = """\b
Levels, each with all before it:
  syntax   it is YAML, and means the same to every reader
  schema   every key is known and every value has its form
  refs     every name leads somewhere
  policy   nothing is open, written out or allowed that should not be   [default]
  env      every reference is set here, and the router would start

\b
Examples:
  router validate                        offline, needs no secret
  router validate --level env            on the machine that will run it
  router validate --fix                  make the edits that leave no choice
  router -c router.yaml validate --format json | jq .errors
"""


class _Day(click.ParamType[date]):
    name = "day"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day such as 2027-01-31", param, ctx)


@common
@click.command(epilog=EPILOG)
@click.option("--level", type=click.Choice(LEVELS), default="policy", show_default=True, help="How far to look.")
@click.option("--at", type=_Day(), metavar="DATE", help="Judge as on that day: allowances expire.  [default: today]")
@click.option("--max-errors", type=click.IntRange(min=1), metavar="N", help="Show at most N findings; all are counted.")
@click.option("--fix", is_flag=True, help="Make the edits that findings suggest where there is no choice, in the files.")
@click.pass_context
def validate(ctx: click.Context, level: Level, at: date | None, max_errors: int | None, fix: bool) -> None:
    """Check the configuration: every file, every level, all problems at once.

    The daemon asks the same questions with the same code before it uses a file.
    """
    options = options_of(ctx)
    paths = config_paths(options)
    if fix and STDIN in paths:
        raise click.UsageError("--fix writes files: it cannot fix standard input")
    today = at or datetime.now(UTC).date()
    sources = read_sources(paths)
    checked = _check(sources, level, today)
    if fix:
        checked = _fix(sources, checked, level, today)
    report = Report(options, most=max_errors)
    report.show(checked.diagnostics, checked.files, checked.levels, dict(checked.document.sources))
    ctx.exit(report.exit_code(checked.diagnostics))


def _check(sources: Sequence[Source], level: Level, today: date) -> Checked:
    return check(sources, level=level, environ=os.environ, read_file=lambda name: Path(name).read_bytes(), today=today)


def _fix(sources: Sequence[Source], checked: Checked, level: Level, today: date) -> Checked:
    """Fixes and looks again, until nothing is left that can be fixed. Writes each changed file once."""
    now = list(sources)
    for _ in range(MAX_ROUNDS):
        better = fixed(now, checked.diagnostics)
        if better == now:
            break
        now = better
        checked = _check(now, level, today)
    for before, after in zip(sources, now, strict=True):
        if after != before:
            _replace(Path(after.name), after.text)
            click.echo(f"{after.name}: fixed", err=True)
    return checked


def _replace(path: Path, content: bytes) -> None:
    """All or nothing: a daemon that watches the file never sees half of it. A link stays a link."""
    target = path.resolve()
    try:
        with NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new = Path(file.name)
        try:
            new.chmod(target.stat().st_mode & 0o7777)
            new.replace(target)
        except OSError:
            new.unlink()
            raise
    except OSError as error:
        raise Unreadable(f"{path} cannot be written: {error.strerror or error}") from error
