# SPDX-License-Identifier: GPL-2.0-only
"""The store of nightly sweeps: what goes in comes out, whole or not at all, from several processes."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.status import Status
from reviewbot.model.sweep import (
    Against,
    Bisection,
    Culprit,
    Ending,
    Kind,
    Measure,
    Move,
    Movement,
    Night,
    Seen,
    Standing,
    Step,
    StepOutcome,
)
from reviewbot.model.sweep_range import RangeCommit, SweepRange
from reviewbot.tools.nights import Nights
from reviewbot.tools.nights_file import STEPS
from reviewbot.tools.nights_logs import END
from reviewbot.tools.nights_pursuit import RANGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = 86400.0
WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from reviewbot.model.status import Status
from reviewbot.model.sweep import Ending, Kind, Night, Seen
from reviewbot.tools.nights import Nights

store, first = Nights(Path(sys.argv[1])), int(sys.argv[2])
night = Night(id="x", branch="kvm/queue", commit="c", tree_id="t", started=0.0, ended=1.0, ending=Ending.COMPLETE)
for number in range(first, first + int(sys.argv[3])):
    seen = tuple(
        Seen(kind=Kind.TEST, name=f"x86_64/test_{one}", status=Status.PASS, detail=f"night {number}") for one in range(200)
    )
    store.record(replace(night, id=f"night-{number}", started=float(number), seen=seen))
    print(number, flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Nights]:
    opened = Nights(tmp_path / "state" / "nights.sqlite")
    yield opened
    opened.close()


def night(number: int, **changes: object) -> Night:
    made = Night(
        id=f"night-{number}",
        branch="kvm/queue",
        commit=f"{number:040x}",
        tree_id=f"{number + 1000:040x}",
        started=number * DAY,
        ended=number * DAY + 3600.5,
        ending=Ending.COMPLETE,
        machine="kvm, i386",
        merge_base="b" * 40,
        seen=(
            Seen(kind=Kind.BUILD, name="i386", status=Status.PASS, seconds=61.25),
            Seen(
                kind=Kind.TEST,
                name="x86_64/state_test [npt=0]",
                status=Status.FAIL if number % 7 == 0 else Status.PASS,
                detail="assertion ü <b>" if number % 7 == 0 else "",
                runs=3,
                failures=3 if number % 7 == 0 else 0,
                log="ab" * 32,
            ),
            Seen(kind=Kind.TEST, name="x86_64/smm_test", status=Status.SKIP, log="not a digest"),
        ),
        measures=(Measure(name="boot", unit="instructions", samples=(1.5, 2.5, 1e12)),),
        missing=("kvm-unit-tests: not configured",),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_what_was_recorded_comes_back(store: Nights) -> None:
    store.record(night(1))
    store.record(night(2))
    assert store.night("night-1") == night(1)
    assert store.last("kvm/queue") == night(2)
    assert store.nights("kvm/queue") == (night(2), night(1))
    assert store.heads("kvm/queue", 1) == (replace(night(2), seen=(), measures=()),)
    assert store.branches() == ("kvm/queue",)
    assert store.night("night-9") is None
    assert store.last("kvm/next") is None


def test_the_last_one_before_another_that_ended_well(store: Nights) -> None:
    store.record(night(1))
    store.record(night(2, ending=Ending.PARTIAL))
    store.record(night(3, ending=Ending.FAILED))
    store.record(night(4, machine="tcg"))
    assert store.last("kvm/queue", before="night-4") == night(2, ending=Ending.PARTIAL)
    assert store.last("kvm/queue", ending=(Ending.COMPLETE,), machine="kvm, i386") == night(1)


def test_a_night_is_recorded_anew_as_it_goes_on(store: Nights) -> None:
    running = night(1, ending=Ending.RUNNING, seen=night(1).seen[:1], measures=())
    store.record(running)
    assert store.last("kvm/queue") is None
    assert store.night("night-1") == running
    store.record(night(1))
    assert store.night("night-1") == night(1)


def test_an_unchanged_night_holds_what_another_saw(store: Nights) -> None:
    same = night(2, ending=Ending.UNCHANGED, same_as="night-1", seen=(), measures=())
    store.record(night(1))
    store.record(same)
    assert store.holding(same) == night(1)
    assert len(store.history("kvm/queue", Kind.BUILD, "i386")) == 1


def test_a_night_whose_process_died_is_partial(store: Nights) -> None:
    store.record(night(1, ending=Ending.RUNNING))
    assert store.abandoned("kvm/queue", 5.0, "the sweep was killed") == ("night-1",)
    kept = store.night("night-1")
    assert kept
    assert kept.ending is Ending.PARTIAL
    assert kept.missing[-1] == "the sweep was killed"
    assert kept.seen == night(1).seen


def test_history_is_newest_first_and_of_one_machine(store: Nights) -> None:
    for number in range(1, 15):
        store.record(night(number))
    store.record(night(15, machine="tcg"))
    name = "x86_64/state_test [npt=0]"
    found = store.history("kvm/queue", Kind.TEST, name, machine="kvm, i386", before="night-14")
    assert [one.night for one in found][:2] == ["night-13", "night-12"]
    assert [one.failures for one in found].count(3) == 1
    assert store.history("", Kind.TEST, name, 1)[0].night == "night-15"
    assert store.history("kvm/queue", Kind.BUILD, name) == ()
    every = store.histories("kvm/queue", machine="kvm, i386", before="night-14")
    assert every[Kind.TEST, name] == found
    assert set(every) == {(one.kind, one.name) for one in night(1).seen}


def test_a_clock_that_was_ahead_or_is_set_back_hides_no_later_night(store: Nights) -> None:
    """The third night believed to be a year later, the fifth ran before the clock of its machine was set."""
    for number, day in ((1, 1), (2, 2), (3, 365), (4, 4), (5, -20_000), (6, 6)):
        store.record(night(number, started=day * DAY, ended=day * DAY + 60.0))
    names = [f"night-{number}" for number in (6, 5, 4, 3, 2, 1)]
    assert [one.id for one in store.heads("kvm/queue")] == names
    assert [one.id for one in store.nights("kvm/queue", 2, before="night-4")] == names[3:5]
    assert [one.night for one in store.totals("kvm/queue")] == names
    name = "x86_64/state_test [npt=0]"
    assert [one.night for one in store.history("kvm/queue", Kind.TEST, name)] == names
    past = store.histories("kvm/queue", before="night-6")[Kind.TEST, name]
    assert [one.night for one in past] == names[1:]
    assert store.following("kvm/queue", "night-4") == set(names[:3])
    assert store.following("kvm/queue", "nowhere") == set(names)
    store.prune(6.5 * DAY)
    assert [one.id for one in store.heads("kvm/queue")] == [names[0], names[3]], (
        "the last one stays"
    )


def test_regressions_open_once_and_close_once(store: Nights) -> None:
    def opened(number: int) -> int:
        since = number * DAY
        made = store.open_regression(
            "kvm/queue", Kind.TEST, "t", night=f"night-{number}", since=since, detail="d"
        )
        return made.number

    first = opened(1)
    assert opened(2) == first
    (found,) = store.regressions("kvm/queue")
    assert (found.opened, found.since, found.standing) == ("night-1", DAY, Standing.OPEN)
    assert store.close_regression(first, "night-3", 3 * DAY, Standing.FIXED)
    assert not store.close_regression(first, "night-4", 4 * DAY, Standing.GONE)
    assert store.regressions() == ()
    assert opened(5) != first
    assert [one.closed for one in store.regressions(standing=None)] == ["", "night-3"]


def test_what_moved_is_kept_with_its_night(store: Nights) -> None:
    moved = Movement(
        kind=Kind.TEST,
        name="t",
        move=Move.BROKE,
        against=Against.PREVIOUS,
        before="pass",
        after="fail",
    )
    store.record(night(1))
    store.record(night(2))
    store.keep_movements("night-1", (moved,))
    assert store.movements(["night-1", "night-2", "no"]) == {"night-1": (moved,)}
    store.keep_movements("night-1", ())
    assert store.movements(["night-1"]) == {"night-1": ()}


def test_the_range_is_kept_with_its_newest_commits(store: Nights) -> None:
    commits = tuple(
        RangeCommit(
            commit=f"{n}", tree_id="t", parents=("p",), subject="s", author="a", patch_id="i"
        )
        for n in range(RANGE + 5)
    )
    moved = SweepRange(old="o", tip="t", start="s", merge_base="m", forced=True, commits=commits)
    store.record(night(1))
    assert store.range_of("night-1") is None
    store.keep_range("night-1", moved)
    kept = store.range_of("night-1")
    assert kept
    assert [one.commit for one in kept.commits] == [one.commit for one in commits[5:]]
    assert kept.missing == ("5 older commits are not listed",)
    assert kept.commits[0].parents == ()


def test_a_file_of_the_first_release_gets_what_came_later(tmp_path: Path) -> None:
    place = tmp_path / "nights.sqlite"
    old = sqlite3.connect(place, isolation_level=None)
    old.executescript(STEPS[0] + "PRAGMA user_version = 1;")
    old.close()
    opened = Nights(place)
    opened.record(night(1))
    assert opened.night("night-1") == night(1)
    assert opened.range_of("night-1") is None
    opened.close()


def test_totals_count_each_night(store: Nights) -> None:
    for number in (6, 7):
        store.record(night(number))
    seventh, sixth = store.totals("kvm/queue")
    assert (seventh.night, seventh.ended - seventh.started) == ("night-7", 3600.5)
    assert seventh.counts == {Kind.BUILD: (1, 0), Kind.TEST: (2, 1)}
    assert sixth.counts[Kind.TEST] == (2, 0)
    assert seventh.measures == {("boot", "instructions"): 2.5}


def test_bisections_belong_to_their_night(store: Nights) -> None:
    step = Step(commit="c", subject="KVM: x", outcome=StepOutcome.BAD, runs=3, failures=3)
    search = Bisection(
        kind=Kind.TEST,
        name="t",
        detail="d",
        good="a",
        bad="b",
        steps=(step,),
        culprit=Culprit(commit="c", subject="KVM: x", author="A <a@example.org>"),
        confidence=0.99,
    )
    with pytest.raises(InfrastructureError, match="not recorded"):
        store.keep_bisection("night-1", search)
    store.record(night(1))
    store.keep_bisection("night-1", replace(search, culprit=None))
    store.keep_bisection("night-1", search)
    assert store.bisections_of("night-1") == (search,)
    assert store.bisections("kvm/queue") == (("night-1", search),)
    store.record(night(1))  # recorded anew: its searches stay
    assert store.bisections_of("night-1") == (search,)


def test_nothing_is_said_twice(store: Nights) -> None:
    assert store.said("regression 1 open") is None
    assert store.say("regression 1 open", "m1@example.org", 1.0)
    assert not store.say("regression 1 open", "m2@example.org", 2.0)
    assert store.said("regression 1 open") == "m1@example.org"


def test_pruning_keeps_what_is_still_needed(store: Nights) -> None:
    for number in range(1, 21):
        store.record(night(number, seen=(replace(night(1).seen[0], detail=f"only {number}"),)))
    store.record(night(1, id="other", branch="kvm/next"))
    store.record(night(20, id="same", ending=Ending.UNCHANGED, same_as="night-2", seen=()))
    store.open_regression("kvm/queue", Kind.TEST, "t", night="night-3", since=3 * DAY)
    assert store.prune(15 * DAY) == 12
    left = {one.id for one in store.heads("", 100)}
    assert {"night-2", "night-3", "other", "same", "night-15"} <= left
    assert "night-4" not in left
    words = {text for (text,) in sqlite3.connect(store.path).execute("SELECT text FROM words")}
    assert "only 3" in words
    assert "only 4" not in words
    assert store.night("night-16") is not None


def test_the_file_is_for_its_owner_alone(store: Nights) -> None:
    store.record(night(1))
    for place in store.path.parent.iterdir():
        assert not place.stat().st_mode & stat.S_IRWXO, f"{place} can be read by others"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o600), (0o077, 0o600), (0o002, 0o660)])
def test_services_of_one_group_share_the_file(tmp_path: Path, umask: int, mode: int) -> None:
    """With the umask of deploy/systemd the web pages' user reads what the worker's writes."""
    place = tmp_path / "nights.sqlite"
    code = f"import os; os.umask({umask}); from pathlib import Path; from reviewbot.tools.nights import Nights; Nights(Path({str(place)!r}))"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert stat.S_IMODE(place.stat().st_mode) == mode


def test_the_ends_of_a_log_are_kept_for_three_months(store: Nights) -> None:
    text = b"first line\n" + os.urandom(4 * END) + b"\nlast line"
    store.keep_log("a" * 64, text, 0.0)
    store.keep_log("b" * 64, b"short", 50 * DAY)
    kept = store.log("a" * 64)
    assert kept
    assert kept.startswith(b"first line")
    assert kept.endswith(b"last line")
    assert b"bytes are left out here" in kept
    assert len(kept) < 2 * END + 100
    store.keep_log("c" * 64, b"new", 91 * DAY)
    assert store.log("a" * 64) is None
    assert store.log("b" * 64) == b"short"


def test_a_transaction_of_many_is_whole_or_nothing(store: Nights) -> None:
    with pytest.raises(RuntimeError):
        _interrupted(store)
    assert store.night("night-1") is None
    assert store.said("x") is None


def test_several_processes_write_at_once(store: Nights) -> None:
    writers = [_writer(store.path, first * 100, 12) for first in range(3)]
    for one in writers:
        _, trouble = one.communicate(timeout=60)
        assert one.returncode == 0, trouble
    found = store.nights("kvm/queue", 100)
    assert len(found) == 36
    assert {len(one.seen) for one in found} == {200}


def test_a_writer_that_is_killed_leaves_whole_nights(store: Nights) -> None:
    for round_ in range(3):
        writer = _writer(store.path, round_ * 100000, 100000)
        assert writer.stdout
        writer.stdout.readline()
        time.sleep(0.05 + 0.031 * round_)
        writer.send_signal(signal.SIGKILL)
        writer.communicate(timeout=60)
    found = store.nights("kvm/queue", 1000)
    assert len(found) >= 3
    for one in found:
        number = one.id.removeprefix("night-")
        assert [seen.detail for seen in one.seen] == [f"night {number}"] * 200, one.id
    store.record(night(1))
    assert sqlite3.connect(store.path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_file_of_a_later_release_is_refused(store: Nights) -> None:
    sqlite3.connect(store.path, isolation_level=None).execute("PRAGMA user_version = 99")
    with pytest.raises(UserError, match="newer reviewbot"):
        Nights(store.path)


def test_a_file_that_is_something_else_is_named(tmp_path: Path) -> None:
    place = tmp_path / "nights.sqlite"
    place.write_bytes(b"something else, long enough to be looked at" * 100)
    with pytest.raises(UserError, match=r"nights\.sqlite: file is not a database; .*move it away"):
        Nights(place)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "-x", "a" * 81, "a\n"])
def test_an_id_that_is_no_file_name_is_refused(store: Nights, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the id"):
        store.record(night(1, id=name))


def test_text_that_no_file_could_hold_is_kept_as_far_as_it_goes(store: Nights) -> None:
    seen = Seen(kind=Kind.TEST, name="bad \udcff", status=Status.FAIL, detail="x" * 10000)
    store.record(night(1, seen=(seen,)))
    kept = store.night("night-1")
    assert kept
    assert kept.seen[0].name == "bad ?"
    assert len(kept.seen[0].detail) == 4000


def _interrupted(store: Nights) -> None:
    with store.transaction():
        store.record(night(1))
        store.say("x", "m", 1.0)
        raise RuntimeError


def _writer(place: Path, first: int, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(place), str(first), str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
