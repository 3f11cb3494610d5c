# SPDX-License-Identifier: GPL-2.0-only
"""What earlier releases wrote is brought up to date with nothing lost; what later ones wrote is refused.

tests/fixtures/releases/ has a directory a release, made by make_release.py with that release's code.
"""

import contextlib
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from postgres import server

from reviewbot.engine.durable import JobQueue
from reviewbot.model.errors import UserError
from reviewbot.model.job import JobState
from reviewbot.model.outbox import EntryState
from reviewbot.model.watch import SkipReason, WatchState
from reviewbot.tools.finished import Finished
from reviewbot.tools.ledger import Ledger
from reviewbot.tools.outbox import Outbox

KVM = "kvm@vger.kernel.org"
FIRST = "20260301120000.4711-1-ann@kernel.example"
SECOND = "20260302120000.1-1-ann@kernel.example"
RELEASES = Path(__file__).resolve().parent.parent / "fixtures/releases"
EDITED = (
    "a file of release {} differs from a fresh one after the upgrade: a migration step that was released has "
    "been edited, or tables changed without one. Take the edit back and add a step below the last"
)

releases = pytest.mark.parametrize("release", sorted(place.name for place in RELEASES.iterdir()))


def loaded(script: Path, place: Path) -> Path:
    with contextlib.closing(sqlite3.connect(place)) as connection:
        connection.executescript(script.read_text("utf-8"))
    return place


def schema(place: Path) -> dict[str, str]:
    """Statements by name, with white space made even."""
    with contextlib.closing(sqlite3.connect(place)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {str(name): re.sub(r"\s+", " ", str(sql)) for name, sql in rows}


def open_all(url: str) -> None:
    for each in (JobQueue(url), Finished(url), Outbox(url)):
        each.close()


def keeps_everything(url: str) -> None:
    """What make_release.py put into the database is there, and can be worked with."""
    with (
        contextlib.closing(JobQueue(url)) as queue,
        contextlib.closing(Finished(url)) as finished,
        contextlib.closing(Outbox(url)) as box,
    ):
        states = {status.job.series: status.state for status in queue.jobs()}
        assert states == {
            FIRST: JobState.DONE,
            SECOND: JobState.QUEUED,
            "later": JobState.DELAYED,
            "never": JobState.CANCELLED,
        }
        assert queue.find(f"{KVM}/{FIRST}").verdict == "2 warnings."
        queue.retry(f"{KVM}/never")
        assert queue.find(f"{KVM}/never").state is JobState.QUEUED
        review = finished.get(f"{KVM}/{FIRST}")
        assert review
        assert review.check
        assert review.check.findings
        assert list(finished.undecided(10)) == [f"{KVM}/{SECOND}"]
        mails = {entry.message_id: entry for entry in box.entries(series=FIRST)}
        assert {name: entry.state for name, entry in mails.items()} == {
            f"{state}@bot.example": state for state in EntryState
        }
        assert {entry.note for entry in mails.values()} == {f"is {state}" for state in EntryState}
        assert "KVM" in mails["held@bot.example"].mail.body
        assert not box.add(mails["sent@bot.example"]), "a mail that was sent would be sent again"
        assert box.muted() == {"jo@example.org": "jo"}


@releases
def test_a_database_file_of_an_earlier_release_opens_with_all_it_had(release, tmp_path):
    place = loaded(RELEASES / release / "engine.sql", tmp_path / "old.sqlite")
    keeps_everything(f"sqlite:///{place}")
    open_all(f"sqlite:///{tmp_path / 'fresh.sqlite'}")
    assert schema(place) == schema(tmp_path / "fresh.sqlite"), EDITED.format(release)


@releases
def test_a_ledger_of_an_earlier_release_opens_with_all_it_had(release, tmp_path):
    place = loaded(RELEASES / release / "ledger.sql", tmp_path / "old.sqlite")
    with contextlib.closing(Ledger(place)) as ledger:
        known = {one.message_id: one for one in ledger.series()}
        assert known[FIRST].superseded_by == SECOND
        assert known[SECOND].state is WatchState.COMPLETE
        assert known["3-1-ann@kernel.example"].missing == (2, 3)
        skipped = known["kut@x.example"].skipped
        assert skipped
        assert skipped.reason is SkipReason.KVM_UNIT_TESTS
        assert ledger.count_mails() == 9
        assert ledger.cursor(KVM) == "4"
        events = ledger.untaken()
        assert events
        assert events[0].number == 2, "an event that was acted on would be acted on again"
        with ledger.transaction():
            gathering = ledger.threads(range(100))
            assert len(gathering.threads) >= 3
    Ledger(tmp_path / "fresh.sqlite").close()
    assert schema(place) == schema(tmp_path / "fresh.sqlite"), EDITED.format(release)


@pytest.fixture(scope="module")
def postgresql() -> Iterator:
    with server() as running:
        yield running


@pytest.mark.slow
@releases
def test_a_postgresql_database_of_an_earlier_release_opens_with_all_it_had(release, postgresql):
    old, fresh = postgresql.database("old"), postgresql.database("fresh")
    script = RELEASES / release / "engine.postgresql.sql"
    subprocess.run(
        ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", script, old.replace("+psycopg", "")],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    keeps_everything(old)
    open_all(fresh)
    columns = sa.text(
        "SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default"
        " FROM information_schema.columns WHERE table_schema IN ('public', 'dbos')"
    )
    indexes = sa.text(
        "SELECT schemaname, indexdef FROM pg_indexes WHERE schemaname IN ('public', 'dbos')"
    )
    found = []
    for url in (old, fresh):
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            found.append(
                {tuple(row) for query in (columns, indexes) for row in connection.execute(query)}
            )
        engine.dispose()
    assert found[0] == found[1], EDITED.format(release)


def test_a_later_releases_database_is_refused_by_name(tmp_path):
    url = f"sqlite:///{tmp_path / 'engine.sqlite'}"
    for table, opened in (("outbox", Outbox), ("finished", Finished)):
        Outbox(url).close()
        Finished(url).close()
        with contextlib.closing(sqlite3.connect(tmp_path / "engine.sqlite")) as connection:
            (before,) = connection.execute(
                "SELECT version FROM reviewbot_schema WHERE name = ?", (table,)
            ).fetchone()
            change = "UPDATE reviewbot_schema SET version = ? WHERE name = ?"
            connection.execute(change, (99, table))
            connection.commit()
            with pytest.raises(
                UserError, match=rf"written by a later release \(tables of {table}: 99, "
            ):
                opened(url)
            connection.execute(change, (before, table))
            connection.commit()


def test_a_later_releases_ledger_is_refused_by_name(tmp_path):
    place = tmp_path / "ledger.sqlite"
    Ledger(place).close()
    with contextlib.closing(sqlite3.connect(place)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(
        UserError, match=r"written by a newer reviewbot \(schema 99, this one knows \d+\)"
    ):
        Ledger(place)


def test_an_edited_step_would_be_seen(tmp_path, monkeypatch):
    """The comparison above is no empty one: a column more in a released step is noticed."""
    from reviewbot.tools import ledger_schema

    first, *others = ledger_schema.STEPS
    edited = first.replace("polled REAL NOT NULL", "polled REAL NOT NULL, more TEXT")
    monkeypatch.setattr(ledger_schema, "STEPS", (edited, *others))
    with pytest.raises(AssertionError, match="a migration step that was released has"):
        test_a_ledger_of_an_earlier_release_opens_with_all_it_had("0.1.0", tmp_path)
