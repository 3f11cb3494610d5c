# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot rules new`` and ``rules reference``: files for people who write and read rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reviewbot.model.errors import UserError
from reviewbot.rulekit.registry import rules_for

if TYPE_CHECKING:
    from reviewbot.cli.main import Invocation


@click.command()
@click.argument("code")
@click.argument("name")
@click.option("--directory", type=click.Path(file_okay=False, path_type=Path), help="Where to.")
@click.pass_context
def new(ctx: click.Context, code: str, name: str, *, directory: Path | None) -> None:
    """Write a rule CODE (SITE-ABI-001) called NAME (padding_use), with two cases, to start from.

    It works as it is: a small example that its cases hold on to.  The directory is by default the
    first of rules.directories in the settings.
    """
    from reviewbot.tools.rule_files import new_rule  # noqa: PLC0415 - jinja2

    invocation: Invocation = ctx.obj
    config = invocation.config()
    own = config.rules.directories
    if directory is None and not own:
        raise UserError("say where to with --directory DIR; the settings name no rules.directories")
    place = (directory or Path(own[0])).expanduser().absolute()
    wanted = code.upper()
    for rule in rules_for(config):
        if rule.code == wanted:
            raise UserError(f"{wanted} is taken by {rule.path}; choose another number")
    files = new_rule(wanted, name, place)
    for file in files:
        click.echo(f"wrote {file}")
    click.echo(
        f"Try it: reviewbot rules test {' '.join(str(file) for file in files[1:])}", err=True
    )
    if not any(place.is_relative_to(each) for each in own):
        click.echo(f'To have it used: [rules] directories = ["{place}"] in the settings', err=True)


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.pass_context
def reference(ctx: click.Context, directory: Path) -> None:
    """Write the rule reference to DIRECTORY: a Markdown page for each rule, and an index."""
    from reviewbot.stages.reference import PAGE, pages  # noqa: PLC0415 - only now
    from reviewbot.tools.rule_files import write_pages  # noqa: PLC0415 - jinja2

    invocation: Invocation = ctx.obj
    made = pages(rules_for(invocation.config()), directory)
    changed = write_pages(made, directory, PAGE)
    click.echo(f"{directory}: {len(made)} pages, {changed} changed")
