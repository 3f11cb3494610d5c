# SPDX-License-Identifier: GPL-2.0-only
"""Which pages an export has, and how far each is from the top.  Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from reviewbot.model.triage import Item
from reviewbot.web import query as queries
from reviewbot.web.links import NAME, Links
from reviewbot.web.page import Page
from reviewbot.web.patch import page_count
from reviewbot.web.site import Site
from reviewbot.web.snapshot import Snapshot
from reviewbot.web.sweeps import SweepPages

_TOP = Links(up="", static=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A file's name below the top, and what is in it."""

    name: str
    page: Page


def pages(site: Site, shot: Snapshot) -> Iterator[Exported]:
    """All pages: lists, rules, and for each series its page, its reviews and their patches."""
    yield _made(site, shot, _TOP.style(), "/style.css")
    yield _made(site, shot, _TOP.feed(), "/feed.atom")
    found = queries.select(shot.items, queries.Query(state=queries.ALL))
    for number in range(1, found.pages + 1):
        values = {"page": str(number)}
        yield _made(site, shot, _TOP.home(page=number), "/", values)
        yield _made(site, shot, _TOP.data(_TOP.home(page=number)), "/", values, json=True)
    yield from _both(site, shot, _TOP.rules(), "/rules")
    for code in site.codes(shot):
        yield from _both(site, shot, _TOP.rule(code), f"/rules/{code}")
    for item in shot.items:
        yield from _of_series(site, shot, item)
    if site.sweeps and site.sweeps.any():
        yield from _of_sweeps(site, site.sweeps, shot)


def _of_series(site: Site, shot: Snapshot, item: Item) -> Iterator[Exported]:
    if not NAME.fullmatch(item.id):
        return
    yield from _both(site, shot, _TOP.series(item.id), f"/series/{item.id}")
    names = (item.card.message_id, *(name for _, name in item.history))
    for review in (one for name in names for one in shot.reviews_of.get(name, ())):
        run = site.reviews.run(review.run) if NAME.fullmatch(review.run) else None
        if run is None:
            continue
        place = f"/review/{review.run}"
        yield from _both(site, shot, _TOP.review(review.run), place)
        for patch in run.series.patches if run.series else ():
            for number in range(1, page_count(patch) + 1):
                yield _made(
                    site,
                    shot,
                    _TOP.patch(review.run, patch.number, number),
                    f"{place}/patch/{patch.number}",
                    {"page": str(number)},
                )
            name = _TOP.data(_TOP.patch(review.run, patch.number))
            yield _made(site, shot, name, f"{place}/patch/{patch.number}", json=True)


def _of_sweeps(site: Site, sweeps: SweepPages, shot: Snapshot) -> Iterator[Exported]:
    """The newest nights of every branch, and consoles of what was bad in them."""
    yield _made(site, shot, _TOP.sweep_feed(), "/sweeps.atom")
    yield from _both(site, shot, _TOP.sweeps(), "/sweeps")
    for slug, nights in sweeps.exported():
        place = f"/sweeps/{slug}"
        yield from _both(site, shot, _TOP.branch(slug), place)
        for night in nights:
            yield from _both(site, shot, _TOP.night(slug, night.id), f"{place}/{night.id}")
            for number, one in enumerate(night.seen):
                if one.log and one.status.bad:
                    name = _TOP.log(slug, night.id, number)
                    yield from _both(site, shot, name, f"{place}/{night.id}/log/{number}")


def _both(site: Site, shot: Snapshot, name: str, path: str) -> Iterator[Exported]:
    yield _made(site, shot, name, path)
    yield _made(site, shot, _TOP.data(name), path, json=True)


def _made(
    site: Site,
    shot: Snapshot,
    name: str,
    path: str,
    values: dict[str, str] | None = None,
    *,
    json: bool = False,
) -> Exported:
    links = Links(up="../" * name.count("/"), static=True)
    return Exported(name=name, page=site.page(shot, links, path, values or {}, json=json))
