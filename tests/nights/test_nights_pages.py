# SPDX-License-Identifier: GPL-2.0-only
"""What the pages of nightly sweeps say, over real HTTP, and what they make of hostile names."""

from __future__ import annotations

import json
import re
import sqlite3
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from clicking import Links, crawl
from nightly import night
from nights_served import NIGHTS
from shelves import RULES, SCRIPT, Served

from reviewbot.model.status import Status
from reviewbot.model.sweep import Against, Ending, Kind, Measure, Move, Movement, Seen
from reviewbot.stages.nightly_words import TAKEN_UP
from reviewbot.tools import templates
from reviewbot.tools.cache import Cache
from reviewbot.tools.nights import Nights
from reviewbot.tools.nights_shelf import LOG_LIMIT, NightsShelf
from reviewbot.tools.static_site import StaticSite
from reviewbot.web.application import LINKS
from reviewbot.web.export import pages
from reviewbot.web.site import Site
from reviewbot.web.snapshot import snapshot
from reviewbot.web.sweep_grid import decisive, grid, mood
from reviewbot.web.sweep_names import slugs
from reviewbot.web.sweep_trends import charts

ATOM = "{http://www.w3.org/2005/Atom}"
EMPTY = snapshot((), (), RULES, stamp="", made=1.0)


def body(served: Served, path: str) -> str:
    answer, data = served.get(path)
    assert answer.status == 200, f"{path}: {answer.status}"
    return data.decode()


def pages_of(served: Served) -> dict[str, str]:
    """Every page of nights, but for most logs of the harmless ones."""
    return crawl(
        served,
        "/sweeps",
        follow=lambda link: (
            link.startswith("/sweeps") and ("/log/" not in link or not re.search("00[1-9]", link))
        ),
    )


def test_every_link_leads_somewhere_and_nothing_hostile_becomes_markup(served):
    found = pages_of(served)
    assert len(found) > 2 * NIGHTS
    for path, text in found.items():
        bad = {c for c in text if not c.isprintable() and c not in "\t\n"}
        assert not bad, f"{path}: control characters {bad!r}"
        assert SCRIPT not in text or path.endswith(".json"), path
        if text.startswith("<!DOCTYPE"):
            links = Links(text)
            assert not links.odd, f"{path}: {links.odd}"
            assert not links.tags & {"script", "img", "iframe", "style", "object"}, path
            outside = [
                x for x in links.found if not x.startswith(("/", "#", "https://lore.kernel.org/r/"))
            ]
            assert set(outside) <= {"data:,"}, f"{path}: {outside}"
    assert any("&lt;script&gt;" in text for text in found.values())
    logs = [path for path in found if "/log/" in path]
    assert any("not a tag&lt;/b&gt;" in found[path] for path in logs)
    assert any("is not kept any more" in found[path] for path in logs)
    assert not any("root:" in found[path] for path in logs)


def test_the_index_shows_open_regressions_first(served, swept):
    text = body(served, "/sweeps")
    told = json.loads(body(served, "/sweeps.json"))["branches"]
    assert [bool(one["regressions"]) for one in told] == sorted(
        (bool(one["regressions"]) for one in told), reverse=True
    )
    for one in told:
        many = len(swept.store.regressions(one["branch"]))
        assert len(one["regressions"]) == many
        if many:
            assert f"{many} open" in text


def test_a_broken_test_is_marked_in_the_night_in_which_it_broke(served, swept):
    """Every cell of the first page, against the store."""
    told = json.loads(body(served, "/sweeps/kvm-queue.json"))
    nights = {one["id"]: place for place, one in enumerate(told["nights"])}
    states = {(one["kind"], one["name"]): one["states"] for one in told["rows"]}
    words = {Status.PASS: "pass", Status.SKIP: "skip", Status.FAIL: ("fail", "flaky")}
    for name, place in nights.items():
        night = swept.store.night(name)
        assert night is not None
        for one in night.seen:
            if one.kind in (Kind.BUILD, Kind.TEST):
                assert states[one.kind, one.name][place] in words[one.status]
    text = body(served, "/sweeps/kvm-queue")
    moves = swept.store.movements(nights)
    broke = [
        (one.name, night)
        for night, some in moves.items()
        for one in some
        if one.move is Move.BROKE and one.kind in (Kind.TEST, Kind.BUILD)
    ]
    assert text.count(" broke") >= len(broke) > 0
    for name, night in broke:
        row = next(line for line in text.split("\n") if f'title="test {name}"' in line or f'title="build {name}"' in line)  # fmt: skip
        assert re.search(rf'class="\w+ broke"><a href="/sweeps/kvm-queue/{night}#r\d+"', row), name


