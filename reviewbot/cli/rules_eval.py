# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot rules eval``: how the rules do on labelled patches of a list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reviewbot.cli.environment import tools_for
from reviewbot.cli.selection import selected, selection
from reviewbot.model.base import Tree
from reviewbot.model.codec import to_json
from reviewbot.model.corpus import Label, Outcome
from reviewbot.model.errors import UserError
from reviewbot.stages.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reviewbot.cli.main import Invocation
    from reviewbot.model.corpus import CaseResult, Evaluation, Score

_LISTED = (Outcome.MISSED, Outcome.FOUND_BY_ANOTHER, Outcome.FALSE, Outcome.COULD_NOT_RUN)
_COLUMNS = (
    ("positives", "pos"),
    ("found", "found"),
    ("by_another", "by other"),
    ("missed", "missed"),
    ("negatives", "neg"),
    ("false_errors", "false err"),
    ("false_warnings", "false warn"),
    ("could_not_run", "not run"),
)


@click.command(name="eval")
@click.argument("corpus", type=click.Path(path_type=Path))
@click.option(
    "--inbox", required=True, type=click.Path(path_type=Path), help="A public-inbox, or an epoch."
)
@click.option(
    "--tree", "trees", multiple=True, metavar="PATH", help="Kernel repository; repeatable."
)
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table")
@selection
@click.option("--label", type=click.Choice([one.value for one in Label]), help="Only these cases.")
@click.option(
    "--floor-recall", type=click.FloatRange(0, 100), help="Exit 1 when fewer % are found."
)
@click.option("--max-false-errors", type=click.IntRange(0), help="Exit 1 above this.")
@click.option("--max-false-warnings", type=click.IntRange(0), help="Exit 1 above this.")
@click.option("--show", is_flag=True, help="Also list what was found and what stayed quiet.")
@click.pass_context
def evaluate(
    ctx: click.Context,
    corpus: Path,
    *,
    inbox: Path,
    trees: tuple[str, ...],
    form: str,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    label: str | None,
    floor_recall: float | None,
    max_false_errors: int | None,
    max_false_warnings: int | None,
    show: bool,
) -> None:
    """Run the rules over the labelled patches of CORPUS, a JSON file, and count."""
    from reviewbot.stages import evaluate as stage  # noqa: PLC0415 - loads the stages
    from reviewbot.stages.scorecard import Floors  # noqa: PLC0415 - loads the stages

    invocation: Invocation = ctx.obj
    config = selected(invocation.config(), select, ignore)
    paths = [Path(name).expanduser().absolute() for name in trees]
    request = stage.EvaluateRequest(
        corpus=_read(corpus),
        name=str(corpus),
        inbox=inbox,
        trees=tuple(Tree(name=path.name, path=str(path)) for path in paths),
        label=Label(label) if label else None,
        floors=Floors(
            recall=floor_recall,
            false_errors=max_false_errors,
            false_warnings=max_false_warnings,
        ),
    )
    with tools_for(config, quiet=invocation.quiet) as tools:
        result = stage.run(request, tools)
    if form == "json":
        click.echo(to_json(result))
    else:
        for line in _lines(result, show=show):
            click.echo(line)
    for floor in result.floors:
        click.echo(f"reviewbot: {floor}", err=True)
    ctx.exit(1 if result.floors else 0)


def _read(corpus: Path) -> bytes:
    try:
        return corpus.read_bytes()
    except OSError as error:
        raise UserError(f"{corpus}: cannot be read: {error.strerror}") from error


def _lines(result: Evaluation, *, show: bool) -> Iterator[str]:
    yield from _table("rule", (*result.rules, result.total), timed=True)
    yield ""
    yield from _table("detect", result.by_detect)
    yield ""
    yield from _table("tree", result.by_footing)
    for outcome in (*Outcome,) if show else _LISTED:
        cases = [one for one in result.cases if one.outcome is outcome]
        if cases:
            yield f"\n{outcome} ({len(cases)}):"
            yield from (line for one in cases for line in _case(one))
    if result.strays:
        yield f"\nother errors on series with a negative label ({len(result.strays)}):"
    for stray in result.strays:
        finding = stray.finding
        yield "  " + one_line(
            f"{finding.code} patch {finding.patch} <{stray.series}> {finding.title}"
        )


def _table(head: str, scores: Sequence[Score], *, timed: bool = False) -> Iterator[str]:
    titles = [title for _, title in _COLUMNS] + (["seconds"] if timed else [])
    rows = [
        [str(getattr(score, name)) for name, _ in _COLUMNS]
        + ([f"{score.seconds:.2f}"] if timed else [])
        for score in scores
    ]
    yield _row(head, titles, titles)
    for score, cells in zip(scores, rows, strict=True):
        yield _row(score.name, cells, titles)


def _row(name: str, cells: Iterable[str], titles: Sequence[str]) -> str:
    shown = (f"{cell:>{len(title)}}" for cell, title in zip(cells, titles, strict=True))
    return f"{name:<16}" + "  ".join(shown)


def _case(one: CaseResult) -> Iterator[str]:
    case = one.case
    place = f"{one.footing}: {one.tree}" if one.tree else str(one.footing)
    yield "  " + one_line(f"{case.rule or 'control'} {case.label} <{case.patch}> [{place}]")
    yield "      " + one_line(f"{case.subject[:100]}")
    yield "      " + one_line(f"{one.reason[:300]}") if one.reason else "      -"
    for finding in one.findings:
        where = f"{finding.location.path}:{finding.location.line} " if finding.location else ""
        yield "      " + one_line(f"{finding.severity} {finding.code} {where}{finding.title}")
