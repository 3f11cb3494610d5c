# SPDX-License-Identifier: GPL-2.0-only
"""The nights' pages are served as those of series are."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
sys.path += [str(TESTS / "report"), str(TESTS / "web"), str(TESTS / "nights")]

from looks import browser  # noqa: E402, F401 - a fixture, beside the tests of series' pages
from nights_served import Swept, swept_in  # noqa: E402 - lies beside this file
from shelves import RULES, Served  # noqa: E402 - lies beside the tests of series' pages

from reviewbot.tools.web_server import serving  # noqa: E402 - see above
from reviewbot.web.application import Application, names_of  # noqa: E402 - see above
from reviewbot.web.snapshot import snapshot  # noqa: E402 - see above


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swept]:
    found = swept_in(tmp_path_factory.mktemp("swept"))
    yield found
    found.store.close()


@pytest.fixture(scope="module")
def served(swept: Swept) -> Iterator[Served]:
    shot = snapshot((), (), RULES, stamp="", made=time.time())
    listen = "127.0.0.1:0"
    with serving(listen, Application(swept.site, lambda: shot, names_of(listen, ()))) as place:
        yield Served(place, None)  # type: ignore[arg-type]  # no page of a series is asked for
