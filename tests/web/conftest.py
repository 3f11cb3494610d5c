# SPDX-License-Identifier: GPL-2.0-only
"""The pages' tests use the report tests' runs."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
sys.path += [str(TESTS / "report"), str(TESTS / "web")]

from coverage_runs import counted  # noqa: E402 - lies beside this file
from looks import browser  # noqa: E402, F401 - a fixture
from sample_runs import CASES  # noqa: E402 - lies beside the reports' tests
from shelves import EVIL, Served, Shelf, named, revised, shelf_in  # noqa: E402 - see above
from test_hostile_text import poisoned  # noqa: E402 - see above

from reviewbot.tools import templates  # noqa: E402
from reviewbot.tools.web_server import serving  # noqa: E402
from reviewbot.web.application import Application, names_of  # noqa: E402
from reviewbot.web.site import Site  # noqa: E402


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    found = shelf_in(tmp_path_factory.mktemp("state"))
    for number, (name, make) in enumerate(CASES.items()):
        found.store.save(named(make(), name, number))
    evil = poisoned(EVIL)
    assert evil.series
    found.store.save(replace(evil, id="20260102-000000-0001"))
    for run in (*revised(), named(counted(), "counted", 910)):
        found.store.save(run)
    return found


@pytest.fixture(scope="module")
def served(shelf: Shelf) -> Iterator[Served]:
    shot = shelf.shot()
    site = Site(templates.load_web(), shelf.library)
    site.prepare(shot)
    listen = "127.0.0.1:0"
    with serving(
        listen, Application(site, lambda: shot, names_of(listen, ("kvm.example.org",)))
    ) as place:
        yield Served(place, shelf)