def test_every_bad_cell_leads_to_its_result(served):
    text = body(served, "/sweeps/kvm-queue")
    links = re.findall(r'<a href="(/sweeps/kvm-queue/[^"#]+)#(r\d+)" title="failed', text)
    assert links
    for path, anchor in links[:5]:
        night = body(served, path)
        row = night[night.index(f'id="{anchor}"') :].partition("</tr>")[0]
        assert "failed" in row


def test_a_night_shows_what_moved_how_sure_and_who_did_it(served, swept):
    night, search = next(
        (night, one) for night, one in swept.store.bisections("kvm/queue") if one.culprit
    )
    assert search.culprit
    text = body(served, f"/sweeps/kvm-queue/{night}")
    assert search.culprit.subject in text
    assert search.culprit.commit[:12] in text
    assert "99.7 % sure" in text
    assert "reverting it on the tip cures it" in text
    assert f"{len(search.steps)} steps" in text
    assert "by chance" in text or "certain" in text
    told = json.loads(body(served, f"/sweeps/kvm-queue/{night}.json"))
    assert told["bisections"][0]["culprit"]["commit"]
    assert told["movements"]


def test_an_unchanged_night_says_whose_results_hold(served, swept):
    same = next(
        one for one in swept.store.heads("kvm/queue", 100) if one.ending is Ending.UNCHANGED
    )
    text = body(served, f"/sweeps/kvm-queue/{same.id}")
    assert "the tree did not change" in text
    assert f"/sweeps/kvm-queue/{same.same_as}" in text


def test_older_nights_are_on_further_pages(served, swept):
    ran = [
        one.id for one in swept.store.heads("kvm/queue", 200) if one.ending is not Ending.UNCHANGED
    ]
    first, second = (
        [one["id"] for one in json.loads(body(served, f"/sweeps/kvm-queue.json{query}"))["nights"]]
        for query in ("", "?page=2")
    )
    assert first + second == ran[: len(first + second)]
    assert len(first) == 30
    assert served.get("/sweeps/kvm-queue?page=9")[0].status == 404
    assert served.get("/sweeps/kvm-queue?page=99999999999")[0].status == 200  # no number: the first


def test_trends_have_a_line_and_a_table(served, swept):
    text = body(served, "/sweeps/kvm-queue")
    assert "dirty_log_perf_test" in text
    totals = swept.store.totals("kvm/queue")
    for one in charts(totals, {}):
        points = re.findall(r"[ML]([\d.]+) ([\d.]+)", one.path)
        there = sum(value is not None for value in one.values)
        assert len(points) in (there, there + 1)
        assert all(0 <= float(x) <= 600.05 and -0.05 <= float(y) <= 100.05 for x, y in points)
    table = text[text.index('<table class="numbers">') :]
    assert table.count("<tr>") == 1 + len(totals[:60])


def test_what_only_the_oldest_night_measured_is_to_be_seen(tmp_path):
    """Coverage is measured once a week: one point at the left edge."""
    share = Measure(name="functions executed", unit="%", samples=(44.9,))
    store = Nights(tmp_path / "nights.sqlite")
    store.record(night(1, measures=(share,)))
    store.record(night(2))
    (chart,) = [one for one in charts(store.totals("kvm/queue"), {}) if one.unit == "%"]
    store.close()
    places = [float(one.split()[0]) for one in chart.path.removeprefix("M").split(" L")]
    assert places[-1] - places[0] >= 8, "nothing is drawn"


