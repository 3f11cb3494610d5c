# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot cache``: what takes the room on the disk, and making some."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from reviewbot.cli.environment import cache_directory
from reviewbot.tools import eviction
from reviewbot.tools.cache import Cache

if TYPE_CHECKING:
    from reviewbot.cli.main import Invocation
    from reviewbot.tools.eviction import Entry


@click.group(invoke_without_command=True)
@click.pass_context
def cache(ctx: click.Context) -> None:
    """Show what is kept to make reviews fast; 'cache prune' removes what was used longest ago."""
    if ctx.invoked_subcommand is None:
        invocation: Invocation = ctx.obj
        _show(Cache(cache_directory()), invocation.config().cache.disk_gib)


@cache.command()
@click.option("--to", "to_gib", type=click.FloatRange(0), help="GiB to keep (default: the budget).")
@click.pass_context
def prune(ctx: click.Context, to_gib: float | None) -> None:
    """Remove what was used longest ago until the rest fits.

    Layers that a review is using, and what was used in the last 12 hours, stay.
    """
    invocation: Invocation = ctx.obj
    budget = invocation.config().cache.disk_gib if to_gib is None else to_gib
    if budget == 0 and to_gib is None:
        click.echo("cache.disk_gib is 0, no limit; --to GIB says how much to keep")
        return
    place = Cache(cache_directory())
    gone = eviction.keep_within(place, int(budget * eviction.GIB))
    freed = sum(entry.size for entry in gone.entries)
    click.echo(f"removed {len(gone.entries)} entries, {_size(freed)}; {_size(gone.left)} left")
    if gone.left > budget * eviction.GIB:
        click.echo("the rest is in use, or was in the last 12 hours")


def _show(place: Cache, budget: float) -> None:
    everything = sorted(eviction.entries(place), key=lambda entry: -entry.used)
    for entry in everything:
        if entry.kind == "layer":
            used = "in use" if eviction.in_use(place, entry) else _ago(entry)
            click.echo(f"{_size(entry.size):>10}  {used:<14}  {entry.path.name}")
    for kind in ("blob", "result"):
        some = [entry for entry in everything if entry.kind == kind]
        if some:
            oldest = f"oldest {_ago(some[-1])}"
            click.echo(f"{_size(sum(e.size for e in some)):>10}  {len(some)} {kind}s, {oldest}")
    total = sum(entry.size for entry in everything)
    limit = f"of {budget:g} GiB (cache.disk_gib)" if budget else "no limit (cache.disk_gib is 0)"
    click.echo(f"{_size(total):>10}  {limit}, in {place.root}")


def _size(size: int) -> str:
    return f"{size / eviction.GIB:.2f} GiB" if size >= eviction.GIB else f"{size / 2**20:.1f} MiB"


def _ago(entry: Entry) -> str:
    hours = max(0.0, time.time() - entry.used) / 3600
    return f"{hours:.0f} h ago" if hours < 48 else f"{hours / 24:.0f} days ago"
