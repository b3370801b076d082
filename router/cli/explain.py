"""`router explain CODE`: the long text behind a finding."""

from __future__ import annotations

import os
from dataclasses import asdict
from textwrap import fill, indent

import click

from router.cli.options import common, options_of
from router.cli.output import write, write_json
from router.config.codes import CATALOGUE
from router.config.explanation import Code
from router.config.similar import nearest

WIDTH = 88


@common
@click.command(
    epilog="""\b
Examples:
  router explain RC101
  router explain                 every code, a line each
"""
)
@click.argument("code", required=False)
@click.pass_context
def explain(ctx: click.Context, code: str | None) -> None:
    """Tell what a finding means, why it matters and how to fix it, with an example. Without CODE: list them all."""
    options = options_of(ctx)
    as_json = options.shape(os.environ) == "json"
    if code is None:
        if as_json:
            write_json({"codes": [asdict(each) for each in CATALOGUE.values()]}, options)
        else:
            write("".join(f"{each.code}  {each.severity:7}  {each.title}\n" for each in CATALOGUE.values()), options)
        return
    found = CATALOGUE.get(code.upper())
    if found is None:
        near = nearest(code.upper(), CATALOGUE)
        hint = f"did you mean {near}?" if near else "`router explain` lists them all"
        raise click.BadParameter(f"no finding has the code {code!r}; {hint}", ctx=ctx, param_hint="CODE")
    if as_json:
        write_json(asdict(found), options)
    else:
        write(_page(found), options)


def _page(code: Code) -> str:
    allowed = (
        f'\n\nTo allow it at one place:\n    # router: allow {code.code} reason="…" until=YYYY-MM-DD' if code.allowable else ""
    )
    return (
        f"{code.severity}[{code.code}]: {code.title}\n\n{fill(code.why, WIDTH)}\n\n{fill(code.fix, WIDTH)}\n\n"
        f"Wrong:\n{indent(code.wrong, '    ')}\n\nRight:\n{indent(code.right, '    ')}{allowed}\n"
    )
