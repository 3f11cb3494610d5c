# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot sender``: the only process that needs the mail server's password."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import click

from reviewbot.cli.environment import state_directory, tools_for
from reviewbot.cli.log import Form
from reviewbot.cli.service import answering, listen_option, log_option
from reviewbot.engine.sender import Sender
from reviewbot.model.errors import ReviewbotError, UserError
from reviewbot.model.say import Level
from reviewbot.stages import publish
from reviewbot.tools import archive, b4, database
from reviewbot.tools.pulse import Pulse

if TYPE_CHECKING:
    from reviewbot.cli.log import Log
    from reviewbot.cli.main import Invocation


@click.command()
@click.option("--once", is_flag=True, help="Look once and leave.")
@click.option(
    "--every", type=click.IntRange(5, 3600), default=30, show_default=True, metavar="SECONDS"
)
@log_option("sender")
@listen_option
@click.pass_context
def sender(ctx: click.Context, log: Log, listen: str | None, *, once: bool, every: int) -> None:
    """Send the mails of the outbox that are approved and due, and tell Patchwork and KCIDB.

    All limits of the settings are kept.  A mail whose sending was cut off is looked up in the list's
    archive and never sent again blindly.
    """
    from reviewbot.engine.metrics import SenderMeters  # noqa: PLC0415 - as in the bot

    invocation: Invocation = ctx.obj
    log.take_over()
    config = invocation.config()
    midmask = b4.midmask(config.inbox)
    url = database.url_of(config.engine.database, state_directory())
    pulse = Pulse(every)
    meters = SenderMeters(url, pulse)
    pause = threading.Event()
    with (
        answering(listen, meters, log),
        tools_for(config, quiet=invocation.quiet or log.form is Form.JSON) as tools,
    ):
        mine = Sender(
            tools,
            url,
            in_archive=lambda name: archive.has(midmask, name, config.inbox.timeout),
            say=log,
        )
        telling = publish.PublishRequest(database=url, say=log)
        while True:
            try:
                mine.reconcile()
                meters.sent(mine.send())
                publish.run(telling, tools)
                pulse.turned()
            except ReviewbotError as error:  # the database is away, the disk full: it may pass
                if once or (isinstance(error, UserError) and not pulse.began):
                    raise
                meters.failed("turn")
                log("failed", str(error), level=Level.ERROR)
            if once:
                return
            pause.wait(every)
