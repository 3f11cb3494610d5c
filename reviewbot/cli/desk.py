# SPDX-License-Identifier: GPL-2.0-only
"""What the commands of triage share: which mails, whose addresses, how wide the terminal is."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from reviewbot.cli.environment import cache_directory, state_directory, store
from reviewbot.engine.lists import at_hand, scope_of
from reviewbot.engine.triage import Triage
from reviewbot.engine.watch import FollowedList, Watcher
from reviewbot.model.errors import InfrastructureError, ReviewbotError, UserError
from reviewbot.parse.gather import Following
from reviewbot.stages.printable import one_line
from reviewbot.stages.triage_standing import HIDDEN
from reviewbot.tools.desk import Desk
from reviewbot.tools.inbox_git import GitInbox
from reviewbot.tools.ledger import Ledger
from reviewbot.tools.own_git import own_address
from reviewbot.tools.places import place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from reviewbot.cli.main import Invocation
    from reviewbot.model.config import Config

Command = TypeVar("Command", bound="Callable[..., Any]")
_UNCUT = 120


def from_place(command: Command) -> Command:
    """Add --from, --days and --cached; the command gets ``origin``, ``days`` and ``cached``."""
    for option in (
        click.option("--cached", is_flag=True, help="Look at what is known, fetch nothing."),
        click.option(
            "--days",
            type=click.IntRange(1, 10_000),
            default=30,
            show_default=True,
            help="How far back to begin with an inbox that --from names for the first time.",
        ),
        click.option(
            "--from",
            "origin",
            metavar="PLACE",
            help="An mbox, maildir, public-inbox or lore address instead of the followed lists.",
        ),
    ):
        command = option(command)
    return command


def _complain(troubles: Mapping[str, str]) -> None:
    for name, trouble in troubles.items():
        click.echo(f"reviewbot: {one_line(f'{name}: {trouble}')}", err=True)


@contextlib.contextmanager
def open_desk(
    invocation: Invocation,
    origin: str | None,
    *,
    days: int,
    cached: bool,
    mails: bool = True,
    complain: Callable[[Mapping[str, str]], None] = _complain,
) -> Iterator[Triage]:
    """The read model, up to date; without ``mails`` only reviews are looked for, which is quick.

    ``complain`` is told what cannot be reached, by name; what is known is shown all the same.
    """
    config = invocation.config()
    me = frozenset(one.lower() for one in config.triage.me or own_address())
    if origin:
        opened = _named(config, origin, days=days, fetch=mails and not cached, me=me)
    else:
        opened = _followed(config, me)
    with opened as (triage, troubles):
        complain(troubles)
        if mails:
            complain(triage.read_mails())
        with contextlib.suppress(FileNotFoundError):
            triage.read_runs(store())
        read_finished(triage, config, complain)
        if mails:  # cards of mails that were not read would know half of it
            triage.refresh()
        yield triage


@contextlib.contextmanager
def _followed(config: Config, me: frozenset[str]) -> Iterator[tuple[Triage, dict[str, str]]]:
    """The bot's ledger."""
    path = state_directory() / "ledger.sqlite"
    if not path.exists():
        raise UserError(
            "no list is followed here: say --from PLACE, with 'show' and the other commands, too ('reviewbot triage "
            '--from https://lore.kernel.org/kvm\'), or follow one ([lists."ADDRESS"] in the settings) and run '
            "'reviewbot bot --once'"
        )
    with _opened(path) as (ledger, desk):
        yield Triage(ledger, desk, at_hand(config, cache_directory() / "inboxes"), me=me), {}


@contextlib.contextmanager
def _named(
    config: Config, origin: str, *, days: int, fetch: bool, me: frozenset[str]
) -> Iterator[tuple[Triage, dict[str, str]]]:
    """A ledger of its own for a place; kept, so that the next look reads only what is new."""
    found = place(origin, cache_directory() / "inboxes", fetch=fetch)
    path = state_directory() / "triage" / f"{found.key}.sqlite"
    following = Following(scope=scope_of(config.lab.profile))
    followed = FollowedList(
        source=found.source, following=following, backlog_days=days if found.limited else 0.0
    )
    troubles: dict[str, str] = {}
    with _opened(path) as (ledger, desk):
        if fetch:
            with ledger.alone():
                polled = Watcher(ledger, {found.name: followed}).poll()
            for trouble in polled.troubles.values():
                if not ledger.count_mails():
                    raise UserError(trouble)
                troubles[found.name] = trouble
        source = found.source
        if isinstance(source, GitInbox):
            source = source.at_hand() or source  # just fetched, or not to be
        yield Triage(ledger, desk, {found.name: source}, me=me), troubles


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[Ledger, Desk]]:
    with contextlib.closing(Ledger(path)) as ledger, contextlib.closing(Desk(path)) as desk:
        yield ledger, desk


def read_finished(
    triage: Triage, config: Config, complain: Callable[[Mapping[str, str]], None] = _complain
) -> None:
    """Take in the reviews of workers.  Loading the database's library takes a while: only when there is one."""
    if not config.engine.database and not (state_directory() / "engine.sqlite").exists():
        return
    from reviewbot.tools import database  # noqa: PLC0415 - see above
    from reviewbot.tools.finished import Finished  # noqa: PLC0415 - see above

    try:
        with contextlib.closing(
            Finished(database.url_of(config.engine.database, state_directory()))
        ) as finished:
            triage.read_finished(finished)
    except (InfrastructureError, UserError) as error:
        complain({"engine.database": str(error)})


def complete_id(
    ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Ids of pending series for the shell, from what is known: nothing is read or fetched for it."""
    path = state_directory() / "ledger.sqlite"
    try:
        if origin := ctx.params.get("origin"):
            found = place(str(origin), cache_directory() / "inboxes", fetch=False)
            path = state_directory() / "triage" / f"{found.key}.sqlite"
        if not path.exists():
            return []
        with _opened(path) as (ledger, desk):
            rows = Triage(ledger, desk, {}).items()
    except ReviewbotError:
        return []
    wanted = incomplete.lower()
    return [
        CompletionItem(row.id, help=one_line(row.card.subject)[:60])
        for row in rows
        if row.id.startswith(wanted) and row.standing not in HIDDEN
    ]


def colourful() -> bool:
    """Colours only for a terminal that has them, and never where NO_COLOR is set (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM", "") in ("", "dumb"):
        return False
    return sys.stdout.isatty()


def columns() -> int | None:
    """The terminal's width, or what COLUMNS says; None for a pipe or a file."""
    if os.environ.get("COLUMNS", "").isdigit():
        return int(os.environ["COLUMNS"])
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def rows() -> int | None:
    """Rows of a table for which the screen has room; None for a pipe or a file.

    The most important ones come first, and must not scroll away.
    """
    return max(5, shutil.get_terminal_size().lines - 5) if sys.stdout.isatty() else None


def prose_width() -> int:
    """Columns for text that is wrapped."""
    return min(columns() or _UNCUT, _UNCUT)
