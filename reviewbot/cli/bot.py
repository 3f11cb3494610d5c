# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot bot``: follow mailing lists."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from reviewbot.cli.environment import cache_directory, state_directory
from reviewbot.cli.log import Form
from reviewbot.cli.service import answering, listen_option, log_option
from reviewbot.engine.lists import followed
from reviewbot.engine.watch import Watcher
from reviewbot.model.errors import ReviewbotError
from reviewbot.model.say import Level
from reviewbot.model.watch import WatchState
from reviewbot.stages.printable import one_line
from reviewbot.tools import database
from reviewbot.tools.enclosed import Enclosed
from reviewbot.tools.finished import Finished
from reviewbot.tools.ledger import Ledger
from reviewbot.tools.outbox import Outbox
from reviewbot.tools.pulse import Pulse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reviewbot.cli.log import Log
    from reviewbot.cli.main import Invocation
    from reviewbot.engine.clerk import Clerk
    from reviewbot.engine.commands import Commands
    from reviewbot.engine.metrics import BotMeters
    from reviewbot.engine.sweep_clock import SweepClock
    from reviewbot.engine.watch import FollowedList, Polled
    from reviewbot.model.config import Config
    from reviewbot.model.watch import WatchedSeries


@click.command()
@click.option("--once", is_flag=True, help="Look once and leave.")
@click.option("--dry-run", is_flag=True, help="Record nothing: the next look finds the same again.")
@click.option(
    "--every", type=click.IntRange(10, 86400), default=60, show_default=True, metavar="SECONDS"
)
@log_option("bot")
@listen_option
@click.pass_context
def bot(
    ctx: click.Context, log: Log, listen: str | None, *, once: bool, dry_run: bool, every: int
) -> None:
    """Follow the lists of the settings: record their series, queue reviews, write reports.

    Workers do the reviews ('reviewbot worker'), the sender mails them ('reviewbot sender'); a report goes
    where its list's policy says, by default into the outbox for a person to approve.

    Exit status with --once: 0, or 3 when a list could not be read.
    """
    from reviewbot.engine.metrics import BotMeters  # noqa: PLC0415 - SQLAlchemy is slow to load

    invocation: Invocation = ctx.obj
    log.take_over()
    config = invocation.config()
    lists = followed(config, cache_directory() / "inboxes")
    pulse = Pulse(every)
    meters = BotMeters(database.url_of(config.engine.database, state_directory()), pulse, lists)
    pause = threading.Event()
    with (
        answering(listen, meters, log),
        _ledger(dry_run=dry_run) as ledger,
        _staff(config, ledger, log, meters, lists, dry_run=dry_run) as staff,
    ):
        watcher = Watcher(ledger, lists)
        while True:
            try:
                polled = _turn(watcher, staff, log, meters, summary=once)
                pulse.turned()
            except ReviewbotError as error:  # the database is away, the disk full: it may pass
                if once:
                    raise
                meters.failed("turn")
                log("failed", str(error), level=Level.ERROR)
            else:
                if once:
                    ctx.exit(3 if polled.troubles else 0)
            pause.wait(every)


def _turn(
    watcher: Watcher, staff: Staff | None, log: Log, meters: BotMeters, *, summary: bool
) -> Polled:
    """Look at all lists, act on what they brought and ask for, and on what workers have finished."""
    polled = watcher.poll()
    meters.polled(polled.mails, polled.troubles)
    for name, trouble in polled.troubles.items():
        meters.failed("list")
        log("list unreadable", trouble, level=Level.WARNING, list=name)
    if log.form is Form.JSON:
        for event in polled.events:
            series = event.series
            name = series.lists[0] if series.lists else ""
            log(f"series {event.kind}", one_line_of(series), series=series.message_id, list=name)
    else:
        _print(polled, watcher.ledger, summary=summary)
    if staff and staff.clock:
        staff.clock.turn()
    while staff and (staff.clerk.schedule() or staff.clerk.report() or staff.commands.act()):
        pass
    return polled


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """Who acts on what the watcher finds."""

    clerk: Clerk
    commands: Commands
    clock: SweepClock | None = None


