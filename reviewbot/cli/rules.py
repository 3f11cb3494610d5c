# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot rules``: which there are, what each means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reviewbot.cli.rules_eval import evaluate
from reviewbot.cli.rules_stats import stats
from reviewbot.cli.rules_write import new, reference
from reviewbot.cli.selection import selection
from reviewbot.model.errors import UserError
from reviewbot.rulekit.registry import chosen, rules_for

if TYPE_CHECKING:
    from reviewbot.cli.main import Invocation
    from reviewbot.rulekit.rule import Rule


@click.group()
def rules() -> None:
    """The rules a series is checked against."""


for _command in (evaluate, new, reference, stats):
    rules.add_command(_command)


@rules.command(name="list")
@selection
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text")
@click.pass_context
def list_rules(
    ctx: click.Context, *, select: tuple[str, ...], ignore: tuple[str, ...], form: str
) -> None:
    """One line a rule: code, severity, what it checks."""
    invocation: Invocation = ctx.obj
    config = invocation.config()
    listed = chosen(rules_for(config), select, ignore)
    if form == "json":
        click.echo(json.dumps([_as_json(rule) for rule in listed], indent=2))
        return
    for rule in listed:
        click.echo(f"{rule.code:<16}{rule.declaration.severity:<9}{rule.title}")


@rules.command()
@click.argument("code")
@click.pass_context
def explain(ctx: click.Context, code: str) -> None:
    """What CODE checks and why, with a bad and a good example."""
    config = ctx.obj.config()
    wanted = code.upper()
    rule = next((rule for rule in rules_for(config) if rule.code == wanted), None)
    if rule is None:
        raise UserError(f"no rule {code!r}; 'reviewbot rules list' shows all codes")
    click.echo(f"{rule.code}: {rule.title} ({rule.declaration.severity})")
    for heading, text in rule.docs.items():
        click.echo(f"\n{heading}\n{'-' * len(heading)}\n{text}")
    if config.rules.help_url:
        click.echo(f"\n{config.rules.help_url.replace('%s', rule.code)}")


@rules.command(name="test")
@click.argument("cases", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@selection
@click.option("--update", is_flag=True, help="Rewrite the cases as found; read the difference.")
@click.pass_context
def run_cases(
    ctx: click.Context,
    cases: tuple[Path, ...],
    *,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    update: bool,
) -> None:
    """Run CASES, by default those of all rules (or those selected): each rule must say what its case expects."""
    from reviewbot.cli.environment import tools_for  # noqa: PLC0415 - loads the stages
    from reviewbot.stages import cases as stage  # noqa: PLC0415 - loads the stages

    invocation: Invocation = ctx.obj
    if cases and (select or ignore):
        raise click.UsageError("give either CASES, or rules with --select and --ignore")
    if not cases:
        picked = chosen(rules_for(invocation.config()), select, ignore)
        cases = tuple(case for rule in picked for case in rule.cases)
    failed = 0
    with tools_for(invocation.config(), quiet=True) as tools:
        for case in cases:
            outcome = stage.run(stage.CaseRequest(path=case, update=update), tools)
            failed += bool(outcome.differences)
            for difference in outcome.differences:
                click.echo(f"{case}: {difference}")
    click.echo(f"{len(cases) - failed} of {len(cases)} cases as expected")
    ctx.exit(1 if failed and not update else 0)


def _as_json(rule: Rule) -> dict[str, object]:
    own = rule.declaration
    return {
        "code": rule.code,
        "severity": own.severity,
        "confidence": own.confidence,
        "needs": own.needs,
        "touches": own.touches,
        "title": rule.title,
        "path": str(rule.path),
    }
