# SPDX-License-Identifier: GPL-2.0-only
"""Large reviews: what takes long is done once, and a page that is kept is never an old one."""

from dataclasses import replace

import pytest
from sample_runs import clean, findings, regression
from shelves import named, shelf_in

from reviewbot.engine import library
from reviewbot.engine.store import Store
from reviewbot.tools import templates
from reviewbot.tools.cache import Cache
from reviewbot.web.bodies import Bodies
from reviewbot.web.links import Links
from reviewbot.web.site import Site


@pytest.fixture
def shelf(tmp_path):
    found = shelf_in(tmp_path)
    for number, run in enumerate((findings(), regression(), clean()), 1):
        found.store.save(named(run, f"s{number}", number))
    return found


def reader(shelf):
    shot = shelf.shot()
    site = Site(templates.load_web(), shelf.library)
    site.prepare(shot)
    return shot, lambda path: site.page(shot, Links(), path, {}, json=False)


def test_a_review_is_read_and_drawn_once_and_again_when_it_changes(shelf, monkeypatch):
    shot, page = reader(shelf)
    (name,) = (one.run for one in shot.reviews.values() if "s1" in one.series)
    first = page(f"/review/{name}").body
    read = []
    monkeypatch.setattr(shelf.library, "run", read.append)
    assert page(f"/review/{name}").body == first
    assert b"KVM-MSR-003" in page(f"/series/{shelf.series('s1')}").body
    assert read == [], "pages of one review share what is long"
    monkeypatch.undo()
    run = shelf.store.read(name)
    assert run.check
    shelf.store.save(replace(run, check=replace(run.check, findings=())))
    _, page = reader(shelf)
    assert b"KVM-MSR-003" not in page(f"/review/{name}").body.partition(b'id="rules"')[0][:20000]


def test_no_more_is_kept_than_there_is_room_for(shelf):
    shot = shelf.shot()
    site = Site(templates.load_web(), shelf.library)
    every = list(shot.reviews.values())
    sizes = [len(found.html) for one in every if (found := Bodies(shelf.library, site._templates).of(one, Links()))]  # fmt: skip
    small = Bodies(shelf.library, site._templates, most=max(sizes))
    again = [small.of(one, Links()) for one in every for _ in range(2)]
    assert len({id(one) for one in again}) == len(every)
    assert small.of(every[0], Links()) is not again[0], "the oldest one has gone"
    assert small._size <= max(sizes)


def test_a_large_review_is_cut_into_patches_once(shelf, monkeypatch):
    shot, page = reader(shelf)
    paths = [f"/review/{name}{rest}" for name in shot.reviews for rest in ("", "/patch/6", "/patch/1")]  # fmt: skip
    before = [page(path).body.partition(b"<footer>")[0] for path in paths]
    monkeypatch.setattr(library, "_LARGE", 1000)
    fresh = shelf_in(shelf.store.root.parent)
    _, page = reader(fresh)
    assert len(fresh.library.large()) == 3
    monkeypatch.setattr(Store, "read", lambda _, name: pytest.fail(f"{name} is read again"))
    assert [page(path).body.partition(b"<footer>")[0] for path in paths] == before
    assert page(f"{paths[0]}/patch/99").status == 404
    assert page(f"{paths[0]}/patch/0").status == 404


def test_patches_are_cut_anew_when_the_cache_was_deleted(shelf, monkeypatch):
    monkeypatch.setattr(library, "_LARGE", 1000)
    shot, page = reader(shelf)
    path = f"/review/{next(iter(shot.reviews))}/patch/6"
    before = page(path).body
    monkeypatch.setattr(Cache, "load", lambda *_: None)
    assert page(path).body == before
