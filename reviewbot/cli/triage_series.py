# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot triage show|diff|note|snooze|done``: one series."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reviewbot.cli.desk import colourful, complete_id, from_place, open_desk, prose_width
from reviewbot.cli.environment import tools_for
from reviewbot.model.codec import to_json
from reviewbot.model.errors import UserError
from reviewbot.parse.until import moment_of
from reviewbot.stages.printable import one_line, printable
from reviewbot.stages.triage_detail import detail
from reviewbot.stages.triage_table import paint

if TYPE_CHECKING:
    from reviewbot.cli.main import Invocation
    from reviewbot.engine.triage import Triage
    from reviewbot.model.triage import Card, Item

_REVISIONS = re.compile(r"v?(\d{1,3})\.\.v?(\d{1,3})")
_NOTE = 4000
_TONES = {"+": "good", "-": "bad", "!": "warn", "@": "new"}


@click.command(short_help="Show one series, and why it is ranked so.")
@click.argument("name", metavar="ID", shell_complete=complete_id)
@click.option("--json", "as_json", is_flag=True, help="Everything that is known, as JSON.")
@from_place
@click.pass_context
def show(
    ctx: click.Context, name: str, *, as_json: bool, origin: str | None, days: int, cached: bool
) -> None:
    """Show one series: why it is ranked so, who reviewed what, findings, clashes, notes."""
    with open_desk(ctx.obj, origin, days=days, cached=cached) as desk:
        item = desk.find(name)
        names = desk.desk.names()
    if as_json:
        sys.stdout.buffer.write(to_json(item) + b"\n")
        return
    for line in detail(item, names, width=prose_width(), colour=colourful()):
        click.echo(line, color=True)


@click.command(short_help="Show what changed between two revisions.")
@click.argument("name", metavar="ID", shell_complete=complete_id)
@click.argument("revisions", metavar="[vN..vM]", required=False)
@click.option("--tree", "trees", multiple=True, metavar="PATH", help="Kernel repository.")
@from_place
@click.pass_context
def diff(
    ctx: click.Context,
    name: str,
    revisions: str | None,
    *,
    trees: tuple[str, ...],
    origin: str | None,
    days: int,
    cached: bool,
) -> None:
    """Show what changed between two revisions (default: the last two), and in the findings.

    git range-diff where both apply to a tree; otherwise the mails are compared.
    """
    from reviewbot.cli.review import trees_of  # noqa: PLC0415 - loads the pipeline
    from reviewbot.engine.revisions import compare, series_of  # noqa: PLC0415 - see above
    from reviewbot.model.base import Tree  # noqa: PLC0415 - see above
    from reviewbot.stages.triage_diff import finding_changes, mail_diff  # noqa: PLC0415 - see above

    invocation: Invocation = ctx.obj
    config = invocation.config()
    paths = [Path(one).expanduser().absolute() for one in trees]
    named = tuple(Tree(name=path.name, path=str(path)) for path in paths) or trees_of(config)
    with (
        open_desk(invocation, origin, days=days, cached=cached) as desk,
        tools_for(config, quiet=True) as tools,
    ):
        old, new = _two(desk, desk.find(name), revisions)
        before, after = (series_of(desk, one, tools) for one in (old, new))
        compared = compare(before, after, named, tools)
        reviews = desk.reviews()
    colour = colourful()
    if compared.why_not:
        why = one_line(compared.why_not)
        click.echo(f"reviewbot: comparing the mails, not commits: {why}", err=True)
    lines = mail_diff(before, after) if compared.why_not else compared.text.rstrip().split("\n")
    for line in lines:
        text = printable(line)
        click.echo(paint(text, _TONES.get(text.strip()[:1], ""), on=colour), color=True)
    found = (reviews.get(old.message_id), reviews.get(new.message_id))
    click.echo()
    for line in finding_changes(*found, (f"v{old.revision}", f"v{new.revision}")):
        click.echo(line)


def _two(desk: Triage, item: Item, revisions: str | None) -> tuple[Card, Card]:
    """The cards of the two revisions."""
    everyone = [(item.card.revision, item.card.message_id), *item.history]
    known = dict(reversed(everyone))  # of one revision sent twice, the later one
    numbers = sorted(known)
    if revisions is None:
        if len(numbers) < 2:
            raise UserError(f"{item.id} has one revision only, v{item.card.revision}")
        wanted = numbers[-2:]
    else:
        match = _REVISIONS.fullmatch(revisions)
        if match is None:
            raise UserError(f"{revisions[:40]!a}: expected two revisions, such as v3..v4")
        wanted = [int(match[1]), int(match[2])]
    found = []
    for number in wanted:
        card = desk.desk.card(known[number]) if number in known else None
        if card is None:
            there = ", ".join(f"v{one}" for one in numbers)
            raise UserError(f"{item.id}: v{number} is not known; there are {there}")
        found.append(card)
    return found[0], found[1]


@click.command()
@click.argument("name", metavar="ID", shell_complete=complete_id)
@click.argument("text", nargs=-1)
@from_place
@click.pass_context
def note(
    ctx: click.Context,
    name: str,
    text: tuple[str, ...],
    *,
    origin: str | None,
    days: int,
    cached: bool,
) -> None:
    """Write a note to a series; it is shown with later revisions too.  Without TEXT it is removed."""
    words = " ".join(text).strip()
    if len(words) > _NOTE:
        raise UserError(f"a note has at most {_NOTE} characters; this one has {len(words)}")
    with open_desk(ctx.obj, origin, days=days, cached=cached) as desk:
        item = desk.find(name)
        desk.mark(item, note=words)
    click.echo(f"{item.id} v{item.card.revision}: {'noted' if words else 'note removed'}")


@click.command()
@click.argument("name", metavar="ID", shell_complete=complete_id)
@click.argument("until", default="7d")
@from_place
@click.pass_context
def snooze(
    ctx: click.Context, name: str, until: str, *, origin: str | None, days: int, cached: bool
) -> None:
    """Leave a series out for a while: 3d, 2w, 1m, or a date.  0 ends it; so does a new revision."""
    moment = moment_of(until, time.time())
    with open_desk(ctx.obj, origin, days=days, cached=cached) as desk:
        item = desk.find(name)
        desk.mark(item, snoozed=moment)
    when = time.strftime("until %Y-%m-%d", time.localtime(moment)) if moment else "no longer"
    click.echo(f"{item.id} v{item.card.revision}: snoozed {when}")


@click.command()
@click.argument("name", metavar="ID", shell_complete=complete_id)
@click.option("--undo", is_flag=True, help="Bring it back.")
@from_place
@click.pass_context
def done(
    ctx: click.Context, name: str, *, undo: bool, origin: str | None, days: int, cached: bool
) -> None:
    """Put a series away.  A new revision of it is shown again."""
    with open_desk(ctx.obj, origin, days=days, cached=cached) as desk:
        item = desk.find(name)
        desk.mark(item, done=not undo)
    click.echo(f"{item.id} v{item.card.revision}: {'back in the list' if undo else 'done'}")
