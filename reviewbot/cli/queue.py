# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot queue``: what waits, what runs, what needs a person."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import click

from reviewbot.cli.environment import state_directory
from reviewbot.model.codec import to_json
from reviewbot.model.job import ASKED, Job, JobState, Need, Urgency
from reviewbot.model.run import Stage
from reviewbot.stages.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewbot.cli.main import Invocation
    from reviewbot.engine.durable import JobQueue

_OPEN = (JobState.DELAYED, JobState.QUEUED, JobState.RUNNING, JobState.PARKED)
_STAGES = [str(stage) for stage in Stage if stage not in {Stage.JUDGE, Stage.REPORT, Stage.DELIVER}]
_MOMENT = "%Y-%m-%d %H:%M"


@click.group()
def queue() -> None:
    """The reviews that wait, run, or need a person."""


@queue.command(name="list")
@click.option("--all", "everything", is_flag=True, help="Finished and cancelled ones too.")
@click.option("--limit", "-n", type=click.IntRange(1, 100_000), default=100, show_default=True)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
@click.pass_context
def list_jobs(ctx: click.Context, limit: int, form: str, *, everything: bool) -> None:
    """One line a job, the newest first: state, age, worker, job, title."""
    with _queue(ctx) as jobs:
        found = jobs.jobs(() if everything else _OPEN, limit=limit)
    if form == "json":
        click.echo(to_json(found))
        return
    for status in found:
        age = _age(time.time() - (status.ended or status.started or status.queued))
        title = one_line(status.job.title or status.verdict or status.error)
        click.echo(
            f"{status.state:<10}{age:>5}  {one_line(status.worker) or '-':<12} "
            f"{one_line(status.job.id)}  {title}"
        )
    if not found:
        click.echo(
            "nothing is queued" + ("" if everything else "; --all shows what is done"), err=True
        )


@queue.command()
@click.argument("job_id", metavar="JOB")
@click.pass_context
def inspect(ctx: click.Context, job_id: str) -> None:
    """Everything known of JOB (an id of 'queue list', or the start of one)."""
    with _queue(ctx) as jobs:
        status = jobs.find(job_id)
    rows = (
        ("job", status.job.id),
        ("title", status.job.title),
        ("state", status.state),
        ("needs", ", ".join(sorted(status.job.needs)) or "rules only"),
        ("tree", status.job.tree or "any"),
        ("queued", _moment(status.queued)),
        ("started", _moment(status.started)),
        ("ended", _moment(status.ended)),
        ("worker", status.worker),
        ("tries", str(status.tries)),
        ("stages", ", ".join(status.stages)),
        ("run", status.run),
        ("verdict", status.verdict),
        ("error", status.error),
    )
    for name, value in rows:
        if value:
            click.echo(f"{name:<9}{one_line(value)}")
    if status.state is JobState.PARKED:
        click.echo(f"'reviewbot queue retry {one_line(status.job.id)}' tries again")


@queue.command()
@click.argument("series")
@click.option("--tree", default="", help="Name of the configured tree to use.")
@click.option("--base", default="", help="Apply on this commit.")
@click.option("--revision", type=click.IntRange(1, 999), default=1, show_default=True)
@click.option("--until", type=click.Choice(_STAGES))
@click.option(
    "--need",
    multiple=True,
    type=click.Choice([str(need) for need in Need]),
    help="Only on hosts that can.",
)
@click.option("--again", is_flag=True, help="Even if it was reviewed before.")
@click.pass_context
def add(  # noqa: PLR0917 - one parameter an option
    ctx: click.Context,
    series: str,
    tree: str,
    base: str,
    revision: int,
    until: str | None,
    need: tuple[str, ...],
    *,
    again: bool,
) -> None:
    """Queue a review of SERIES (a message-id, URL or path that the worker can read)."""
    last = Stage(until) if until else Stage.COMPARE
    lab = [*Stage].index(last) > [*Stage].index(Stage.CHECK)
    needs = frozenset(Need(word) for word in need) | (frozenset({Need.LAB}) if lab else frozenset())
    wanted = Job(
        series=series.strip("<>"),
        source=ASKED,
        revision=revision,
        tree=tree,
        base=base,
        until=last,
        needs=needs,
        urgency=Urgency.ASKED,
        again=int(time.time()) if again else 0,
    )
    with _queue(ctx) as jobs:
        fresh = jobs.add(wanted)
    known = "" if fresh else " is known already; --again queues it once more"
    click.echo(f"{one_line(wanted.id)}{known}")


@queue.command()
@click.argument("job_id", metavar="JOB")
@click.pass_context
def cancel(ctx: click.Context, job_id: str) -> None:
    """Stop JOB, whether it waits or runs.  Later mails of the series do not bring it back; 'retry' does."""
    with _queue(ctx) as jobs:
        status = jobs.find(job_id)
        jobs.cancel(status.job.id, by_hand=True)
    click.echo(f"cancelled {one_line(status.job.id)}")


@queue.command()
@click.argument("job_id", metavar="JOB")
@click.pass_context
def retry(ctx: click.Context, job_id: str) -> None:
    """Do JOB again: one that is parked, cancelled or done."""
    with _queue(ctx) as jobs:
        status = jobs.find(job_id)
        jobs.retry(status.job.id)
    click.echo(f"queued again: {one_line(status.job.id)}")


@contextlib.contextmanager
def _queue(ctx: click.Context) -> Iterator[JobQueue]:
    from reviewbot.engine.durable import open_queue  # noqa: PLC0415 - DBOS is slow to load

    invocation: Invocation = ctx.obj
    jobs = open_queue(invocation.config().engine.database, state_directory())
    try:
        yield jobs
    finally:
        jobs.close()


def _moment(seconds: float) -> str:
    return time.strftime(_MOMENT, time.localtime(seconds)) if seconds else ""


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f}{unit}"
    return f"{max(0, seconds):.0f}s"
