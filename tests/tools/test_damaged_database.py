# SPDX-License-Identifier: GPL-2.0-only
"""A damaged file of the shared database: one line that names it, wherever it is found out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reviewbot.model.errors import UserError
from reviewbot.tools.database import url_of
from reviewbot.tools.finished import Finished
from reviewbot.tools.outbox import Outbox
from reviewbot.tools.statistics import Statistics

EXAMPLE = Path(__file__).resolve().parents[2] / "docs/example/nsvm-gpat.mbox"


@pytest.mark.parametrize("table", [Finished, Outbox, Statistics])
def test_every_table_says_which_file_is_damaged(table, tmp_path):
    place = tmp_path / "engine.sqlite"
    place.write_bytes(b"not a database " * 300)
    with pytest.raises(UserError) as caught:
        table(url_of("", tmp_path))
    assert str(place) in str(caught.value)
    assert "sqlalche" not in str(caught.value)


def test_damage_within_is_said_where_it_is_met(tmp_path):
    place = tmp_path / "engine.sqlite"
    Finished(url_of("", tmp_path)).close()
    page = 4096
    place.write_bytes(place.read_bytes()[:page] + b"\xff" * (place.stat().st_size - page))
    with pytest.raises(UserError, match="play a backup back"):
        tuple(Finished(url_of("", tmp_path)).index())


def test_triage_shows_the_mails_all_the_same(tmp_path):
    state = tmp_path / "state/reviewbot"
    state.mkdir(parents=True)
    (state / "engine.sqlite").write_bytes(b"not a database " * 300)
    done = subprocess.run(
        [sys.executable, "-m", "reviewbot", "triage", "--from", EXAMPLE],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "REVIEWBOT_CONFIG": os.devnull,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    assert "engine.sqlite: file is not a database; play a backup back" in done.stderr
