# SPDX-License-Identifier: GPL-2.0-only
"""``--select`` and ``--ignore``, the same wherever rules run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from reviewbot.model.config import Config

Command = TypeVar("Command", bound="Callable[..., Any]")


def selection(command: Command) -> Command:
    """Add the two options; the command gets ``select`` and ``ignore``, tuples of codes."""
    for name, text in (
        ("--ignore", "Leave these rules (codes or prefixes) out."),
        ("--select", "Run only these rules (codes or prefixes)."),
    ):
        add = click.option(name, multiple=True, metavar="CODE[,CODE]", callback=_split, help=text)
        command = add(command)
    return command


def selected(config: Config, select: tuple[str, ...], ignore: tuple[str, ...]) -> Config:
    """The settings with the options in force: --select replaces theirs, --ignore adds to theirs."""
    rules = replace(
        config.rules,
        select=select or config.rules.select,
        ignore=(*config.rules.ignore, *ignore),
    )
    return replace(config, rules=rules)


def _split(
    _ctx: click.Context, _parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    words = (word.strip().upper() for each in value for word in each.split(","))
    return tuple(word for word in words if word)
