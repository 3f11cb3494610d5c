# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot doctor``, ``init`` and ``import-source``: getting a machine ready."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reviewbot.cli.environment import cache_directory, tools_for
from reviewbot.model.config import Config
from reviewbot.model.errors import UserError

if TYPE_CHECKING:
    from reviewbot.cli.main import Invocation


@click.command()
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Check tools, accelerator (by booting), disk, inbox and settings; say the fix for each."""
    from reviewbot.engine import doctor as checks  # noqa: PLC0415 - loads every tool

    invocation: Invocation = ctx.obj
    failed, complaint = False, ""
    named = Path(invocation.config_path) if invocation.config_path else None
    try:
        config = invocation.config()
    except UserError as error:
        config, complaint = Config(), str(error)
    with tools_for(config, quiet=True) as tools:
        for check in checks.run(tools, settings=named, settings_error=complaint):
            failed = failed or check.state == "fail"
            click.echo(f"{check.state:<5}{check.name:<16}{check.detail}")
            if check.fix:
                click.echo(f"{'':<21}-> {check.fix}")
    ctx.exit(3 if failed else 0)


@click.command()
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.pass_context
def init(ctx: click.Context, *, force: bool) -> None:
    """Write a commented settings file, every line at its default."""
    from reviewbot.tools import settings_text  # noqa: PLC0415 - reads our own source

    invocation: Invocation = ctx.obj
    click.echo(f"wrote {settings_text.write(invocation.config_path, force=force)}")


@click.command(name="import-source")
@click.argument("archive", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_source(archive: Path) -> None:
    """Make a git tree of a Debian kernel source ARCHIVE (linux-source-6.12.tar.xz); print its path.

    Done once: the same archive gives the same tree.
    """
    from reviewbot.tools.source_import import import_source as make_tree  # noqa: PLC0415

    name = archive.name.split(".tar")[0]
    repository = cache_directory() / "trees" / name
    make_tree(archive, repository, name)
    click.echo(repository)
