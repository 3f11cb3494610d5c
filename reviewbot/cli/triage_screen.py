# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot triage screen``: the same list to move about in."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from reviewbot.cli.desk import from_place
from reviewbot.cli.triage_words import Words, picked, view_words, views
from reviewbot.model.errors import UserError
from reviewbot.parse.wanted import ordered, parse_wanted

if TYPE_CHECKING:
    from reviewbot.cli.main import Invocation


@click.command(cls=Words, short_help="Move about in the list, read patches, begin reviews.")
@picked
@click.option(
    "--tree", "trees", multiple=True, metavar="PATH", help="Kernel repository for reviews."
)
@from_place
@click.pass_context
def screen(
    ctx: click.Context,
    words: tuple[str, ...],
    *,
    view: str | None,
    sort: str | None,
    everything: bool,
    trees: tuple[str, ...],
    origin: str | None,
    days: int,
    cached: bool,
) -> None:
    """Move about in the list, read patches with findings and logs, begin reviews and watch them.

    WORDS pick series as in 'reviewbot triage'.  Keys are shown at the bottom, "?" shows all of them.
    """
    _need_terminal()
    from reviewbot.cli.screen_archive import ScreenArchive  # noqa: PLC0415 - see below
    from reviewbot.screen.app import TriageScreen  # noqa: PLC0415 - Textual, for this command only
    from reviewbot.screen.listing import Wish  # noqa: PLC0415 - see above

    invocation: Invocation = ctx.obj
    config = invocation.config()
    chosen = " ".join((*view_words(config, view), *words))
    parse_wanted(chosen.split(), frozenset())  # now, as one line; not in the middle of the screen
    ordered([], sort or "")
    if not os.environ.get("NO_COLOR"):
        os.environ.pop("NO_COLOR", None)  # empty is not set (no-color.org); Textual thinks it is
    app = TriageScreen(
        ScreenArchive(invocation, origin, trees, days=days, cached=cached),
        where=origin or "followed lists",
        views=views(config),
        wish=Wish(words=chosen, sort=sort or "", everything=everything),
    )
    try:
        app.run(mouse=False)  # so that the terminal's own marking and copying go on working
    finally:
        app.close()
    if app.return_code:
        ctx.exit(3)  # Textual has said why


def _need_terminal() -> None:
    """Textual reads standard input and draws on standard error."""
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        raise UserError(
            "the screen needs a terminal for its input and output; 'reviewbot triage' prints the same list"
        )
    if os.environ.get("TERM", "") in ("", "dumb"):
        raise UserError(
            "the screen needs a terminal that can move its cursor, and TERM is "
            f"{os.environ.get('TERM', '')!a}; set it, or use 'reviewbot triage'"
        )
