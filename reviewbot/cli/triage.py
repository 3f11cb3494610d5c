# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot triage``: which pending series deserve attention."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, ClassVar

import click

from reviewbot.cli.desk import colourful, columns, from_place, open_desk, rows
from reviewbot.cli.triage_words import Words, picked, view_words
from reviewbot.model.codec import to_json
from reviewbot.parse.wanted import ordered, parse_wanted
from reviewbot.stages.triage_standing import HIDDEN
from reviewbot.stages.triage_table import sums, table

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from reviewbot.cli.main import Invocation


class _Commands(click.Group):
    """Subcommands; what is none of them is a word of the list's filter."""

    names: ClassVar = {
        "screen": "reviewbot.cli.triage_screen:screen",
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

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Options of the list, too: 'triage --view' is short for 'triage list --view'."""
        found = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("-"):
            known = {one.value for one in found}
            listing = list_series.shell_complete(ctx, incomplete)
            found += [one for one in listing if one.value not in known]
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """'triage' and 'triage WORDS' are 'triage list WORDS'."""
        if ctx.resilient_parsing and not args:
            return super().parse_args(ctx, args)  # the shell asks what may follow
        if not args or not (args[0] in self.list_commands(ctx) or args[0] in ("-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Commands)
def triage() -> None:
    """Show pending series, those that deserve attention first.

    'reviewbot triage WORDS' is short for 'reviewbot triage list WORDS', whose --help says what can be picked,
    and where the mails come from.  ID in the other commands is the short name in the first column, the start
    of it, or a message-id.

    \b
    reviewbot triage --from https://lore.kernel.org/kvm state:new
    reviewbot triage screen --from https://lore.kernel.org/kvm
    reviewbot triage show ID --from https://lore.kernel.org/kvm
    """  # noqa: D301 - a real \\b: click leaves the lines behind it alone


@triage.command(name="list", cls=Words)
@picked
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

    ABT says whether it applies, builds and passes its tests: + yes, ! no, . unknown.  RAN is the share
    of the added lines that selftests ran, X counts pending series that change the same lines.
    """
    invocation: Invocation = ctx.obj
    config = invocation.config()
    chosen = (*view_words(config, view), *words)
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
