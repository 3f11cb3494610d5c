# SPDX-License-Identifier: GPL-2.0-only
"""The long part of a review's pages, made once: a review that has ended does not change."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace

from jinja2 import Environment
from markupsafe import Markup

from reviewbot.model.run import Run
from reviewbot.model.triage import Reviewed
from reviewbot.stages.known import known
from reviewbot.web.links import Links
from reviewbot.web.review import everything, review
from reviewbot.web.snapshot import Reviews, Snapshot

_MOST = 32 << 20
"""Characters of HTML that are kept; a review of 100 patches has 300,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """``html`` is all below the heading, ``run`` only what a heading and a foot say; the others are as in the report."""

    run: Run
    html: Markup
    mood: object
    verdict: object
    kind: object
    title: object
    link: object


class Bodies:
    """Those that were asked for last, for any number of threads; ``templates`` have run_body.html.j2."""

    def __init__(self, reviews: Reviews, templates: Environment, most: int = _MOST) -> None:
        self._reviews = reviews
        self._templates = templates
        self._most = most
        self._size = 0
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, Body] = OrderedDict()

    def prepare(self, shot: Snapshot) -> None:
        """Make those beforehand that take long; as long as they are kept that is nothing."""
        for name in self._reviews.large():
            if one := shot.reviews.get(name):
                self.of(one, Links())
                self.of(known(shot.reviews_of[one.series]), Links())

    def of(self, seen: Reviewed, links: Links) -> Body | None:
        """What is shown of a review, with what earlier ones add; None when it cannot be read."""
        runs = (seen.run, *(one.run for one in seen.earlier))
        parts = tuple(one.part for one in seen.earlier)
        key = (runs, tuple(map(self._reviews.stamp_of, runs)), parts, links)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        run = everything(self._reviews, seen)
        if run is None:
            return None
        made = self._made(run, seen, links)  # two threads may make the same: it is the same
        self._keep(key, made)
        return made

    def _made(self, run: Run, seen: Reviewed, links: Links) -> Body:
        told = review(run, seen.earlier)
        template = self._templates.get_template("run_body.html.j2")
        html = template.render(links=links, page_run=seen.run, **told)
        heading = {name: told[name] for name in ("mood", "verdict", "kind", "title", "link")}
        return Body(run=_beginning(run), html=Markup(html), **heading)  # noqa: S704 - a template of ours made it

    def _keep(self, key: Hashable, made: Body) -> None:
        with self._lock:
            if key not in self._known:
                self._known[key] = made
                self._size += len(made.html)
            while self._size > self._most and len(self._known) > 1:
                _, gone = self._known.popitem(last=False)
                self._size -= len(gone.html)


def _beginning(run: Run) -> Run:
    """Who sent what, and when it was looked at; nothing that is long."""
    series = run.series
    first = tuple(replace(one, files=(), diff="") for one in series.patches[:1]) if series else ()
    return Run(
        id=run.id,
        version=run.version,
        started=run.started,
        request=run.request,
        series=replace(series, patches=first) if series else None,
        times=run.times,
    )
