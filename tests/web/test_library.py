# SPDX-License-Identifier: GPL-2.0-only
"""What the pages are made of: reviews of this host and of its workers, whatever is wrong with some."""

import contextlib
import sqlite3

from sample_runs import clean, findings
from shelves import named, shelf_in

from reviewbot.tools.finished import Finished


def test_reviews_of_workers_are_there_and_a_damaged_one_hides_no_other(tmp_path):
    shelf = shelf_in(tmp_path)
    shelf.store.save(named(clean(), "local", 1))
    shelf.library.look()
    with contextlib.closing(Finished(shelf.library.database_url)) as finished:
        finished.put("job-1", named(findings(), "worker", 2))
        finished.put("job-2", named(findings(), "damaged", 3))
    with contextlib.closing(sqlite3.connect(tmp_path / "engine.sqlite")) as database:
        database.execute("UPDATE reviewbot_finished SET review = x'00' WHERE job = 'job-2'")
        database.commit()
    shot = shelf.shot()
    assert set(shot.reviews) == {"20260101-000001-0001", "20260101-000002-0002"}
    whole = shelf.library.run("20260101-000002-0002")
    assert whole
    assert whole.check == findings().check
    assert shelf.library.run("20260101-000003-0003") is None


def test_a_database_that_is_away_is_said_and_hides_nothing(tmp_path):
    shelf = shelf_in(tmp_path)
    shelf.store.save(named(clean(), "local", 1))
    shelf.library.database_url = "postgresql+psycopg://nobody@127.0.0.1:1/away"
    shot = shelf.shot()
    assert len(shot.items) == 1
    assert "engine.database" in shelf.library.troubles


def test_nothing_is_read_again_until_something_is_written(tmp_path):
    shelf = shelf_in(tmp_path)
    shelf.store.save(named(clean(), "first", 1))
    assert shelf.library.look()
    assert not shelf.library.look()
    shelf.store.save(named(findings(), "second", 2))
    assert shelf.library.look()
    assert len(shelf.library.items) == 2
    (shelf.store.root / "20260101-000001-0001/run.json").write_text("{half")
    assert shelf.library.look()
    assert shelf.library.run("20260101-000001-0001") is None


def test_a_review_made_again_replaces_what_was_in_memory(tmp_path):
    shelf = shelf_in(tmp_path)
    run = named(findings(), "first", 1)
    shelf.store.save(run)
    shelf.library.look()
    assert shelf.library.run(run.id) == run
    other = named(clean(), "first", 1)
    shelf.store.save(other)
    shelf.library.look()
    assert shelf.library.run(run.id) == other
