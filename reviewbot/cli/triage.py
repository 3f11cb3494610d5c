# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot triage``: which pending series deserve attention."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from typing import TYPE_CHECKING, ClassVar

import click

from reviewbot.cli.desk import colourful, columns, from_place, open_desk, rows
from reviewbot.model.codec import to_json
from reviewbot.model.errors import UserError
from reviewbot.parse.wanted import SORTS, ordered, parse_wanted
from reviewbot.stages.triage_standing import HIDDEN
from reviewbot.stages.triage_table import sums, table
from reviewbot.tools import settings

if TYPE_CHECKING:
    from reviewbot.cli.main import Invocation
    from reviewbot.model.config import Config

VIEWS = {"mine": "is:mine", "ready": "state:ready", "fixes": "is:fix"}
"""Views everybody has; those of the settings go before."""


def _complete_view(_ctx: click.Context, _parameter: click.Parameter, start: str) -> list[str]:
    own: dict[str, str] = {}
    with contextlib.suppress(UserError):
        own = settings.load().triage.views
    return [name for name in {**VIEWS, **own} if name.startswith(start)]


def _complete_sort(_ctx: click.Context, _parameter: click.Parameter, start: str) -> list[str]:
    return [name for name in (*SORTS, *(f"-{one}" for one in SORTS)) if name.startswith(start)]


class _Commands(click.Group):
    """Subcommands; what is none of them is a word of the list's filter."""

    names: ClassVar = {
        "show": "reviewbot.cli.triage_series:show",
        "diff": "reviewbot.cli.triage_series:diff",
        "note": "reviewbot.cli.triage_series:note",
        "snooze": "reviewbot.cli.triage_series:snooze",
        "done": "reviewbot.cli.triage_series:done",
        "apply": "reviewbot.cli.triage_apply:apply",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *self.names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module; None for what is no command."""
        if cmd_name not in self.names:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.names[cmd_name].partition(":")
        command = getattr(__import__(module, fromlist=[attribute]), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - our own table
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """'triage' and 'triage WORDS' are 'triage list WORDS'."""
        if ctx.resilient_parsing and not args:
            return super().parse_args(ctx, args)  # the shell asks what may follow
        if not args or not (args[0] in self.list_commands(ctx) or args[0] in ("-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


class _List(click.Command):
    """Words such as "-state:new" are no heap of short options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put them behind "--", where click takes everything as it is."""
        taking = {
            name for one in self.params if not getattr(one, "is_flag", True) for name in one.opts
        }
        options: list[str] = []
        words: list[str] = []
        before = ""
        for at, one in enumerate(args):
            if one == "--":
                words += args[at + 1 :]
                break
            turned = one[:1] == "-" and one[1:2] not in ("-", "") and len(one) > 2
            short = one[:2] in ("-n", "-h") and (one[2:].isdigit() or len(one) == 2)
            (words if turned and not short and before not in taking else options).append(one)
            before = one
        return super().parse_args(ctx, [*options, "--", *words])


@click.group(cls=_Commands)
def triage() -> None:
    """Show pending series, those that deserve attention first.

    'reviewbot triage WORDS' is short for 'reviewbot triage list WORDS'.  ID in the other commands is the
    short name in the first column, the start of it, or a message-id.
    """


@triage.command(name="list", cls=_List)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--view",
    metavar="NAME",
    shell_complete=_complete_view,
    help="A saved filter: mine, ready, fixes, or yours.",
)
@click.option(
    "--sort",
    metavar="KEY",
    shell_complete=_complete_sort,
    help=f"One of {', '.join(SORTS)}; -KEY turns it around.",
)
@click.option("--all", "everything", is_flag=True, help="Also what is done, snoozed or applied.")
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(1, 100_000),
    help="At most so many (default: what fits on the screen).",
)
@click.option("--json", "as_json", is_flag=True, help="Everything that is known, as JSON.")
@from_place
@click.pass_context
def list_series(
    ctx: click.Context,
    words: tuple[str, ...],
    *,
    view: str | None,
    sort: str | None,
    everything: bool,
    limit: int | None,
    as_json: bool,
    origin: str | None,
    days: int,
    cached: bool,
) -> None:
    """List series that all WORDS fit.

    A plain word is looked for in the title.  state:new,ready area:x86 author:intel.com path:virt/kvm
    rule:KVM-ABI severity:error age:<7 rev:>3 is:mine, and -WORD for the opposite, pick by what the
    columns show.  docs/triage.md has all of them.

    ABT says whether it applies, builds and passes its tests: + yes, ! no, . unknown.  X counts pending
    series that change the same lines.
    """
    invocation: Invocation = ctx.obj
    config = invocation.config()
    chosen = (*_view(config, view), *words)
    with open_desk(invocation, origin, days=days, cached=cached) as desk:
        wanted, holds = parse_wanted(chosen, desk.me)
        order = sort if sort is not None else wanted.sort
        fitting = [one for one in ordered(desk.items(), order) if holds(one)]
        names = desk.desk.names()
    visible = everything or wanted.names_state
    pending = [one for one in fitting if visible or one.standing not in HIDDEN]
    if as_json:
        sys.stdout.buffer.write(to_json(pending[:limit]) + b"\n")
        return
    shown = pending[: limit or rows()]
    if shown:
        for line in table(shown, names, width=columns(), colour=colourful()):
            click.echo(line, color=True)
    if not invocation.quiet:
        hidden = Counter(one.standing for one in fitting)
        hidden.subtract(one.standing for one in pending)
        if len(shown) < len(pending):
            left = len(pending) - len(shown)
            click.echo(f"{left} more: -n {len(pending)} shows all, words pick some", err=True)
        click.echo(sums(pending, hidden), err=True)


def _view(config: Config, name: str | None) -> list[str]:
    known = {**VIEWS, **config.triage.views}
    if name is None:
        return []
    if name not in known:
        raise UserError(
            f"no view {name[:40]!a}; there are {', '.join(known)}; [triage.views] in the settings adds some"
        )
    return known[name].split()
