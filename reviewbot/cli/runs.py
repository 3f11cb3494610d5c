# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot runs`` and ``reviewbot show``: what was reviewed before."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from reviewbot.cli.environment import store
from reviewbot.cli.review import FORMATS
from reviewbot.stages.printable import one_line

if TYPE_CHECKING:
    from reviewbot.cli.main import Invocation


@click.command()
@click.option("--limit", "-n", type=click.IntRange(1, 10_000), default=20, show_default=True)
def runs(limit: int) -> None:
    """List the newest reviews, one a line: run, verdict, series."""
    shown = False
    for run in store().runs(limit):
        shown = True
        verdict = run.verdict.kind if run.verdict else "unfinished"
        title = run.series.title if run.series else run.request
        version = f"v{run.series.revision} " if run.series and run.series.revision > 1 else ""
        click.echo(f"{run.id}  {verdict:<15} {version}{one_line(title)}")
    if not shown:
        click.echo("no reviews yet; 'reviewbot review SERIES' makes one", err=True)


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.pass_context
def show(ctx: click.Context, run_id: str, form: str) -> None:
    """Print the report of RUN again: an id of 'reviewbot runs', the start of one, or "last"."""
    from reviewbot.stages import report  # noqa: PLC0415 - jinja2 only when needed

    invocation: Invocation = ctx.obj
    config = invocation.config()
    run = store().load(run_id)
    sys.stdout.buffer.write(report.run(run, form, report.settings(config, form)))
