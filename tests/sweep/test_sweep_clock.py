# SPDX-License-Identifier: GPL-2.0-only
"""When sweeps are due, which branches there are, and that the queue gets each once."""

import calendar
import os
import subprocess
import sys
from contextlib import closing

import pytest

from reviewbot.cli.sweep import sweep_job
from reviewbot.engine.durable import JobQueue
from reviewbot.engine.sweep_clock import SweepClock, branch_of
from reviewbot.model.config import Config, SweepConfig, TreeConfig
from reviewbot.model.errors import UserError
from reviewbot.model.job import SWEEP, Job, JobState, Urgency
from reviewbot.stages.sweep_plan import branches, chosen, due, moment, night_id
from reviewbot.tools.nights import ID


def at(text: str) -> float:
    """Seconds since the epoch of a time such as "2026-11-20 02:30", UTC (a Friday)."""
    day, _, clock = text.partition(" ")
    return calendar.timegm((*map(int, day.split("-")), *map(int, clock.split(":")), 0))


def config(**sweeps: SweepConfig) -> Config:
    tree = TreeConfig(path="/srv/linux", refs=("kvm/queue", "kvm/next"), remote="kvm")
    return Config(trees={"kvm": tree}, sweeps=sweeps or {"kvm": SweepConfig()})


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-20 02:30", "2026-11-20 02:30"),
        ("2026-11-20 02:29", "2026-11-19 02:30"),
        ("2026-11-20 23:59", "2026-11-20 02:30"),
        ("2026-01-01 00:00", "2025-12-31 02:30"),
    ],
)
def test_the_newest_moment_counts(now, expected):
    assert moment(SweepConfig(), at(now)) == at(expected)


def test_days_are_the_days_of_the_moment():
    weekends = SweepConfig(at="23:00", days=("sat", "sun"))
    assert moment(weekends, at("2026-11-20 12:00")) == at("2026-11-15 23:00")
    assert moment(weekends, at("2026-11-21 22:59")) == at("2026-11-15 23:00")
    assert moment(weekends, at("2026-11-21 23:00")) == at("2026-11-21 23:00")


def test_after_an_outage_one_sweep_is_due_and_not_one_a_night():
    settings, now = SweepConfig(), at("2026-11-20 12:00")
    assert due(settings, now, 0.0)
    assert due(settings, now, at("2026-11-10 02:31"))
    assert not due(settings, now, at("2026-11-20 02:30"))


def test_a_sweep_that_began_in_the_future_does_not_stand_for_tonights():
    """Its machine's clock was ahead; waiting for that day would leave years out."""
    assert due(SweepConfig(), at("2026-11-20 12:00"), at("2038-01-19 03:14"))


def test_branches_are_the_trees_unless_named():
    assert [one.name for one in branches(config())] == ["kvm/queue", "kvm/next"]
    named = config(nightly=SweepConfig(tree="kvm", refs=("kvm/next",), mainline="origin/master"))
    (only,) = branches(named)
    assert (only.name, only.ref, only.mainline) == ("kvm/next", "kvm/next", "kvm/master")


def test_a_sweep_of_no_tree_and_a_branch_swept_twice_are_mistakes():
    with pytest.raises(UserError, match=r"sweeps.linux: there is no \[trees.linux\]"):
        branches(config(linux=SweepConfig()))
    with pytest.raises(UserError, match=r"kvm/queue is swept by \[sweeps.kvm\] too"):
        branches(config(kvm=SweepConfig(), other=SweepConfig(tree="kvm")))


def test_branches_are_chosen_by_sweep_by_name_and_by_glob():
    everything = branches(config())
    assert chosen(everything, ()) == everything
    assert chosen(everything, ("kvm",)) == everything
    assert [one.name for one in chosen(everything, ("*/next",))] == ["kvm/next"]
    with pytest.raises(UserError, match="there are: kvm/queue, kvm/next"):
        chosen(everything, ("kvm/nxet",))


def test_ids_of_nights_fit_the_store_and_differ():
    one, other = branches(config())
    ids = {night_id(one, 1.0), night_id(other, 1.0), night_id(one, 2.0)}
    assert len(ids) == 3
    assert all(ID.fullmatch(name) for name in ids)


def test_the_clock_queues_each_sweep_once_behind_reviews(tmp_path):
    url = f"sqlite:///{tmp_path / 'engine.sqlite'}"
    said = []
    now = [at("2026-11-20 12:00")]
    with closing(JobQueue(url)) as queue:

        def clock() -> SweepClock:
            return SweepClock(
                config(), queue, lambda *words, **_: said.append(words), clock=lambda: now[0]
            )

        bot, worker = clock(), clock()
        assert bot.turn() == 2
        assert bot.turn() == worker.turn() == 0
        now[0] += 9 * 24 * 3600
        assert worker.turn() == 2, "nine nights were missed, one is made"
        assert bot.turn() == 0
        jobs = queue.jobs((JobState.QUEUED,))
    assert len(jobs) == 4
    assert {branch_of(one.job) for one in jobs} == {"kvm/queue", "kvm/next"}
    assert all(one.job.urgency == Urgency.SWEEP > Urgency.BOT for one in jobs)
    assert len(said) == 4


def test_a_worker_without_the_sweep_says_what_is_missing():
    job = Job(series="kvm/other@2026-11-20", source=SWEEP)
    with pytest.raises(UserError, match=r"no sweep of kvm/other in this worker's settings"):
        sweep_job(job, config())


def test_the_bot_queues_what_is_due(tmp_path):
    mails = tmp_path / "mails"
    for name in ("new", "cur", "tmp"):
        (mails / name).mkdir(parents=True)
    settings = tmp_path / "config.toml"
    settings.write_text(
        f'[lists."private@example.org"]\nfollow = "maildir"\npath = "{mails}"\n'
        '[trees.kvm]\npath = "/srv/linux"\nrefs = ["kvm/queue"]\n[sweeps.kvm]\n'
    )
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-m", "reviewbot", "--config", settings, "bot", "--once"],
            check=True,
            env=environment,
            timeout=120,
        )
    with closing(JobQueue(f"sqlite:///{tmp_path / 'reviewbot' / 'engine.sqlite'}")) as queue:
        (only,) = queue.jobs()
    assert (branch_of(only.job), only.job.source) == ("kvm/queue", SWEEP)
