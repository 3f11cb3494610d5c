# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot serve`` and ``reviewbot export`` as a user runs them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from urllib.request import urlopen

import pytest
from sample_runs import clean, findings
from shelves import named

from reviewbot.engine.store import Store

REVIEWBOT = (sys.executable, "-m", "reviewbot")


@pytest.fixture
def home(tmp_path):
    return {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "REVIEWBOT_CONFIG": os.devnull,
    }


def listed(place: str) -> list[str]:
    with urlopen(f"{place}index.json?state=all", timeout=20) as answer:  # noqa: S310 - http, ours
        return [one["subject"] for one in json.load(answer)["series"]]


def test_serve_shows_what_is_reviewed_meanwhile_and_ends_when_told(home, tmp_path):
    store = Store(tmp_path / "state/reviewbot/runs")
    store.save(named(findings(), "first", 1))
    argv = [*REVIEWBOT, "serve", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(argv, env=home, stderr=subprocess.PIPE, text=True) as server:
        try:
            line = server.stderr.readline()
            found = re.match(
                r"reviewbot: (http://127\.0\.0\.1:\d+/) shows 1 series, 1 review;", line
            )
            assert found, line
            assert len(listed(found[1])) == 1
            store.save(named(clean(), "second", 2))
            end = time.monotonic() + 30
            while len(listed(found[1])) < 2:
                assert time.monotonic() < end, "a new review is not shown after 30 s"
                time.sleep(0.2)
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 130


def test_export_says_what_it_did(home, tmp_path):
    Store(tmp_path / "state/reviewbot/runs").save(named(findings(), "first", 1))
    argv = [*REVIEWBOT, "export", tmp_path / "site"]
    first = subprocess.run(argv, env=home, capture_output=True, text=True, check=True)
    assert re.search(r"1 series, 1 review: \d+ written, 0 as before, 0 taken away", first.stderr)
    again = subprocess.run(argv, env=home, capture_output=True, text=True, check=True)
    assert re.search(r": 0 written, \d+ as before, 0 taken away", again.stderr)
    assert (tmp_path / "site/index.html").is_file()


def test_a_list_that_the_bot_clones_later_is_read_then(home, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(
        '[lists."kvm@vger.kernel.org"]\nfollow = "git"\nurl = "https://lore.example.org/kvm"\n'
    )
    env = {**home, "REVIEWBOT_CONFIG": str(config)}
    clones = tmp_path / "cache/reviewbot/inboxes/kvm@vger.kernel.org"
    program = (
        "import sys, pathlib; from reviewbot.cli.main import Invocation;"
        " from reviewbot.cli.web import _Shelf; shelf = _Shelf(Invocation(None, True));"
        " shelf.look(); print(sorted(shelf.library.sources));"
        " pathlib.Path(sys.argv[1]).mkdir(parents=True);"
        " shelf.look(); print(sorted(shelf.library.sources))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, clones], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[]", "['kvm@vger.kernel.org']"]


def test_an_export_takes_nothing_away_because_the_database_cannot_be_read(home, tmp_path):
    state = tmp_path / "state/reviewbot"
    Store(state / "runs").save(named(findings(), "first", 1))
    argv = [*REVIEWBOT, "export", tmp_path / "site"]
    subprocess.run(argv, env=home, capture_output=True, check=True)
    before = sorted((tmp_path / "site").rglob("*"))
    (state / "engine.sqlite").write_bytes(b"not a database " * 300)
    refused = subprocess.run(argv, env=home, capture_output=True, text=True, check=False)
    assert refused.returncode == 3
    assert "file is not a database" in refused.stderr
    assert "nothing was exported" in refused.stderr
    assert sorted((tmp_path / "site").rglob("*")) == before


def test_without_any_review_the_pages_say_what_to_do(home, tmp_path):
    argv = [*REVIEWBOT, "export", tmp_path / "site"]
    subprocess.run(argv, env=home, capture_output=True, check=True)
    assert "reviewbot review SERIES" in (tmp_path / "site/index.html").read_text()
