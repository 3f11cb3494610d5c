# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot rules stats``: how often rules were reported, and how often people said they were wrong."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import click

from reviewbot.cli.environment import state_directory
from reviewbot.model.command import SubjectKind
from reviewbot.stages.printable import one_line
from reviewbot.tools import database
from reviewbot.tools.statistics import Statistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewbot.cli.main import Invocation
    from reviewbot.model.command import Tried

_SHOWN_REASONS = 20


@click.command(name="stats")
@click.argument("code", required=False)
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table")
@click.pass_context
def stats(ctx: click.Context, code: str | None, *, form: str) -> None:
    """How often each rule was reported by mail, and how often somebody said that it was wrong.

    With CODE (or the name of a test) the reasons people gave.  A rule that is wrong about one series in
    five is marked with "!".
    """
    invocation: Invocation = ctx.obj
    url = database.url_of(invocation.config().engine.database, state_directory())
    with contextlib.closing(Statistics(url)) as statistics:
        if code:
            _reasons(statistics, code, form)
            return
        tried = statistics.tried()
    if form == "json":
        click.echo(json.dumps(_as_json(tried), indent=2))
        return
    for kind, title in ((SubjectKind.RULE, "rule"), (SubjectKind.TEST, "test")):
        _table(title, [one for one in tried if one.kind is kind])
    if not tried:
        click.echo("nothing was reported by mail yet", err=True)


def _table(title: str, tried: Sequence[Tried]) -> None:
    if not tried:
        return
    click.echo(
        f"  {title:<36}{'found':>7}{'series':>8}{'invalid':>9}{'of these author':>17}{'ratio':>7}"
    )
    worst = sorted(tried, key=lambda one: (-one.ratio, one.name))
    for one in worst:
        mark = "!" if one.doubtful else " "
        click.echo(
            f"{mark} {one_line(one.name)[:35]:<36}{one.findings:>7}{one.series:>8}{one.objected:>9}"
            f"{one.by_author:>17}{one.ratio:>7.0%}"
        )


def _as_json(tried: Sequence[Tried]) -> dict[str, list[dict[str, object]]]:
    return {
        f"{kind}s": [
            {
                "name": one.name,
                "found": one.findings,
                "series": one.series,
                "invalid": one.objected,
                "by_author": one.by_author,
                "ratio": round(one.ratio, 4),
                "doubtful": one.doubtful,
            }
            for one in tried
            if one.kind is kind
        ]
        for kind in SubjectKind
    }


def _reasons(statistics: Statistics, name: str, form: str) -> None:
    found = statistics.reasons(SubjectKind.RULE, name.upper())
    found = found or statistics.reasons(SubjectKind.TEST, name)
    if form == "json":
        rows = [{"series": series, "who": who, "reason": reason} for series, who, reason in found]
        click.echo(json.dumps(rows, indent=2))
        return
    for series, who, reason in found[:_SHOWN_REASONS]:
        click.echo(f"{one_line(series)}  {one_line(who)}: {one_line(reason)}")
    if not found:
        click.echo(f"nobody has objected to {one_line(name)}", err=True)
