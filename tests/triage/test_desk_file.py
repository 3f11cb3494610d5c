# SPDX-License-Identifier: GPL-2.0-only
"""Triage's tables in the ledger's file: made once, by whoever comes first, and never misread."""

import sqlite3
import threading
from contextlib import closing

import pytest
from desks import LIST, cover
from mails import series

from reviewbot.engine.triage import Triage
from reviewbot.engine.watch import FollowedList, Watcher
from reviewbot.model.errors import UserError
from reviewbot.model.triage import Mark
from reviewbot.parse.gather import Following
from reviewbot.tools.desk import Desk
from reviewbot.tools.desk_schema import STEPS
from reviewbot.tools.ledger import Ledger
from reviewbot.tools.places import Box


def watched(office):
    """A ledger that a bot filled before triage was ever used."""
    with closing(Ledger(office.path)) as ledger:
        followed = {LIST: FollowedList(source=Box(office.box), following=Following(wait=0))}
        Watcher(ledger, followed, clock=lambda: office.now).poll()


def test_a_ledger_of_before_is_taken_over(office):
    office.deliver(*series(2))
    watched(office)
    assert office.one().card.message_id == cover()


def test_the_bot_goes_on_writing_and_triage_sees_it(office):
    office.deliver(*series(1))
    office.look()
    office.deliver(*series(1, tag="PATCH v2", stamp="20260301130000.4712", start=60))
    watched(office)
    with closing(Ledger(office.path)) as ledger, closing(Desk(office.path)) as desk:
        triage = Triage(ledger, desk, {LIST: Box(office.box)}, clock=lambda: office.now)
        triage.read_mails()
        triage.refresh()
        (row,) = triage.items()
    assert row.card.revision == 2


def test_two_that_come_first_at_once_make_the_tables_once(office):
    office.deliver(*series(1))
    watched(office)
    troubles = []

    def open_it():
        try:
            Desk(office.path).close()
        except UserError as error:
            troubles.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not troubles
    with closing(sqlite3.connect(office.path)) as database:
        assert database.execute("SELECT count(*) FROM desk_steps").fetchone() == (len(STEPS),)


def test_a_file_of_a_newer_release_is_refused(office):
    office.deliver(*series(1))
    office.look()
    with closing(sqlite3.connect(office.path)) as database:
        database.execute("INSERT INTO desk_steps VALUES (99)")
        database.commit()
    with pytest.raises(UserError, match="a newer reviewbot"):
        Desk(office.path)


def test_a_damaged_file_is_named_with_the_way_out(tmp_path):
    broken = tmp_path / "ledger.sqlite"
    broken.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    with pytest.raises(UserError, match="notes are lost"):
        Desk(broken)


def test_marks_survive_what_is_read_anew(office):
    office.deliver(*series(1))
    office.look()
    with closing(Desk(office.path)) as desk:
        desk.put_mark(Mark(message_id=cover(), note="mine"))
    with closing(sqlite3.connect(office.path)) as database:
        database.execute("DELETE FROM desk_cards")
        database.execute("INSERT INTO desk_stale SELECT DISTINCT thread FROM series")
        database.commit()
    assert office.one().notes == ((1, "mine"),)
