# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot worker`` does queued reviews; ``reviewbot job`` is its child, one review each."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from reviewbot.cli.environment import cache_directory, state_directory, store, tools_for
from reviewbot.cli.service import answering, listen_option, log_option
from reviewbot.model.codec import from_json, to_json
from reviewbot.model.errors import InfrastructureError, UnavailableError, UserError
from reviewbot.model.job import ASKED, SWEEP, Done, Job, Need
from reviewbot.model.run import Stage, VerdictKind
from reviewbot.model.say import Level
from reviewbot.stages.printable import one_line
from reviewbot.tools import accelerator, database
from reviewbot.tools.cache import Cache
from reviewbot.tools.enclosed import Enclosed
from reviewbot.tools.pulse import Pulse
from reviewbot.tools.session import Line, Reached, Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewbot.cli.log import Log
    from reviewbot.cli.main import Invocation
    from reviewbot.engine.sweep_clock import SweepClock
    from reviewbot.engine.workers import Worker
    from reviewbot.model.config import Config

_JOB_LIMIT = 1 << 20
_LOOK_SECONDS = 5.0


@click.command()
@click.option("--name", help="This worker's name (default: engine.worker, else the host's name).")
@click.option(
    "--can",
    multiple=True,
    type=click.Choice([str(need) for need in Need]),
    help="What this host can do.",
)
@click.option("--parallel", type=click.IntRange(1, 64), help="Reviews at once.")
@click.option("--drain", is_flag=True, help="End when nothing is queued for this worker.")
@log_option("worker")
@listen_option
@click.pass_context
def worker(
    ctx: click.Context,
    *,
    name: str | None,
    can: tuple[str, ...],
    parallel: int | None,
    log: Log,
    listen: str | None,
    drain: bool,
) -> None:
    """Do queued reviews until told to stop (SIGTERM, Ctrl-C).

    What is half done then goes on at the next start, or at another host.
    """
    log.take_over()
    from reviewbot.engine.metrics import WorkerMeters  # noqa: PLC0415 - as in the bot
    from reviewbot.engine.workers import Worker  # noqa: PLC0415 - DBOS is slow to load

    invocation: Invocation = ctx.obj
    config = invocation.config()
    state = state_directory()
    abilities = frozenset(Need(word) for word in can) or _abilities(config)
    url = database.url_of(config.engine.database, state)
    pulse = Pulse(_LOOK_SECONDS)
    meters = WorkerMeters(url, pulse)
    mine = Worker(
        url,
        state,
        name=name or config.engine.worker or socket.gethostname(),
        abilities=abilities,
        perform=lambda job, cancelled: meters.counted(
            Session(job, cancelled, invocation.config_path)
        ),
        parallel=parallel or config.engine.parallel,
        tree_limit=config.engine.tree_limit,
    )
    mine.start()
    try:
        able = ", ".join(sorted(abilities)) or "rules only"
        log("started", f"worker {mine.name}: {able}; queue {_shown(url)}")
        with answering(listen, meters, log), _clock(config, url, log) as clock:
            _wait(mine, pulse, log, clock, drain=drain)
    finally:
        mine.stop()


@contextlib.contextmanager
def _clock(config: Config, url: str, log: Log) -> Iterator[SweepClock | None]:
    """What queues sweeps at their time; None when the settings have none."""
    if not config.sweeps:
        yield None
        return
    from reviewbot.engine.durable import JobQueue  # noqa: PLC0415 - DBOS is slow to load
    from reviewbot.engine.sweep_clock import SweepClock  # noqa: PLC0415 - see above

    with contextlib.closing(JobQueue(url)) as queue:
        yield SweepClock(config, queue, log)


def _wait(mine: Worker, pulse: Pulse, log: Log, clock: SweepClock | None, *, drain: bool) -> None:
    """Return when drained; end the process at once when others may have taken our jobs."""
    pause = threading.Event()
    while True:
        if clock:
            with contextlib.suppress(InfrastructureError):  # the database is away: it may come back
                clock.turn()
        if drain and mine.idle():
            return
        pause.wait(1.0 if drain else _LOOK_SECONDS)
        if mine.lost():
            log("lost", "lost the database, and with it the claim to our jobs", level=Level.ERROR)
            os._exit(3)  # children die with us; nothing may be recorded any more
        pulse.turned()


