# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot serve`` and ``reviewbot export``: the stores as web pages."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reviewbot.cli.environment import cache_directory, state_directory, store
from reviewbot.engine.library import DATABASE, Library
from reviewbot.engine.lists import at_hand
from reviewbot.model.errors import InfrastructureError, ReviewbotError
from reviewbot.rulekit.registry import rules_for
from reviewbot.stages.printable import count, one_line
from reviewbot.tools import database, templates
from reviewbot.tools.cache import Cache
from reviewbot.tools.inbox_http import HttpInbox
from reviewbot.tools.nights_shelf import NightsShelf
from reviewbot.tools.pulse import Pulse
from reviewbot.web.site import Site
from reviewbot.web.snapshot import Snapshot, snapshot

if TYPE_CHECKING:
    from reviewbot.cli.main import Invocation
    from reviewbot.rulekit.rule import Rule
    from reviewbot.tools.source import Source

_PAUSE = 5.0
"""Seconds between two looks at the stores."""


@click.command()
@click.option(
    "--listen",
    default="127.0.0.1:8000",
    show_default=True,
    metavar="ADDRESS:PORT",
    envvar="REVIEWBOT_WEB",
    help="Port 0 is any that is free.",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="HOST",
    help="Also answer to this name, which a proxy passes on; repeatable.",
)
@click.pass_context
def serve(ctx: click.Context, listen: str, *, names: tuple[str, ...]) -> None:
    """Show series, reviews and rules as web pages, to read only.

    There are no accounts: whoever reaches the port reads everything but your notes and marks of triage.
    Put a web server with TLS and passwords in front where that matters.
    """
    from reviewbot.tools.web_server import serving  # noqa: PLC0415 - not needed by export
    from reviewbot.web.application import Application, names_of  # noqa: PLC0415 - see above

    invocation: Invocation = ctx.obj
    shelf = _Shelf(invocation)
    shelf.look()
    pulse = Pulse(_PAUSE)
    application = Application(
        shelf.site,
        lambda: shelf.shot,
        names_of(listen, names),
        trouble=lambda: pulse.trouble() or shelf.trouble,
    )
    with serving(listen, application) as place:
        if not invocation.quiet:
            click.echo(f"reviewbot: http://{place}/ shows {shelf.said()}; Ctrl-C ends it", err=True)
        pause = threading.Event()
        pulse.turned()
        while not pause.wait(_PAUSE):
            shelf.look()
            pulse.turned()


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.pass_context
def export(ctx: click.Context, directory: Path) -> None:
    """Write the pages of 'reviewbot serve' as files below DIRECTORY, to be put on any web server.

    Done again, it writes only what changed and takes away its own pages that are no more.
    """
    from reviewbot.tools.static_site import StaticSite  # noqa: PLC0415 - not needed by serve
    from reviewbot.web.export import pages  # noqa: PLC0415 - see above

    invocation: Invocation = ctx.obj
    target = StaticSite(directory)
    shelf = _Shelf(invocation)
    shelf.look()
    if shelf.trouble or DATABASE in shelf.library.troubles:
        # Else whatever cannot be read just now would be taken away from where it was published.
        raise InfrastructureError(f"nothing was exported to {directory}, see above")
    for one in pages(shelf.site, shelf.shot):
        target.put(one.name, one.page.body)
    gone = target.finish()
    if not invocation.quiet:
        said = f"{target.written} written, {target.kept} as before, {gone} taken away"
        click.echo(f"reviewbot: {shelf.said()}: {said}; open {directory}/index.html", err=True)


class _Shelf:
    """The snapshot in force.  What is wrong with a store is said once; what is known is shown all the same."""

    def __init__(self, invocation: Invocation) -> None:
        config = self.config = invocation.config()
        self.rules: tuple[Rule, ...] = rules_for(config)
        self.library = Library(
            store(),
            state_directory() / "ledger.sqlite",
            Cache(cache_directory()),
            database_url=database.url_of(config.engine.database, state_directory()),
            sources=self._sources(),
        )
        sweeps = NightsShelf(state_directory() / "nights.sqlite", self.library.cache)
        self.site = Site(templates.load_web(), self.library, sweeps)
        self.shot: Snapshot = snapshot((), (), self.rules, stamp="", made=time.time())
        self.complained: set[str] = set()
        self.trouble = ""

    def _sources(self) -> dict[str, Source]:
        """The lists that are on this host; the bot asks others."""
        found = at_hand(self.config, cache_directory() / "inboxes")
        return {name: one for name, one in found.items() if not isinstance(one, HttpInbox)}

    def look(self) -> None:
        """Take in what is new."""
        try:
            self.library.sources = self._sources()  # the bot may only now have cloned one
            if self.library.look():
                shot = snapshot(
                    self.library.items,
                    self.library.reviews,
                    self.rules,
                    stamp=self.library.stamp,
                    made=time.time(),
                    tried=self.library.tried,
                )
                self.site.prepare(shot)
                self.shot = shot
            self.trouble = ""
        except ReviewbotError as error:
            self.trouble = one_line(str(error))
            self._complain(self.trouble)
        for name, trouble in self.library.troubles.items():
            self._complain(f"{name}: {trouble}")

    def _complain(self, trouble: str) -> None:
        if trouble not in self.complained and len(self.complained) < 100:
            self.complained.add(trouble)
            click.echo(f"reviewbot: {one_line(trouble)}", err=True)

    def said(self) -> str:
        """How much there is."""
        return f"{len(self.shot.items)} series, {count(len(self.shot.reviews), 'review')}"
