# SPDX-License-Identifier: GPL-2.0-only
"""A new file of SQLite, wanted by many at once."""

import multiprocessing
import sqlite3
from contextlib import closing

import pytest

from reviewbot.model.baseline import Baseline
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.tools import database
from reviewbot.tools.baselines import NAME, Baselines


def prepare(place: str, start: object, failed: object) -> None:
    for number in range(40):
        start.wait()
        try:
            database.prepare(f"sqlite:///{place}/{number}")
        except UserError as error:
            failed.put(str(error))


def test_many_may_make_the_same_file_at_once(tmp_path):
    context = multiprocessing.get_context("fork")
    start, failed = context.Barrier(4), context.SimpleQueue()
    some = [context.Process(target=prepare, args=(str(tmp_path), start, failed)) for _ in range(4)]
    for one in some:
        one.start()
    for one in some:
        one.join(120)
    assert failed.empty(), failed.get()
    for number in range(40):
        with closing(sqlite3.connect(tmp_path / str(number))) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_history_that_cannot_be_made_is_no_fault_of_the_user(tmp_path):
    (tmp_path / NAME).mkdir()
    with pytest.raises(InfrastructureError, match=NAME):
        Baselines(tmp_path).seconds("here", ["x86/a"])
    with pytest.raises(InfrastructureError, match=NAME):
        Baselines(tmp_path).past(Baseline(tree="t", config="c", place="here"), ["x86/a"])