@contextlib.contextmanager
def _staff(
    config: Config,
    ledger: Ledger,
    log: Log,
    meters: BotMeters,
    lists: Mapping[str, FollowedList],
    *,
    dry_run: bool,
) -> Iterator[Staff | None]:
    """Who works between lists and workers; nobody for a dry run, which only looks."""
    if dry_run:
        yield None
        return
    from reviewbot.engine.clerk import Clerk  # noqa: PLC0415 - DBOS is slow to load
    from reviewbot.engine.commands import Commands  # noqa: PLC0415 - see above
    from reviewbot.engine.durable import JobQueue  # noqa: PLC0415 - see above
    from reviewbot.engine.enclose import Encloser  # noqa: PLC0415 - see above
    from reviewbot.engine.publisher import Publisher  # noqa: PLC0415 - see above
    from reviewbot.engine.sweep_clock import SweepClock  # noqa: PLC0415 - see above

    url = database.url_of(config.engine.database, state_directory())
    sources = {name: each.source for name, each in lists.items()}
    with (
        contextlib.closing(JobQueue(url)) as queue,
        contextlib.closing(Finished(url)) as finished,
        contextlib.closing(Outbox(url)) as outbox,
        contextlib.closing(Publisher(config, url, log)) as publisher,
        contextlib.closing(Enclosed(url)) as enclosed,
    ):
        commands = Commands(
            config, ledger=ledger, queue=queue, finished=finished, outbox=outbox, say=log
        )
        clerk = Clerk(
            config,
            ledger=ledger,
            queue=queue,
            finished=finished,
            outbox=outbox,
            say=log,
            seen=meters.finished,
            mailed=commands.mailed,
            publisher=publisher,
            encloser=Encloser(config, ledger, sources, enclosed),
        )
        with contextlib.closing(commands):
            clock = SweepClock(config, queue, log) if config.sweeps else None
            yield Staff(clerk=clerk, commands=commands, clock=clock)


@contextlib.contextmanager
def _ledger(*, dry_run: bool) -> Iterator[Ledger]:
    """The bot's ledger, ours alone; for a dry run a copy in memory."""
    ledger = Ledger(state_directory() / "ledger.sqlite")
    with contextlib.closing(ledger), ledger.alone():
        if not dry_run:
            yield ledger
            return
        with contextlib.closing(ledger.copy()) as copy:
            yield copy


def _print(polled: Polled, ledger: Ledger, *, summary: bool) -> None:
    """One line a series that something happened to, as it stands now; then the sums."""
    ids = dict.fromkeys(event.series.message_id for event in polled.events)
    series = [found for message_id in ids if (found := ledger.find(message_id))]
    series.sort(key=lambda one: (one.sent, one.message_id))
    for one in series:
        click.echo(one_line_of(one))
    if not summary:
        return
    waiting = [one for one in ledger.series() if one.state is WatchState.WAITING]
    for one in waiting:
        click.echo(one_line_of(one))
    states = Counter(str(one.state) for one in (*series, *waiting))
    said = ", ".join(f"{count} {state}" for state, count in states.most_common())
    click.echo(f"{polled.mails} mails: {said or 'nothing new'}")
    reasons = Counter(
        str(one.skipped.reason) for one in series if one.skipped and one.state is WatchState.SKIPPED
    )
    for reason, count in reasons.most_common():
        click.echo(f"  skipped {count:5}  {reason}")
    for reason, count in ledger.refused().items():
        click.echo(f"  not read {count:4}  {one_line(reason)}")


def one_line_of(series: WatchedSeries) -> str:
    """List, series, revision, state and why, in columns."""
    state = str(series.state)
    if series.state is WatchState.SKIPPED and series.skipped:
        state = f"skipped: {series.skipped.reason}"
    elif series.state is WatchState.SUPERSEDED:
        state = f"superseded by {series.superseded_by}"
    elif series.missing:
        state += f", {len(series.patches)} of {series.total}"
    name = series.lists[0].partition("@")[0] if series.lists else ""
    columns = f"{one_line(name)[:16]:<16} v{series.revision:<3} {one_line(series.subject)[:56]:<56}"
    return f"{columns} {one_line(state)}  <{one_line(series.message_id)}>"
