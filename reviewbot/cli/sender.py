# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot sender``: the only process that needs the mail server's password."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import click

from reviewbot.cli.environment import state_directory, tools_for
from reviewbot.engine.sender import Sender
from reviewbot.model.errors import InfrastructureError
from reviewbot.stages.printable import one_line
from reviewbot.tools import archive, b4, database

if TYPE_CHECKING:
    from reviewbot.cli.main import Invocation


@click.command()
@click.option("--once", is_flag=True, help="Look once and leave.")
@click.option(
    "--every", type=click.IntRange(5, 3600), default=30, show_default=True, metavar="SECONDS"
)
@click.pass_context
def sender(ctx: click.Context, *, once: bool, every: int) -> None:
    """Send the mails of the outbox that are approved and due, within the limits of the settings.

    A mail whose sending was cut off is looked up in the list's archive and never sent again blindly.
    """
    invocation: Invocation = ctx.obj
    config = invocation.config()
    midmask = b4.midmask(config.inbox)
    pause = threading.Event()
    with tools_for(config, quiet=invocation.quiet) as tools:
        mine = Sender(
            tools,
            database.url_of(config.engine.database, state_directory()),
            in_archive=lambda name: archive.has(midmask, name, config.inbox.timeout),
            say=lambda line: click.echo(one_line(line), err=True),
        )
        while True:
            try:
                mine.reconcile()
                mine.send()
            except InfrastructureError as error:
                if once:
                    raise
                click.echo(f"reviewbot: {one_line(str(error))}", err=True)
            if once:
                return
            pause.wait(every)
