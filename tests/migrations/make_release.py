# SPDX-License-Identifier: GPL-2.0-only
"""Write what a release leaves behind: its ledger and its database, as SQL that the tests load and upgrade.

make_release.py DIRECTORY, with the code of the release on PYTHONPATH.  Do it once a release, under its name,
and never edit the result: it stands for the files that people have.  Needs PostgreSQL (deploy/setup-debian test).
"""

import contextlib
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path += [str(TESTS), *(str(TESTS / name) for name in ("watch", "report", "engine"))]

import mails  # noqa: E402
import sample_runs  # noqa: E402
from postgres import server  # noqa: E402
from watching import KVM, Desk  # noqa: E402

from reviewbot.engine.durable import JobQueue  # noqa: E402
from reviewbot.engine.workers import Worker  # noqa: E402
from reviewbot.model.config import Config, PolicyConfig  # noqa: E402
from reviewbot.model.job import Done, Job  # noqa: E402
from reviewbot.model.outbox import EntryState  # noqa: E402
from reviewbot.stages import policy, report  # noqa: E402
from reviewbot.tools.finished import Finished  # noqa: E402
from reviewbot.tools.outbox import Outbox  # noqa: E402

FIRST = f"{mails.STAMP}-1-ann@kernel.example"
SECOND = "20260302120000.1-1-ann@kernel.example"


class Nothing:
    """A job without work."""

    def until(self, _stage):
        pass

    def result(self):
        return Done(run="20260115-120000-aaaa", verdict="2 warnings.", exit_code=1)

    def close(self):
        pass


def ledger(place: Path) -> None:
    """A series and its next revision, one that lacks a patch, one of another project, a mail that is none."""
    desk = Desk()
    desk.deliver(*mails.series(2))
    desk.deliver(*mails.series(2, tag="PATCH v2", stamp="20260302120000.1", start=60))
    partial = mails.series(3, stamp="3", title="KVM: partial", start=120)[:2]
    desk.deliver(*(raw.replace(b"step", b"piece").replace(b"file", b"part") for raw in partial))
    desk.deliver(
        mails.mail("[kvm-unit-tests PATCH] x", body=mails.patch_body("x86/a.c"), message_id="kut@x.example", minute=180)
    )  # fmt: skip
    desk.ledger.take([desk.ledger.untaken()[0].number], 1.0)
    with contextlib.closing(sqlite3.connect(place)) as copy:
        desk.ledger._database.backup(copy)


def database(url: str, state: Path) -> None:
    """Jobs done, queued, delayed and cancelled; a review; mails held, ready, sending, sent and dropped."""
    queue, finished, box = JobQueue(url), Finished(url), Outbox(url)
    queue.add(Job(series=FIRST, source=KVM, title="KVM: x86: do things", needs=frozenset()))
    worker = Worker(
        url, state, name="old", abilities=(), perform=lambda _job, _cancelled: Nothing(), poll_seconds=0.1
    )  # fmt: skip
    worker.start()
    while not worker.idle():
        time.sleep(0.2)
    worker.stop()
    queue.add(Job(series=SECOND, source=KVM, revision=2))
    queue.add(Job(series="later", source=KVM), delay=3600)
    queue.add(Job(series="never", source=KVM))
    queue.cancel(f"{KVM}/never")
    run = sample_runs.findings()
    finished.put(f"{KVM}/{FIRST}", run)
    finished.decide(f"{KVM}/{FIRST}", "hold: 2 warnings")
    finished.put(f"{KVM}/{SECOND}", run)
    sent = report.mails(run, report.settings(Config()))
    (entry, *_) = policy.decide(
        run, sent, PolicyConfig(), inbox=KVM, now=1.0, muted={}, earlier=()
    ).entries
    for state_ in EntryState:
        mail = replace(entry.mail, message_id=f"{state_}@bot.example")
        box.add(replace(entry, mail=mail, state=state_, series=FIRST, note=f"is {state_}"))
    box.mute("jo@example.org", "jo")
    for each in (queue, finished, box):
        each.close()


def dumped(file: Path) -> str:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return "\n".join([*connection.iterdump(), f"PRAGMA user_version = {version};", ""])


def main() -> None:
    target = Path(sys.argv[1])
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as name, server() as running:
        place = Path(name)
        ledger(place / "ledger.sqlite")
        (target / "ledger.sql").write_text(dumped(place / "ledger.sqlite"))
        database(f"sqlite:///{place / 'engine.sqlite'}", place)
        (target / "engine.sql").write_text(dumped(place / "engine.sqlite"))
        address = running.database("release")
        database(address, place)
        plain = address.replace("+psycopg", "")
        dump = subprocess.run(
            [running.programs / "pg_dump", "--no-owner", "--inserts", "--no-comments", plain],
            check=True,
            stdout=subprocess.PIPE,
        )
        lines = dump.stdout.decode().splitlines(keepends=True)
        sql = "".join(line for line in lines if not line.startswith("\\"))  # commands of newer psql
        (target / "engine.postgresql.sql").write_text(sql)


if __name__ == "__main__":
    main()
