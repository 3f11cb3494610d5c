# SPDX-License-Identifier: GPL-2.0-only
"""Killed at any moment, the bot goes on where it was: nothing is lost, nothing is there twice."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mails import mail, patch_body, series
from test_sources import commit, git

from reviewbot.tools.ledger import Ledger

LIST = "kvm@vger.kernel.org"
TESTS = Path(__file__).resolve().parent.parent


def months(count):
    """Series in two versions each, with replies."""
    for number in range(count):
        old, new = (
            f"2026030{number % 9 + 1}1{number:05}.1",
            f"2026030{number % 9 + 1}2{number:05}.1",
        )
        title = f"KVM: x86: thing {number}"
        one = series(3, stamp=old, title=title, start=number)
        two = series(
            3,
            tag="PATCH v2",
            stamp=new,
            title=title,
            parent=f"{old}-1-ann@kernel.example",
            start=number + 30,
        )
        for raw in (*one, *two):
            yield raw.replace(b"step", b"step %d of" % number)
        yield mail(f"Re: [PATCH 1/3] {title}", message_id=f"re{number}@x.example", body="No.\n",
                   parent=f"{old}-2-ann@kernel.example", minute=number + 40)  # fmt: skip
    yield mail(
        "[PATCH] KVM: last", body=patch_body("arch/x86/kvm/a.c"), message_id="last@x.example"
    )


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """An inbox of two epochs with some 1,100 mails."""
    place = tmp_path_factory.mktemp("inbox") / "git"
    everything = list(months(120))
    for epoch, part in enumerate((everything[:500], everything[500:])):
        commit(place / f"{epoch}.git", part[0])
        stream = b""
        for number, raw in enumerate(part[1:]):
            parent = b"from refs/heads/master^0\n" if number == 0 else b""
            stream += (
                b"commit refs/heads/master\ncommitter t <t@example.org> 1772366400 +0000\ndata 4\nmail\n"
                + parent + f"M 100644 inline m\ndata {len(raw)}\n".encode() + raw + b"\n"
            )  # fmt: skip
        git("-C", place / f"{epoch}.git", "fast-import", "--quiet", data=stream)
    return place.parent


def settings(home, archive):
    file = home / "config.toml"
    file.write_text(f'[lists."{LIST}"]\nfollow = "git"\npath = "{archive}"\nbacklog_days = 0\n')
    return file


LOOK = """
import os, sys
from pathlib import Path
import reviewbot.tools.source as source
from reviewbot.engine.lists import followed
from reviewbot.engine.watch import Watcher
from reviewbot.tools import settings
from reviewbot.tools.ledger import Ledger

source.BATCH_MAILS = int(sys.argv[3])  # small ones: many commits to be killed between, a dot for each
set_cursor, calls = Ledger.set_cursor, []
def dotted(*args):
    calls.append(args)
    print(".", flush=True)
    set_cursor(*args)
    if len(calls) == int(sys.argv[4]):
        os.kill(os.getpid(), 9)
Ledger.set_cursor = dotted
home = Path(sys.argv[1])
Watcher(Ledger(home / "ledger.sqlite"), followed(settings.load(sys.argv[2]), home)).poll()
"""


def start(home, archive, *, batch=10, killed_at=0):
    """The bot's look at its lists, without the queue behind it."""
    return subprocess.Popen(
        [sys.executable, "-c", LOOK, home, settings(home, archive), str(batch), str(killed_at)],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def known(home):
    ledger = Ledger(home / "ledger.sqlite")
    series_there = {one.message_id: one for one in ledger.series()}
    events = ledger.untaken(100_000)
    count = ledger.count_mails()
    ledger.close()
    return series_there, events, count


def whole(home, archive):
    child = start(home, archive)
    said = child.communicate(timeout=120)[1].decode()
    assert child.returncode == 0, said
    return known(home)


@pytest.mark.slow
def test_killed_twenty_times_the_list_is_whole(archive, tmp_path):
    calm = tmp_path / "calm"
    calm.mkdir()
    expected, events, count = whole(calm, archive)
    assert (count, len(expected)) == (1081, 241)

    home = tmp_path / "killed"
    home.mkdir()
    chance = random.Random(5)  # noqa: S311 - no secret
    marks = [0]
    for _ in range(20):
        child = start(home, archive)
        for _ in range(chance.randint(0, 7)):
            child.stdout.readline()
        time.sleep(chance.uniform(0, 0.03))
        child.kill()
        child.communicate()
        assert child.returncode == -signal.SIGKILL, "it was done before it was killed"
        if (home / "ledger.sqlite").exists():
            marks.append(known(home)[2])
            assert marks[-1] >= marks[-2], "what was recorded is gone"
    assert len(set(marks)) > 5, f"killed at the same moment each time: {marks}"
    found, told, there = whole(home, archive)
    assert there == count
    assert found == expected
    for kind in ("complete", "superseded"):
        once = [event.series.message_id for event in told if event.kind == kind]
        assert sorted(once) == sorted(set(once)), "an event was told twice"
    ended = {one.series.message_id for one in events if one.kind == "superseded"}
    assert len(ended) == 120
    assert ended == {one.series.message_id for one in told if one.kind == "superseded"}


def test_killed_once_between_reading_and_recording(tmp_path, archive):
    """The moment that matters, met for certain: mails are read, the transaction is not yet closed."""
    home = tmp_path / "home"
    home.mkdir()
    child = start(home, archive, batch=100, killed_at=3)
    said = child.communicate(timeout=120)[1].decode()
    assert child.returncode == -signal.SIGKILL, said
    assert known(home)[2] == 200
    assert whole(home, archive)[2] == 1081
