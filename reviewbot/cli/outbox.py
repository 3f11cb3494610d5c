# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot outbox``: the mails that wait for a person, and those that went out."""

from __future__ import annotations

import contextlib
import difflib
import time
from typing import TYPE_CHECKING

import click

from reviewbot.cli.environment import state_directory
from reviewbot.model.errors import UserError
from reviewbot.model.outbox import Entry, EntryState
from reviewbot.stages.compose import compose, flatten
from reviewbot.stages.printable import one_line, printable
from reviewbot.stages.recipients import sender_of
from reviewbot.tools import database
from reviewbot.tools.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewbot.cli.main import Invocation

_OPEN = (EntryState.HELD, EntryState.READY, EntryState.SENDING)
_MOMENT = "%Y-%m-%d %H:%M"


@click.group()
def outbox() -> None:
    """Mails that wait for approval or for their time, and those that went out."""


@outbox.command(name="list")
@click.option("--all", "everything", is_flag=True, help="Sent and dropped ones too.")
@click.option("--limit", "-n", type=click.IntRange(1, 100_000), default=100, show_default=True)
@click.pass_context
def list_mails(ctx: click.Context, limit: int, *, everything: bool) -> None:
    """One line a mail, the newest first: state, when it was written, name, subject."""
    with _outbox(ctx) as box:
        found = box.entries(() if everything else _OPEN, limit=limit)
    for entry in found:
        click.echo(
            f"{entry.state:<8} {time.strftime(_MOMENT, time.localtime(entry.created))}  "
            f"{_name(entry)}  {one_line(entry.mail.subject)}"
        )
        if entry.note:
            click.echo(f"         {one_line(entry.note)}")
    if not found:
        click.echo(
            "no mail waits" + ("" if everything else "; --all shows what was sent"), err=True
        )


@outbox.command()
@click.argument("name", metavar="MAIL")
@click.pass_context
def show(ctx: click.Context, name: str) -> None:
    """Print MAIL as it would go out (a Message-ID, or the start of one)."""
    invocation: Invocation = ctx.obj
    with _outbox(ctx) as box:
        entry = _find(box, name)
    sender = sender_of(invocation.config().mail.sender)
    text = flatten(compose(entry.mail, sender)).decode("utf-8", "replace")
    click.echo(printable(text.replace("\r\n", "\n")), nl=False)


@outbox.command()
@click.argument("name", metavar="MAIL")
@click.pass_context
def diff(ctx: click.Context, name: str) -> None:
    """What MAIL says otherwise than the mail about the same patch before it."""
    with _outbox(ctx) as box:
        entry = _find(box, name)
        others = [
            other
            for other in box.entries(limit=100_000)
            if other.mail.in_reply_to == entry.mail.in_reply_to and other.created < entry.created
        ]
    if not others:
        raise UserError(
            f"{_name(entry)} is the first mail about its patch; 'outbox show' prints it"
        )
    before = max(others, key=lambda other: other.created)
    lines = difflib.unified_diff(
        before.mail.body.splitlines(),
        entry.mail.body.splitlines(),
        _name(before),
        _name(entry),
        lineterm="",
    )
    for line in lines:
        click.echo(printable(line))


@outbox.command()
@click.argument("names", metavar="MAIL...", nargs=-1, required=True)
@click.pass_context
def approve(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Let held MAILs be sent; the sender does it when they are due."""
    _move(ctx, names, EntryState.READY, when=(EntryState.HELD,), said="will be sent")


@outbox.command()
@click.argument("names", metavar="MAIL...", nargs=-1, required=True)
@click.option("--why", default="dropped by hand", help="Kept with the mail.")
@click.pass_context
def drop(ctx: click.Context, names: tuple[str, ...], why: str) -> None:
    """Never send MAILs that have not been sent."""
    waiting = (EntryState.HELD, EntryState.READY, EntryState.SENDING)
    _move(ctx, names, EntryState.DROPPED, when=waiting, said="dropped", note=one_line(why))


@outbox.command()
@click.argument("names", metavar="MAIL...", nargs=-1, required=True)
@click.pass_context
def resend(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Send MAILs that were dropped, or whose sending ended unclear and that are not in the archive."""
    again = (EntryState.DROPPED, EntryState.SENDING)
    _move(ctx, names, EntryState.READY, when=again, said="will be sent")


@outbox.command()
@click.argument("name")
@click.option("--why", default="by hand", help="Kept with it.")
@click.pass_context
def mute(ctx: click.Context, name: str, why: str) -> None:
    """No more mail to the address NAME, or in the thread of the message-id NAME."""
    with _outbox(ctx) as box:
        box.mute(name.strip("<>"), one_line(why))
    click.echo(f"muted {one_line(name)}")


@outbox.command()
@click.argument("name")
@click.pass_context
def unmute(ctx: click.Context, name: str) -> None:
    """Take a mute back; the settings' own stay."""
    with _outbox(ctx) as box:
        if not box.unmute(name.strip("<>")):
            raise UserError(
                f"{name} is not muted here; the settings may say so ([lists.*.report] mute)"
            )
    click.echo(f"unmuted {one_line(name)}")


def _move(
    ctx: click.Context,
    names: tuple[str, ...],
    to: EntryState,
    *,
    when: tuple[EntryState, ...],
    said: str,
    note: str = "",
) -> None:
    with _outbox(ctx) as box:
        entries = [_find(box, name) for name in names]  # all or nothing: a typo changes none
        for entry in entries:
            if entry.state not in when:
                states = " or ".join(when)
                raise UserError(
                    f"{_name(entry)} is {entry.state}, not {states}; nothing was changed"
                )
        for entry in entries:
            if not box.move(entry.message_id, to, when=when, note=note):
                raise UserError(
                    f"{_name(entry)} was changed by somebody else this instant; look again"
                )
            click.echo(f"{_name(entry)} {said}")


def _find(box: Outbox, name: str) -> Entry:
    wanted = name.strip("<>")
    if exact := box.get(wanted):
        return exact
    found = [entry for entry in box.entries(limit=100_000) if entry.message_id.startswith(wanted)]
    if not found:
        raise UserError(f"no mail {name!r} in the outbox; 'reviewbot outbox list --all' shows them")
    if len(found) > 1:
        raise UserError(f"{name!r} could be {', '.join(map(_name, found[:3]))}; type more of it")
    return found[0]


def _name(entry: Entry) -> str:
    return one_line(entry.message_id)


@contextlib.contextmanager
def _outbox(ctx: click.Context) -> Iterator[Outbox]:
    invocation: Invocation = ctx.obj
    box = Outbox(database.url_of(invocation.config().engine.database, state_directory()))
    try:
        yield box
    finally:
        box.close()