def test_the_feed_has_nights_that_changed_something(served, swept):
    feed = ET.fromstring(body(served, "/sweeps.atom"))  # noqa: S314 - our own
    entries = feed.findall(f"{ATOM}entry")
    assert entries
    for one in entries:
        name = (one.findtext(f"{ATOM}id") or "").removeprefix("urn:reviewbot:night:")
        moved = swept.store.movements([name])[name]
        assert {x.move for x in moved if x.against is Against.PREVIOUS} - {Move.STILL, Move.FLAKY, Move.UNCONFIRMED}  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["/sweeps/nothing", "/sweeps/kvm-queue/no", "/sweeps/kvm-queue/evil-0", "/sweeps/kvm-queue/kvm-queue-0050/log/999999",
     "/sweeps/kvm-queue/kvm-queue-0050/log/x", "/sweeps/kvm-queue/kvm-queue-0050/x", "/sweeps/..", "/sweeps/a/b/c/d/e/f"],
)  # fmt: skip
def test_what_is_not_there_is_not_there(served, path):
    assert served.get(path)[0].status == 404


def test_a_damaged_store_takes_no_other_page_away(tmp_path, swept):
    place = tmp_path / "nights.sqlite"
    place.write_bytes(b"this is no database at all, whatever it is called" * 100)
    shelf = NightsShelf(place, Cache(tmp_path / "cache"))
    site = Site(templates.load_web(), swept.site.reviews, shelf)
    told = site.page(EMPTY, LINKS, "/sweeps", {}, json=False)
    assert told.status == 503
    assert b"cannot be read" in told.body
    assert site.page(EMPTY, LINKS, "/rules", {}, json=False).status == 200


def test_without_nights_there_is_no_such_page(tmp_path, swept):
    shelf = NightsShelf(tmp_path / "none.sqlite", Cache(tmp_path / "cache"))
    site = Site(templates.load_web(), swept.site.reviews, shelf)
    assert site.page(EMPTY, LINKS, "/sweeps", {}, json=False).status == 404
    assert b"Sweeps" not in site.page(EMPTY, LINKS, "/rules", {}, json=False).body
    assert not (tmp_path / "none.sqlite").exists()


def test_a_first_night_does_not_pass_for_a_good_one(tmp_path, swept):
    """Nothing is open, as nothing is known of before; what fails is said all the same."""
    slow = Seen(kind=Kind.TEST, name="memslot_perf_test", status=Status.TIMEOUT, failures=1)
    fine = Seen(kind=Kind.TEST, name="x86_64/state_test", status=Status.PASS)
    first = night(1, slow, fine, id="first", ending=Ending.PARTIAL)
    store = Nights(tmp_path / "nights.sqlite")
    cut = night(0, id="cut", ending=Ending.PARTIAL, missing=(f"{TAKEN_UP}first",))
    store.record(cut)
    store.record(first)
    store.close()
    shelf = NightsShelf(tmp_path / "nights.sqlite", Cache(tmp_path / "cache"))
    site = Site(templates.load_web(), swept.site.reviews, shelf)

    def said(path: str) -> str:
        return site.page(EMPTY, LINKS, path, {}, json=False).body.decode()

    branch, only = said("/sweeps/kvm-queue"), said("/sweeps/kvm-queue/first")
    assert "no open regression, 1 failing" in branch
    assert "What failed in the only night" in branch
    assert "the first sweep, 1 failing; partial" in only
    assert "There is no earlier sweep to compare with" in only
    assert "nothing moved" not in only


def test_an_export_has_no_dead_links(tmp_path, swept):
    target = StaticSite(tmp_path / "site")
    for one in pages(swept.site, EMPTY):
        assert one.page.status == 200, one.name
        target.put(one.name, one.page.body)
    target.finish()
    places = [one for one in (tmp_path / "site").rglob("*.html") if "rules" not in one.parts]
    assert len(places) > NIGHTS
    for place in places:
        for link in Links(place.read_text()).found:
            plain = link.partition("#")[0]
            if plain and not plain.startswith(("data:", "https://lore.kernel.org/r/")):
                there = (place.parent / PurePosixPath(plain)).resolve()
                assert there.is_file(), f"{place.name}: {plain}"


def test_slugs_are_unlike_and_harmless():
    names = ["kvm/queue", "kvm-queue", "a" * 200, "../..", "", "-x", "ü/ö", "kvm/x.y"]
    found = slugs(names)
    assert sorted(found.values()) == sorted(names)
    assert all(re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z_-]{0,79}", slug) for slug in found), found
    assert slugs(["kvm/queue"]) == {"kvm-queue": "kvm/queue"}


