# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot sweep``: what got worse on a branch since the last sweep, and which commit did it."""

from __future__ import annotations

import contextlib
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import click

from reviewbot.cli.environment import need_isolation, state_directory, tools_for
from reviewbot.model.codec import to_json
from reviewbot.model.errors import ReviewbotError, UserError
from reviewbot.model.job import Done
from reviewbot.model.sweep import Ending, Move
from reviewbot.stages.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewbot.cli.main import Invocation
    from reviewbot.model.config import Config
    from reviewbot.model.job import Job
    from reviewbot.model.sweep_report import SweepReport
    from reviewbot.stages.sweep_plan import Branch
    from reviewbot.tools.context import Tools
    from reviewbot.tools.nights import Nights


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME|TREE/BRANCH]...")
@click.option("--hours", type=click.FloatRange(0, min_open=True), help="End each after so long.")
@click.option("--no-fetch", is_flag=True, help="Sweep what is in the repository now.")
@click.option("--again", is_flag=True, help="Also what has not changed since the last sweep.")
@click.option("--due", is_flag=True, help="Only what is due by the settings (for a timer).")
@click.option("--json", "as_json", is_flag=True, help="Print the reports as JSON, one a line.")
@click.pass_context
def sweep(
    ctx: click.Context,
    names: tuple[str, ...],
    *,
    hours: float | None,
    no_fetch: bool,
    again: bool,
    due: bool,
    as_json: bool,
) -> None:
    """Sweep branches now: build, boot, run every selftest, compare, and bisect what broke.

    Names are those of [sweeps.NAME] in the settings or of branches; without any, all are swept.  Interrupted,
    it keeps what it has found, and the same command goes on.

    Exit status: 0 nothing broke, 1 something did, 2 wrong usage, 3 our own tools failed.
    """
    from reviewbot.engine.sweep_round import Round  # noqa: PLC0415 - pygit2 is slow to load
    from reviewbot.stages import sweep_plan  # noqa: PLC0415 - see above

    invocation: Invocation = ctx.obj
    config = invocation.config()
    branches = sweep_plan.chosen(sweep_plan.branches(config), names)
    if not branches:
        raise UserError("nothing to sweep: add [sweeps.NAME] to the settings (docs/sweep.md)")
    status = 0
    with _nights() as nights, tools_for(config, quiet=invocation.quiet) as tools:
        going = Round(
            tools=tools, nights=nights, fetch=not no_fetch, again=again, hours=hours or 0.0
        )
        for branch in branches:
            if due and not _due(branch, nights):
                continue
            need_isolation()
            try:
                report = going.sweep(branch, partial(_enter, branch, nights, config))
            except ReviewbotError as error:  # the other branches are swept all the same
                click.echo(f"reviewbot: {branch.name}: {one_line(str(error))}", err=True)
                status = max(status, error.exit_code)
                continue
            _print(report, tools, as_json=as_json)
            status = max(status, _status(report))
    ctx.exit(status)


def sweep_job(wanted: Job, config: Config) -> Done:
    """Do a queued sweep (a worker's child calls this).  Raises what a sweep raises."""
    from reviewbot.engine.sweep_clock import branch_of  # noqa: PLC0415 - as in sweep()
    from reviewbot.engine.sweep_round import Round  # noqa: PLC0415 - as in sweep()
    from reviewbot.stages import sweep_plan, sweep_text  # noqa: PLC0415 - as in sweep()

    name = branch_of(wanted)
    branches = [one for one in sweep_plan.branches(config) if one.name == name]
    if not branches:
        raise UserError(f"no sweep of {name} in this worker's settings: [sweeps.NAME]")
    with _nights() as nights, tools_for(config, quiet=True) as tools:
        need_isolation()
        deliver = partial(_enter, branches[0], nights, config)
        report = Round(tools=tools, nights=nights).sweep(branches[0], deliver)
        return Done(
            run=report.night.id,
            verdict=sweep_text.subject(report),
            exit_code=_status(report),
        )


@contextlib.contextmanager
def _nights() -> Iterator[Nights]:
    """The store of nights of this user."""
    from reviewbot.tools.nights import Nights  # noqa: PLC0415 - SQLite only now

    with contextlib.closing(Nights(state_directory() / "nights.sqlite")) as nights:
        yield nights


def _enter(branch: Branch, nights: Nights, config: Config, report: SweepReport) -> None:
    """Put the night's mails into the outbox; 'reviewbot sender' sends them."""
    from reviewbot.engine import sweep_mail  # noqa: PLC0415 - SQLAlchemy is slow to load
    from reviewbot.tools import database  # noqa: PLC0415 - see above

    url = database.url_of(config.engine.database, state_directory())
    for line in sweep_mail.enter(report, branch.settings, nights, config, url):
        click.echo(f"reviewbot: {one_line(line)}", err=True)


def _due(branch: Branch, nights: Nights) -> bool:
    from reviewbot.stages import sweep_plan  # noqa: PLC0415 - as in sweep()

    last = nights.heads(branch.name, 1)
    return sweep_plan.due(branch.settings, time.time(), last[0].started if last else 0.0)


def _status(report: SweepReport) -> int:
    from reviewbot.stages import sweep_text  # noqa: PLC0415 - as in sweep()

    moves = {one.move for one in sweep_text.decisive(report)}
    return int(bool(moves & {Move.BROKE, Move.WARNED}))


def _print(report: SweepReport, tools: Tools, *, as_json: bool) -> None:
    """To standard output; a reader that left changes nothing."""
    if as_json:
        content = to_json(report) + b"\n"
    elif report.night.ending is Ending.UNCHANGED:
        night = report.night
        content = (
            f"{night.branch} at {night.commit[:12]}: as in the sweep {night.same_as}\n".encode()
        )
        # A remote that has not answered for weeks looks like a quiet branch.
        for one in night.missing:
            click.echo(f"reviewbot: {night.branch}: {one_line(one)}", err=True)
    else:
        from reviewbot.stages import report as rendering  # noqa: PLC0415 - jinja2 only now
        from reviewbot.stages import sweep_text  # noqa: PLC0415 - see above

        environment = rendering.plain(rendering.settings(tools.config))
        content = sweep_text.text(report, environment, regzbot=False).encode("utf-8", "replace")
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
