# SPDX-License-Identifier: GPL-2.0-only
"""The words, views and orders by which 'reviewbot triage' and its screen pick series."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reviewbot.model.errors import UserError
from reviewbot.parse.wanted import SORTS
from reviewbot.tools import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from reviewbot.model.config import Config

Command = TypeVar("Command", bound="Callable[..., Any]")
VIEWS = {"mine": "is:mine", "ready": "state:ready", "fixes": "is:fix"}
"""Views everybody has; those of the settings go before."""


def _complete_view(_ctx: click.Context, _parameter: click.Parameter, start: str) -> list[str]:
    own: dict[str, str] = {}
    with contextlib.suppress(UserError):
        own = settings.load().triage.views
    return [name for name in {**VIEWS, **own} if name.startswith(start)]


def _complete_sort(_ctx: click.Context, _parameter: click.Parameter, start: str) -> list[str]:
    return [name for name in (*SORTS, *(f"-{one}" for one in SORTS)) if name.startswith(start)]


class Words(click.Command):
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


def picked(command: Command) -> Command:
    """Add WORDS, --view, --sort and --all; the command gets ``words``, ``view``, ``sort`` and ``everything``."""
    for option in (
        click.option(
            "--all", "everything", is_flag=True, help="Also what is done, snoozed or applied."
        ),
        click.option(
            "--sort",
            metavar="KEY",
            shell_complete=_complete_sort,
            help=f"One of {', '.join(SORTS)}; -KEY turns it around.",
        ),
        click.option(
            "--view",
            metavar="NAME",
            shell_complete=_complete_view,
            help="A saved filter: mine, ready, fixes, or yours.",
        ),
        click.argument("words", nargs=-1, type=click.UNPROCESSED),
    ):
        command = option(command)
    return command


def views(config: Config) -> dict[str, str]:
    """The words of every view by its name."""
    return {**VIEWS, **config.triage.views}


def view_words(config: Config, name: str | None) -> list[str]:
    """The words of a view, none for no view.  Raises UserError for one that is not there."""
    known = views(config)
    if name is None:
        return []
    if name not in known:
        raise UserError(
            f"no view {name[:40]!a}; there are {', '.join(known)}; [triage.views] in the settings adds some"
        )
    return known[name].split()
