# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot rules``: which there are, what each means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reviewbot.cli.rules_eval import evaluate
from reviewbot.model.errors import UserError
from reviewbot.rulekit.registry import rules_for

if TYPE_CHECKING:
    from reviewbot.cli.main import Invocation


@click.group()
def rules() -> None:
    """The rules a series is checked against."""


rules.add_command(evaluate)


@rules.command(name="list")
@click.pass_context
def list_rules(ctx: click.Context) -> None:
    """One line a rule: code, severity, what it checks."""
    for rule in rules_for(ctx.obj.config()):
        click.echo(f"{rule.code:<16}{rule.declaration.severity:<9}{rule.title}")


@rules.command()
@click.argument("code")
@click.pass_context
def explain(ctx: click.Context, code: str) -> None:
    """What CODE checks and why, with a bad and a good example."""
    wanted = code.upper()
    rule = next((rule for rule in rules_for(ctx.obj.config()) if rule.code == wanted), None)
    if rule is None:
        raise UserError(f"no rule {code!r}; 'reviewbot rules list' shows all codes")
    click.echo(f"{rule.code}: {rule.title} ({rule.declaration.severity})")
    for heading, text in rule.docs.items():
        click.echo(f"\n{heading}\n{'-' * len(heading)}\n{text}")


@rules.command(name="test")
@click.argument("cases", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--update", is_flag=True, help="Rewrite the cases as found; read the difference.")
@click.pass_context
def run_cases(ctx: click.Context, cases: tuple[Path, ...], *, update: bool) -> None:
    """Run CASES, by default all: each rule must say what its case expects."""
    from reviewbot.cli.environment import tools_for  # noqa: PLC0415 - loads the stages
    from reviewbot.stages import cases as stage  # noqa: PLC0415 - loads the stages

    invocation: Invocation = ctx.obj
    chosen = cases or tuple(case for rule in rules_for(invocation.config()) for case in rule.cases)
    failed = 0
    with tools_for(invocation.config(), quiet=True) as tools:
        for case in chosen:
            outcome = stage.run(stage.CaseRequest(path=case, update=update), tools)
            failed += bool(outcome.differences)
            for difference in outcome.differences:
                click.echo(f"{case}: {difference}")
    click.echo(f"{len(chosen) - failed} of {len(chosen)} cases as expected")
    ctx.exit(1 if failed and not update else 0)
