# SPDX-License-Identifier: GPL-2.0-only
"""A new file of SQLite, wanted by many at once."""

import multiprocessing
import sqlite3
from contextlib import closing

import pytest

from reviewbot.model.baseline import Baseline
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.tools import database, ledger_schema
from reviewbot.tools.baselines import NAME, Baselines


def prepare(place: str, start: object, failed: object) -> None:
    for number in range(40):
        start.wait()
        try:
            database.prepare(f"sqlite:///{place}/{number}")
        except UserError as error:
            failed.put(str(error))


def four_times(work, place):
    """At once, and none of them may fail."""
    context = multiprocessing.get_context("fork")
    start, failed = context.Barrier(4), context.SimpleQueue()
    some = [context.Process(target=work, args=(str(place), start, failed)) for _ in range(4)]
    for one in some:
        one.start()
    for one in some:
        one.join(120)
    assert failed.empty(), failed.get()


def test_many_may_make_the_same_file_at_once(tmp_path):
    four_times(prepare, tmp_path)
    for number in range(40):
        with closing(sqlite3.connect(tmp_path / str(number))) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def migrate(place: str, start: object, failed: object) -> None:
    for number in range(20):
        with closing(connect(f"{place}/{number}")) as connection:
            start.wait()
            try:
                ledger_schema.migrate(connection, "the ledger")
            except sqlite3.Error as error:
                failed.put(str(error))


def connect(place: str) -> sqlite3.Connection:
    return sqlite3.connect(place, timeout=60, isolation_level=None)


def test_many_may_bring_the_same_ledger_up_to_date_at_once(tmp_path):
    for number in range(20):
        database.prepare(f"sqlite:///{tmp_path}/{number}")
    four_times(migrate, tmp_path)
    with closing(connect(f"{tmp_path}/0")) as connection:
        taken = connection.execute("SELECT version FROM migrations").fetchall()
    assert taken == [(number,) for number in range(1, len(ledger_schema.STEPS) + 1)]


def test_a_history_that_cannot_be_made_is_no_fault_of_the_user(tmp_path):
    (tmp_path / NAME).mkdir()
    with pytest.raises(InfrastructureError, match=NAME):
        Baselines(tmp_path).seconds("here", ["x86/a"])
    with pytest.raises(InfrastructureError, match=NAME):
        Baselines(tmp_path).past(Baseline(tree="t", config="c", place="here"), ["x86/a"])
