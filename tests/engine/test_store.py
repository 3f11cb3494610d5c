# SPDX-License-Identifier: GPL-2.0-only
"""Runs are kept whole and found by any unambiguous start of their name."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reviewbot.engine.store import Store
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.run import Run


def made(name: str) -> Run:
    return Run(id=name, version="0", started="2026-01-15T12:00:00+00:00", request="mbox")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "runs")
    for name in ("20260115-120000-aaaa", "20260115-120000-bbbb", "20260116-120000-cccc"):
        store.save(made(name))
    return store


def test_newest_first(store: Store) -> None:
    assert [run.id[-4:] for run in store.runs(10)] == ["cccc", "bbbb", "aaaa"]


def test_by_prefix_and_last(store: Store) -> None:
    assert store.load("20260116").id.endswith("cccc")
    assert store.load("last").id.endswith("cccc")
    assert store.load("20260115-120000-a").id.endswith("aaaa")


def test_ambiguous_and_unknown(store: Store) -> None:
    with pytest.raises(UserError, match="type more"):
        store.load("20260115")
    with pytest.raises(UserError, match="reviewbot runs"):
        store.load("nothing")


def test_a_run_of_another_schema_is_passed_over_in_the_list(store: Store) -> None:
    (store.root / "20260117-120000-dddd").mkdir()
    (store.root / "20260117-120000-dddd/run.json").write_text('{"id": 3}')
    assert [run.id[-4:] for run in store.runs(10)] == ["cccc", "bbbb", "aaaa"]
    with pytest.raises(InfrastructureError, match="not readable"):
        store.load("20260117")


def test_empty_store(tmp_path: Path) -> None:
    assert Store(tmp_path / "none").ids() == ()
    with pytest.raises(UserError):
        Store(tmp_path / "none").load("last")


def test_ids_sort_by_time(tmp_path: Path) -> None:
    store = Store(tmp_path)
    early = store.new_id(datetime(2026, 1, 9, 23, 59, 59, tzinfo=UTC))
    late = store.new_id(datetime(2026, 1, 10, 0, 0, 0, tzinfo=UTC))
    assert early < late


def test_a_run_is_at_work_until_it_ends(store: Store) -> None:
    assert store.working() == frozenset()
    with store.at_work("20260117-120000-dddd"):
        assert store.working() == {"20260117-120000-dddd"}
        assert store.working() == {"20260117-120000-dddd"}, "to ask changes nothing"
    assert store.working() == frozenset()


def test_a_run_that_was_killed_is_not_at_work(store: Store) -> None:
    code = (
        "import sys, time, pathlib\n"
        "from reviewbot.engine.store import Store\n"
        "with Store(pathlib.Path(sys.argv[1])).at_work('killed'):\n"
        "    print('here', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, store.root], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == "here\n"
        assert store.working() == {"killed"}
        child.kill()
    assert store.working() == frozenset()
    assert not list((store.root.parent / "at-work").iterdir()), "its lock is cleared away"


@pytest.mark.parametrize(("directory", "wanted"), [(0o2770, 0o640), (0o700, 0o600)])
def test_the_group_that_shares_the_runs_may_read_them(
    tmp_path: Path, directory: int, wanted: int
) -> None:
    """The worker writes them, the web pages show them: two users, one group."""
    root = tmp_path / "shared"
    root.mkdir()
    root.chmod(directory)
    store = Store(root)
    run = made("20260117-120000-dddd")
    store.save(run)
    mode = (store.place(run) / "run.json").stat().st_mode & 0o777
    assert mode == wanted, f"{mode:o}"
