# SPDX-License-Identifier: GPL-2.0-only
"""No job is lost and none is done twice, on a file and on PostgreSQL, whoever is killed when."""

import contextlib
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest
from postgres import Server, server

from reviewbot.engine.durable import AGAIN_AT, TRIES, JobQueue, open_queue, queues_for
from reviewbot.engine.workers import STAGES
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.job import Job, JobState, JobStatus, Need
from reviewbot.tools import database

HERE = Path(__file__).parent
T = TypeVar("T")
slow = pytest.mark.slow
RULES: frozenset[Need] = frozenset()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    with server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'engine.sqlite'}"
    running: Server = request.getfixturevalue("postgresql")
    return running.database(f"t{time.time_ns()}")


class Farm:
    """Workers that may be killed, what they noted, and the queue."""

    def __init__(self, url: str, place: Path) -> None:
        self.url = url
        self.place = place
        self.log = place / "log"
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.queue = JobQueue(url)

    def start(self, name: str, *, seconds: float = 0.0, can: tuple[str, ...] = (), parallel: int = 1, tree_limit: int = 0) -> None:  # fmt: skip
        """Start a worker and wait until it works.  Raises ChildProcessError when it ends instead."""
        settings = {
            "url": self.url,
            "state": str(self.place / "state"),
            "name": name,
            "log": str(self.log),
            "seconds": seconds,
            "can": can,
            "parallel": parallel,
            "tree_limit": tree_limit,
        }
        worker = subprocess.Popen(
            [sys.executable, HERE / "null_worker.py", json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert worker.stdout
        if worker.stdout.readline() != b"ready\n":
            raise ChildProcessError(worker.communicate()[1].decode())
        self.workers[name] = worker

    def kill(self, name: str) -> None:
        worker = self.workers.pop(name)
        worker.kill()
        worker.communicate()

    def stop(self, name: str) -> None:
        """Let it end by itself."""
        worker = self.workers.pop(name)
        worker.communicate(timeout=20)

    def end(self) -> None:
        for name in list(self.workers):
            self.kill(name)
        self.queue.close()

    def notes(self, series: str = "") -> list[tuple[str, str]]:
        """(worker, what) of a series, in order."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        split = [line.split(" ", 3) for line in lines]
        return [(worker, what) for _, worker, name, what in split if name == series]

    def wait(self, job: Job, state: JobState, *, seconds: float = 40.0) -> JobStatus:
        return until(lambda: self._in(job, state), f"{job.id} is never {state}", seconds)

    def _in(self, job: Job, state: JobState) -> JobStatus | None:
        status = self.queue.get(job.id)
        assert status is not None
        return status if status.state is state else None


def until(ask: Callable[[], T | None], complaint: str, seconds: float = 40.0) -> T:
    deadline = time.monotonic() + seconds
    while True:
        if answer := ask():
            return answer
        assert time.monotonic() < deadline, complaint
        time.sleep(0.1)


@pytest.fixture
def farm(url: str, tmp_path: Path) -> Iterator[Farm]:
    running = Farm(url, tmp_path)
    try:
        yield running
    finally:
        running.end()


def job(series: str, *, needs: frozenset[Need] = RULES, urgency: int = 20, tree: str = "") -> Job:
    return Job(series=series, source="kvm@vger.kernel.org", needs=needs, urgency=urgency, tree=tree)


@slow
def test_a_job_goes_through_every_stage_once(farm: Farm) -> None:
    one = job("one")
    assert farm.queue.add(one)
    assert not farm.queue.add(one), "the same job was queued twice"
    farm.start("a")
    done = farm.wait(one, JobState.DONE)
    assert done.run == "by a"
    assert done.job == one
    assert done.stages == (*STAGES, "finish")
    assert [what for _, what in farm.notes("one") if what.startswith("end")] == [
        f"end {stage}" for stage in STAGES
    ]
    assert not farm.queue.add(one), "a job that is done was queued again"


@slow
def test_a_dead_workers_job_goes_on_at_another_without_anyone_acting(farm: Farm) -> None:
    one = job("one")
    farm.queue.add(one)
    farm.start("a", seconds=0.5)
    until(lambda: ("a", "end base") in farm.notes("one"), "worker a does nothing")
    farm.start("b", seconds=0.1)
    farm.kill("a")
    done = farm.wait(one, JobState.DONE, seconds=20)
    assert done.run == "by b"
    begun = [what for _, what in farm.notes("one") if what.startswith("begin")]
    assert begun.count("begin fetch") == 1, "a finished stage was done again"
    assert begun.count("begin base") == 1, "a finished stage was done again"


@slow
def test_a_worker_that_comes_back_takes_up_its_own_job(farm: Farm) -> None:
    one = job("one")
    farm.queue.add(one)
    farm.start("a", seconds=0.5)
    until(lambda: ("a", "begin apply") in farm.notes("one"), "worker a does nothing")
    farm.kill("a")
    farm.start("a")
    assert farm.wait(one, JobState.DONE).tries == 2


@slow
def test_stopping_a_worker_costs_its_job_nothing(farm: Farm) -> None:
    one = job("one")
    farm.queue.add(one)
    for turn in range(4):
        farm.start("a", seconds=1.0)
        begun = [("a", f"begin {STAGES[turn]}")]
        until(lambda: set(begun) <= set(farm.notes("one")), "the job does not go on")  # noqa: B023
        farm.stop("a")
        time.sleep(0.2)
    farm.start("b")
    done = farm.wait(one, JobState.DONE, seconds=20)
    assert done.run == "by b"


@slow
def test_a_job_that_kills_its_workers_is_parked_and_can_be_retried(farm: Farm) -> None:
    poison, good = job("kills"), job("good", urgency=30)
    farm.queue.add(poison)
    farm.queue.add(good)
    for number in range(TRIES):
        farm.start(f"w{number}")
        until(lambda: farm.workers[f"w{number}"].poll() is not None, "the poison is not taken")  # noqa: B023
        farm.workers.pop(f"w{number}").communicate()
    farm.start("last")
    farm.wait(good, JobState.DONE)
    parked = farm.wait(poison, JobState.PARKED)
    assert parked.error == "3 workers died while they had it"
    assert len([what for _, what in farm.notes("kills") if what == "begin fetch"]) == TRIES
    farm.queue.retry(poison.id)
    until(lambda: farm.workers["last"].poll() is not None, "the retried job is not taken")
    farm.workers.pop("last").communicate()


@slow
def test_a_job_that_fails_is_tried_again_then_parked_with_its_error(farm: Farm) -> None:
    one = job("fails")
    farm.queue.add(one)
    farm.start("a")
    parked = farm.wait(one, JobState.PARKED)
    assert "the disk is made of cheese" in parked.error
    assert farm.notes("fails").count(("a", "begin fetch")) == 3
    farm.queue.retry(one.id)
    farm.wait(one, JobState.PARKED)
    assert farm.notes("fails").count(("a", "begin fetch")) == 6


@slow
def test_a_server_that_is_away_is_waited_for_longer_and_nobody_waits_for_it(farm: Farm) -> None:
    away, good = job("away", urgency=10), job("good")
    farm.queue.add(away)
    farm.start("a")
    farm.queue.add(good)
    parked = farm.wait(away, JobState.PARKED)
    assert "the inbox does not answer" in parked.error
    assert farm.notes("away").count(("a", "begin fetch")) == 5
    farm.wait(good, JobState.DONE)
    last = max(i for i, note in enumerate(_series(farm)) if note == "away")
    assert _series(farm).index("good") < last, "the failing job kept the other waiting"


def _series(farm: Farm) -> list[str]:
    return [line.split(" ")[2] for line in farm.log.read_text().splitlines()]


@slow
def test_two_live_workers_never_share_a_name(farm: Farm) -> None:
    farm.start("a")
    with pytest.raises(ChildProcessError, match="a worker called 'a' is running"):
        farm.start("a")


@slow
def test_urgent_jobs_come_first(farm: Farm) -> None:
    for series, urgency in (("sweep", 40), ("feature", 20), ("fix", 15), ("asked", 10)):
        farm.queue.add(job(series, urgency=urgency))
    farm.start("a")
    farm.wait(job("sweep"), JobState.DONE)
    began = [
        line.split(" ")[2] for line in farm.log.read_text().splitlines() if "begin fetch" in line
    ]
    assert began == ["asked", "fix", "feature", "sweep"]


@slow
def test_work_goes_where_it_can_be_done(farm: Farm) -> None:
    nested, plain = job("nested", needs=frozenset({Need.NESTED, Need.LAB})), job("plain")
    farm.queue.add(nested)
    farm.queue.add(plain)
    farm.start("small", can=("lab",))
    farm.wait(plain, JobState.DONE)
    time.sleep(1)
    assert not farm.notes("nested")
    farm.start("big", can=("lab", "nested", "cross"))
    assert farm.wait(nested, JobState.DONE).run == "by big"


@slow
def test_cancelling_ends_a_running_job(farm: Farm) -> None:
    one = job("one")
    farm.queue.add(one)
    farm.start("a", seconds=30)
    until(lambda: farm.notes("one"), "worker a does nothing")
    farm.queue.cancel(one.id)
    until(lambda: ("a", "close") in farm.notes("one"), "the job goes on", 10)
    assert farm.wait(one, JobState.CANCELLED)
    farm.queue.retry(one.id)
    assert farm.wait(one, JobState.RUNNING)


@slow
def test_a_trees_limit_holds_on_all_hosts(farm: Farm) -> None:
    for number in range(4):
        farm.queue.add(job(f"s{number}", tree="linux"))
    for name in ("a", "b"):
        farm.start(name, seconds=0.05, parallel=2, tree_limit=1)
    for number in range(4):
        farm.wait(job(f"s{number}", tree="linux"), JobState.DONE)
    whole = [line.split(" ", 3) for line in farm.log.read_text().splitlines()]
    order = [series for _, _, series, what in whole if what != "close"]
    changes = sum(1 for one, two in itertools.pairwise(order) if one != two)
    assert changes == 3, "jobs of one tree ran at the same time"


@slow
def test_a_stopped_worker_that_continues_does_no_harm(farm: Farm) -> None:
    one = job("one")
    farm.queue.add(one)
    farm.start("a", seconds=0.3)
    until(lambda: ("a", "begin base") in farm.notes("one"), "worker a does nothing")
    os.kill(farm.workers["a"].pid, signal.SIGSTOP)
    farm.start("b", seconds=0.1)
    time.sleep(3)
    os.kill(farm.workers["a"].pid, signal.SIGCONT)
    farm.wait(one, JobState.DONE)
    ended = [what for _, what in farm.notes("one") if what.startswith("end")]
    assert sorted(ended) == sorted(f"end {stage}" for stage in STAGES)


def test_a_database_without_an_encoding_is_refused(postgresql: Server) -> None:
    """createdb makes such a one where the server was made without a locale, as on a bare Debian."""
    url = postgresql.database("ascii", "--encoding=SQL_ASCII", "--template=template0")
    with pytest.raises(UserError, match=r"encoding is SQL_ASCII; .* createdb -E UTF8 -T template0"):
        database.connect(url)


@slow
def test_workers_outlive_a_restart_of_the_database(tmp_path: Path, postgresql: Server) -> None:
    farm = Farm(postgresql.database("restarted"), tmp_path)
    with contextlib.closing(farm.queue):
        one = job("one")
        farm.queue.add(one)
        farm.start("a", seconds=0.5)
        until(lambda: ("a", "begin apply") in farm.notes("one"), "worker a does nothing")
        postgresql.stop()
        time.sleep(1)
        postgresql.start()
        farm.start(
            "b", seconds=0.1
        )  # what "a" does about its lost claim is the front door's business
        again = JobQueue(farm.url)
        with contextlib.closing(again):
            farm.queue = again
            farm.wait(one, JobState.DONE)
        for name in list(farm.workers):
            farm.kill(name)


@slow
def test_ids_may_be_shortened_and_mistakes_are_named(farm: Farm) -> None:
    farm.queue.add(job("one"))
    farm.queue.add(job("other"))
    assert farm.queue.find("kvm@vger.kernel.org/on").job == job("one")
    with pytest.raises(UserError, match="could be"):
        farm.queue.find("kvm@vger.kernel.org/o")
    with pytest.raises(UserError, match="no job 'x'"):
        farm.queue.find("x")
    with pytest.raises(UserError, match="is queued already"):
        farm.queue.retry(job("one").id)


def failed(place: Path) -> JobQueue:
    """A queue with a job that has failed, and whose next try is due."""
    queue = open_queue("", place)
    queue.add(job("one"))
    queue._client.update_workflow_attributes(job("one").id, {AGAIN_AT: 1.0, "failed": 1})
    with closing(sqlite3.connect(place / "engine.sqlite")) as database, database:
        database.execute(
            "UPDATE workflow_status SET status = 'ERROR', completed_at = ?", (time.time() * 1000,)
        )
    return queue


def state(queue: JobQueue) -> JobState:
    found = queue.get(job("one").id)
    assert found
    return found.state


def test_a_failed_job_that_is_cancelled_is_not_tried_again(tmp_path: Path) -> None:
    for name in ("kept", "cancelled"):
        with closing(failed(tmp_path / name)) as queue:
            assert state(queue) is JobState.DELAYED
            if name == "cancelled":
                queue.cancel(job("one").id)
                assert state(queue) is JobState.CANCELLED
            queue.retry_due(time.time())
            wanted = JobState.QUEUED if name == "kept" else JobState.CANCELLED
            assert state(queue) is wanted
            if name == "cancelled":
                queue.retry(job("one").id)
                assert state(queue) is JobState.QUEUED


def test_an_unusable_database_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"engine\.database: expected postgresql://"):
        open_queue("mysql://here", tmp_path)
    with pytest.raises(InfrastructureError, match="no connection to postgresql") as caught:
        open_queue("postgresql://bot:secret@127.0.0.1:1/none", tmp_path)
    assert "secret" not in str(caught.value)
    (tmp_path / "engine.sqlite").write_text("not a database " * 100)
    with pytest.raises(UserError, match="not usable as a database"):
        open_queue("", tmp_path)


def test_there_is_a_queue_for_every_combination_of_needs() -> None:
    assert queues_for(()) == ("review",)
    assert queues_for({Need.LAB, Need.NESTED}) == (
        "review",
        "review+lab",
        "review+nested",
        "review+lab+nested",
    )
