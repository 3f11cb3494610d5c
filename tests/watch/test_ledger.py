# SPDX-License-Identifier: GPL-2.0-only
"""The bot's database: whole or not at all, old files made new, bad files named."""

import sqlite3

import pytest
from mails import series
from watching import KVM, Desk

from reviewbot.model.errors import UserError
from reviewbot.model.watch import Refused
from reviewbot.tools import ledger_schema
from reviewbot.tools.ledger import Ledger


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "ledger.sqlite"


def test_a_transaction_that_ends_early_leaves_nothing(path):
    ledger = Ledger(path)

    def half():
        with ledger.transaction():
            ledger.set_cursor(KVM, "1", 0.0)
            ledger.refuse(KVM, [Refused(origin="x", reason="y")], 0.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert ledger.cursor(KVM) is None
    assert ledger.refused() == {}
    with ledger.transaction():
        ledger.set_cursor(KVM, "2", 0.0)
    ledger.close()
    assert Ledger(path).cursor(KVM) == "2"


def test_the_file_is_in_wal_mode_and_knows_its_schema(path):
    Ledger(path).close()
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        (version,) = database.execute("PRAGMA user_version").fetchone()
        rows = database.execute("SELECT version FROM migrations").fetchall()
    assert version == len(ledger_schema.STEPS)
    assert rows == [(number,) for number in range(1, version + 1)]


def test_an_older_file_is_brought_up_to_date_and_keeps_its_rows(path, monkeypatch):
    old = Ledger(path)
    with old.transaction():
        old.set_cursor(KVM, "kept", 0.0)
    old.close()
    later = (*ledger_schema.STEPS, "CREATE TABLE later (x INTEGER) STRICT;")
    monkeypatch.setattr(ledger_schema, "STEPS", later)
    for _ in range(2):
        new = Ledger(path)
        assert new.cursor(KVM) == "kept"
        new.close()
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (len(later),)
        assert database.execute("SELECT count(*) FROM later").fetchone() == (0,)


def test_a_step_that_fails_leaves_the_file_as_it_was(path, monkeypatch):
    Ledger(path).close()
    before = len(ledger_schema.STEPS)
    broken = "CREATE TABLE half (x INTEGER) STRICT; CREATE TABLE half (x INTEGER) STRICT;"
    monkeypatch.setattr(ledger_schema, "STEPS", (*ledger_schema.STEPS, broken))
    with pytest.raises(UserError, match="half"):
        Ledger(path)
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (before,)
        assert not database.execute("SELECT * FROM sqlite_master WHERE name = 'half'").fetchall()


def test_a_file_of_a_newer_release_is_refused(path):
    Ledger(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(UserError, match="newer reviewbot"):
        Ledger(path)


def test_a_file_that_is_no_database_is_named(path):
    path.parent.mkdir()
    path.write_bytes(b"not a database, but long enough to be looked at " * 100)
    with pytest.raises(UserError, match="not a database"):
        Ledger(path)
    with pytest.raises(UserError, match="cannot be used"):
        Ledger(path.parent)


def test_two_bots_do_not_share_a_file(path):
    one, two = Ledger(path), Ledger(path)
    with one.alone(), pytest.raises(UserError, match="another"), two.alone():
        pass
    with two.alone():
        pass


def test_a_full_disk_is_said_and_nothing_is_half_written(path):
    desk = Desk()
    desk.ledger = desk.watcher.ledger = ledger = Ledger(path)
    (pages,) = ledger._database.execute("PRAGMA page_count").fetchone()
    ledger._database.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(UserError, match="free some space"):
        desk.deliver(*series(20))
    assert ledger.cursor(KVM) is None
    assert ledger.count_mails() == 0
    ledger._database.execute("PRAGMA max_page_count = 1000000")
    assert desk.deliver(*series(20))


def test_a_copy_leaves_the_original_alone(path):
    ledger = Ledger(path)
    copy = ledger.copy()
    with copy.transaction():
        copy.set_cursor(KVM, "1", 0.0)
    assert ledger.cursor(KVM) is None