def _abilities(config: Config) -> frozenset[Need]:
    """What this machine can do, by trying (the answer about hardware is kept in the cache)."""
    found = set()
    if shutil.which(config.lab.qemu) and shutil.which("gcc"):
        found.add(Need.LAB)
        if accelerator.hardware(config.lab.qemu, Cache(cache_directory())).usable:
            found.add(Need.NESTED)
    if shutil.which("clang"):
        found.add(Need.CROSS)
    return frozenset(found)


def _shown(url: str) -> str:
    place = database.file_of(url)
    return str(place) if place else database.without_password(url)


@click.command(hidden=True)
@click.pass_context
def job(ctx: click.Context) -> None:
    """Do the one job on standard input; a worker runs this."""
    invocation: Invocation = ctx.obj
    wanted = from_json(sys.stdin.buffer.read(_JOB_LIMIT), Job)
    config = invocation.config()
    try:
        done = _do(wanted, config)
    except UnavailableError as error:  # the inbox may answer the next time
        done = Done(failure=one_line(str(error)), exit_code=error.exit_code, away=True)
    except UserError as error:
        done = Done(problem=one_line(str(error)), exit_code=error.exit_code)
    except InfrastructureError as error:
        done = Done(failure=one_line(str(error)), exit_code=error.exit_code)
    _say(Line(result=done))


def _do(wanted: Job, config: Config) -> Done:
    if wanted.source == SWEEP:
        from reviewbot.cli.sweep import sweep_job  # noqa: PLC0415 - most jobs are reviews

        return sweep_job(wanted, config)
    from reviewbot.cli.review import trees_of  # noqa: PLC0415 - loads the pipeline
    from reviewbot.engine.pipeline import ReviewRequest, review  # noqa: PLC0415 - see above
    from reviewbot.tools.finished import DamagedReviewError, Finished  # noqa: PLC0415 - see above

    url = database.url_of(config.engine.database, state_directory())
    trees = trees_of(config)
    if wanted.tree:
        trees = tuple(tree for tree in trees if tree.name == wanted.tree)
        if not trees:
            raise UserError(
                f"no tree {wanted.tree!r} in this worker's settings: [trees.{wanted.tree}]"
            )
    request = ReviewRequest(
        what=wanted.series if wanted.source == ASKED else f"id:{wanted.series}",
        mails=_enclosed(wanted, url),
        trees=trees,
        explicit_base=wanted.base or None,
        revision=wanted.revision or None,
        until=wanted.until,
        until_reason="" if wanted.until is Stage.COMPARE else f"asked for {wanted.until} only",
    )
    finished = Finished(url)
    with contextlib.closing(finished), tools_for(config, quiet=True) as tools:
        if wanted.earlier:
            # One that another release stored may be unreadable: then there is nothing to compare with.
            with contextlib.suppress(DamagedReviewError):
                request = replace(
                    request, earlier=finished.get(replace(wanted, series=wanted.earlier).id)
                )
        run = review(request, tools, store(), on_stage=_reached)
        finished.put(wanted.id, run)
    verdict = run.verdict
    if verdict is None or verdict.kind is VerdictKind.INFRA:
        return Done(run=run.id, failure=verdict.line if verdict else "no verdict", exit_code=3)
    return Done(run=run.id, verdict=verdict.line, exit_code=verdict.exit_code)


def _enclosed(wanted: Job, url: str) -> tuple[bytes, ...]:
    """The series' mails, when they came with the job.  Raises UserError when they are gone."""
    if not wanted.enclosed:
        return ()
    with contextlib.closing(Enclosed(url)) as rows:
        mails = rows.get(wanted.source, wanted.series)
    if not mails:
        raise UserError(
            "the mails of this series are not in the database (any more), and no archive is asked for "
            "them; 'reviewbot review MBOX' takes them from a file"
        )
    return mails


def _reached(stage: Stage, seconds: float) -> None:
    _say(Line(reached=Reached(stage=stage, seconds=seconds)))


def _say(line: Line) -> None:
    sys.stdout.buffer.write(to_json(line) + b"\n")
    sys.stdout.buffer.flush()