def test_what_differs_from_mainline_is_no_news_but_the_first_night_has_nothing_else():
    seen = Seen(kind=Kind.TEST, name="t", status=Status.FAIL, runs=3, failures=3)
    first = night(1, seen, id="1")
    nights = (replace(first, id="3", machine="other"), replace(first, id="2"), first)
    moved = tuple(
        Movement(kind=Kind.TEST, name="t", move=Move.BROKE, against=against, before="", after="")
        for against in (Against.MAINLINE, Against.MERGE_BASE)
    )
    own = decisive(nights, {one.id: moved for one in nights}, oldest=True)
    assert own == {"3": moved[1:], "2": (), "1": moved[1:]}
    assert decisive(nights[1:], {"1": moved, "2": moved}, oldest=False) == {"2": (), "1": ()}
    assert [mood(one, own[one.id]) for one in nights] == ["broke", "good", "broke"]
    (row,) = grid(nights, own).moving
    assert [cell.turn for cell in row.cells] == ["broke", "", "broke"]


def test_a_failure_that_the_record_explains_is_flaky_in_the_grid():
    seen = Seen(kind=Kind.TEST, name="t", status=Status.FAIL, runs=1, failures=1)
    mixed = replace(seen, name="u", runs=3)
    tonight = night(1, seen, mixed, id="n")

    def states(move: Move) -> list[str]:
        moved = [
            Movement(kind=Kind.TEST, name=name, move=move, against=Against.PREVIOUS, before="", after="")
            for name in ("t", "u")
        ]  # fmt: skip
        rows = grid((tonight,), {"n": moved}).moving
        return [row.cells[0].state for row in sorted(rows, key=lambda row: row.name)]

    assert states(Move.FLAKY) == ["flaky", "flaky"]
    assert states(Move.BROKE) == ["fail", "fail"]
    assert states(Move.STILL) == ["fail", "flaky"]


def test_a_night_lists_the_commits_that_moved_the_branch(served, swept):
    night = next(one for one in swept.store.heads("kvm/queue", 60) if swept.store.range_of(one.id))
    moved = swept.store.range_of(night.id)
    text = body(served, f"/sweeps/kvm-queue/{night.id}")
    for one in moved.commits:
        assert one.commit[:12] in text
    assert moved.commits[0].subject in text


def test_a_long_console_keeps_its_ends(tmp_path):
    cache = Cache(tmp_path)
    shelf = NightsShelf(tmp_path / "none.sqlite", cache)
    text = shelf.log(cache.put(b"first\n" + b"x" * (3 * LOG_LIMIT) + b"\nlast"))
    assert text
    assert text.startswith("first")
    assert text.endswith("last")
    assert "bytes are left out here" in text
    assert len(text) < LOG_LIMIT + 200
    assert shelf.log("../" * 20 + "etc/passwd") is None


def test_a_console_that_only_the_store_has_is_shown(tmp_path):
    digest = "d" * 64
    store = Nights(tmp_path / "nights.sqlite")
    store.keep_log(digest, b"Test Assertion Failure", 1.0)
    store.close()
    shelf = NightsShelf(tmp_path / "nights.sqlite", Cache(tmp_path / "of another user"))
    assert shelf.log(digest) == "Test Assertion Failure"
    assert shelf.log("e" * 64) is None


def test_a_page_waits_for_no_writer(swept, served):
    """Somebody holds the store's write lock for as long as the page takes, and it shows all the same."""
    writer = sqlite3.connect(swept.store.path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM results")
    started = time.monotonic()
    text = body(served, "/sweeps/kvm-queue")
    assert time.monotonic() - started < 5
    writer.execute("ROLLBACK")
    writer.close()
    assert "x86_64/" in text


def test_the_pages_are_where_the_documentation_says():
    said = (Path(__file__).parents[2] / "docs" / "web.md").read_text()
    for path in ("/sweeps", "/sweeps/BRANCH", "/sweeps/BRANCH/NIGHT", "/sweeps.atom"):
        assert f"`{path}`" in said, f"docs/web.md: {path} is missing in the table of addresses"
