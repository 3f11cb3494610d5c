# SPDX-License-Identifier: GPL-2.0-only
"""Stores with every kind of review and one that a stranger wrote all of, served over real HTTP."""

import time
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

from sample_runs import findings

from reviewbot.engine.library import Library
from reviewbot.engine.store import Store
from reviewbot.model.config import Config
from reviewbot.model.run import Run
from reviewbot.rulekit.registry import rules_for
from reviewbot.tools.cache import Cache
from reviewbot.web.snapshot import Snapshot, snapshot

RULES = rules_for(Config())
SCRIPT = "<script>window.pwned=1;fetch('//127.0.0.1:1/')</script>"
EVIL = (
    f"\"'></a></pre></style></title>{SCRIPT}<img src=//127.0.0.1:1/ onerror=window.pwned=1>"
    "<b autofocus onfocus=window.pwned=1 tabindex=1>javascript:window.pwned=1//@x{{7*7}}\x1b[2J\u202e"
    + "W"
    * 3000
)


def named(run: Run, name: str, number: int) -> Run:
    """The run under an id of its own, of a series of its own."""
    made = replace(run, id=f"20260101-{number:06d}-{number:04x}")
    series = run.series
    if series is None:
        return made
    cover = series.cover and replace(series.cover, message_id=f"{name}-0@example.org")
    patches = tuple(
        replace(one, message_id=f"{name}-{one.number}@example.org") for one in series.patches
    )
    title = (
        series.title
        if series.title.startswith('"')
        else f"{name.replace('_', ' ')}: {series.title}"
    )
    return replace(made, series=replace(series, cover=cover, patches=patches, title=title))


def revised() -> tuple[Run, Run]:
    """Two versions of one series: of four findings one is fixed, and one is new."""
    first = named(findings(), "revised", 900)
    assert first.series
    second = named(findings(), "revised-v2", 901)
    assert second.series
    assert second.check
    fixed, *kept = second.check.findings
    other = replace(fixed, title="another thing than before")
    return first, replace(
        second,
        series=replace(second.series, revision=3, title=first.series.title),
        check=replace(second.check, findings=(*kept, other)),
    )


@dataclass(frozen=True)
class Shelf:
    """Stores in a directory."""

    store: Store
    library: Library

    def shot(self) -> Snapshot:
        self.library.look()
        return snapshot(
            self.library.items,
            self.library.reviews,
            RULES,
            stamp=self.library.stamp,
            made=time.time(),
            tried=self.library.tried,
        )

    def series(self, word: str) -> str:
        """The name of the first series with a word in its title."""
        return next(one.id for one in self.shot().items if word in one.card.subject)


def shelf_in(place: Path) -> Shelf:
    store = Store(place / "runs")
    library = Library(
        store,
        place / "ledger.sqlite",
        Cache(place / "cache"),
        database_url=f"sqlite:///{place / 'engine.sqlite'}",
        sources={},
    )
    return Shelf(store, library)


@dataclass(frozen=True)
class Served:
    """A running server."""

    place: str
    shelf: Shelf

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection(self.place, timeout=30)
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=fields)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body
