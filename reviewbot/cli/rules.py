# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot rules``: which there are, what each means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reviewbot import assets
from reviewbot.model.errors import UserError
from reviewbot.rulekit.registry import load_rules

if TYPE_CHECKING:
    from reviewbot.cli.main import Invocation
    from reviewbot.rulekit.rule import Rule


@click.group()
def rules() -> None:
    """The rules a series is checked against."""


@rules.command(name="list")
@click.pass_context
def list_rules(ctx: click.Context) -> None:
    """One line a rule: code, severity, what it checks."""
    for rule in _loaded(ctx.obj):
        click.echo(f"{rule.code:<16}{rule.declaration.severity:<9}{rule.title}")


@rules.command()
@click.argument("code")
@click.pass_context
def explain(ctx: click.Context, code: str) -> None:
    """What CODE checks and why, with a bad and a good example."""
    wanted = code.upper()
    rule = next((rule for rule in _loaded(ctx.obj) if rule.code == wanted), None)
    if rule is None:
        raise UserError(f"no rule {code!r}; 'reviewbot rules list' shows all codes")
    click.echo(f"{rule.code}: {rule.title} ({rule.declaration.severity})")
    for heading, text in rule.docs.items():
        click.echo(f"\n{heading}\n{'-' * len(heading)}\n{text}")


def _loaded(invocation: Invocation) -> tuple[Rule, ...]:
    own = (Path(name) for name in invocation.config().rules.directories)
    return load_rules((assets.rules_directory(), *own))
