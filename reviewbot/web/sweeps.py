# SPDX-License-Identifier: GPL-2.0-only
"""Pages of nightly sweeps: branches, a branch's nights, one night, a console.  They are read when asked for."""

from collections.abc import Callable, Iterator
from typing import Protocol

from reviewbot.model.errors import ReviewbotError
from reviewbot.model.sweep import Night
from reviewbot.stages.nightly_words import THERE_OR_NOT, taken_up
from reviewbot.stages.report_html import archive_link
from reviewbot.tools.nights import Nights
from reviewbot.web import records
from reviewbot.web import sweep_records as as_json
from reviewbot.web.page import ATOM, HTML, JSON, Asked, Page
from reviewbot.web.sweep_blame import answers, matters
from reviewbot.web.sweep_grid import SYMBOLS, WORDS, by_kind, grid, mood, state
from reviewbot.web.sweep_names import slugs
from reviewbot.web.sweep_standing import (
    COLUMNS,
    FEED,
    PAGES,
    RAN,
    TABLE,
    exported,
    kept,
    moves,
    news,
    standings,
)
from reviewbot.web.sweep_trends import charts


class Sweeps(Protocol):
    """What the pages are made of."""

    def nights(self) -> Nights | None:
        """The store; None when nothing was ever swept.  Raises UserError when it cannot be used."""

    def log(self, digest: str) -> str | None:
        """A console, None when it is not kept any more."""


class SweepPages:
    """``render`` makes a page of a template (web.site.Site)."""

    def __init__(self, sweeps: Sweeps, render: Callable[..., bytes]) -> None:
        self.sweeps = sweeps
        self._render = render

    def any(self) -> bool:
        """Whether there is anything to show."""
        try:
            return self.sweeps.nights() is not None
        except ReviewbotError:
            return True  # the page says what is wrong

    def page(self, asked: Asked) -> Page | None:
        """/sweeps, /sweeps/SLUG, /sweeps/SLUG/NIGHT and /sweeps/SLUG/NIGHT/log/PLACE."""
        return self._guarded(asked, self._found)

    def feed(self, asked: Asked) -> Page | None:
        """/sweeps.atom: nights that changed something, of all branches, the newest first."""
        return self._guarded(asked, self._feed)

    def exported(self) -> Iterator[tuple[str, tuple[Night, ...]]]:
        """(slug, whole nights) of every branch that an export has pages of."""
        store = self.sweeps.nights()
        if store is None:
            return
        for slug, branch in slugs(store.branches()).items():
            nights = (store.night(name) for name in sorted(exported(store, branch)))
            yield slug, tuple(one for one in nights if one is not None)

    def _guarded(self, asked: Asked, make: Callable[[Nights, Asked], Page | None]) -> Page | None:
        """A store that cannot be read does not take the other pages away."""
        try:
            store = self.sweeps.nights()
            return make(store, asked) if store else None
        except ReviewbotError as error:
            said = f"The nights cannot be read: {error}"
            if asked.json:
                return Page(kind=JSON, body=records.encoded({"error": said}), status=503)
            body = self._render(
                "trouble.html.j2", asked.shot, asked.links, said=said, status_code=503
            )
            return Page(kind=HTML, body=body, status=503)

    def _found(self, store: Nights, asked: Asked) -> Page | None:
        if len(asked.path) == 1:
            return self._index(store, asked)
        branch = slugs(store.branches()).get(asked.path[1])
        if branch is None:
            return None
        if len(asked.path) == 2:
            return self._branch(store, asked, branch)
        night = store.night(asked.path[2])
        if night is None or night.branch != branch:
            return None
        if len(asked.path) == 3:
            return self._night(store, asked, night)
        if len(asked.path) == 5 and asked.path[3] == "log":
            return self._log(asked, night)
        return None

    def _index(self, store: Nights, asked: Asked) -> Page:
        found = standings(store)
        changed = max((one.last.ended for one in found), default=0.0)
        if asked.json:
            return _json(as_json.branches(found, asked.links), changed)
        return self._html("sweeps.html.j2", asked, asked.links.sweeps(), changed, found=found)

    def _branch(self, store: Nights, asked: Asked, branch: str) -> Page | None:
        number = _number(asked.values.get("page", ""))
        heads = store.heads(branch, COLUMNS * PAGES, ending=RAN)
        start = (number - 1) * COLUMNS
        if start >= len(heads) > 0 or number > PAGES:
            return None
        before = heads[start - 1].id if start else ""
        held = store.nights(branch, COLUMNS, before=before, ending=RAN)
        nights = tuple(one for one in held if not taken_up(one))
        every = moves(store, heads, COLUMNS * PAGES)
        table = grid(nights, every)
        regressions = store.regressions(branch)
        changed = max((one.ended for one in heads), default=0.0)
        slug = asked.path[1]
        if asked.json:
            return _json(
                as_json.branch(slug, table, every, regressions, asked.links) | {"branch": branch},
                changed,
            )
        latest = store.heads(branch, 1)
        moved = [(one, every.get(one.id, ())) for one in nights]
        totals = store.totals(branch) if number == 1 else ()
        searches = {
            (night, one.kind, one.name): one for night, one in store.bisections(branch, 200)
        }
        return self._html(
            "sweep_branch.html.j2",
            asked,
            asked.links.branch(slug),
            changed,
            branch=branch,
            slug=slug,
            kept=kept(store, branch, asked.links),
            grid=table,
            latest=latest[0] if latest else None,
            regressions=regressions,
            failing=sum(one.cells[0].bad and one.cells[0].state != "flaky" for one in table.moving),
            matters=matters(regressions, searches),
            moved=[(night, told) for night, some in moved if (told := news(some))],
            moods={one.id: mood(one, every.get(one.id, ())) for one in nights},
            charts=charts(totals, every) if totals else (),
            charted=totals[:TABLE],
            span=tuple(end((one.started for one in totals), default=0.0) for end in (min, max)),
            number=number,
            pages=max(1, min(PAGES, -(-len(heads) // COLUMNS))),
        )

    def _night(self, store: Nights, asked: Asked, night: Night) -> Page:
        held = store.holding(night)
        movements = store.movements([night.id]).get(night.id, ())
        before = store.heads(night.branch, COLUMNS, before=night.id, ending=RAN)
        own = moves(store, (night, *before), COLUMNS)[night.id]
        moved = store.range_of(night.id)
        bisections = store.bisections_of(night.id)
        judged = {(one.kind, one.name): one.move for one in own}
        slug, links, results = asked.path[1], asked.links, by_kind(held.seen)
        if asked.json:
            return _json(as_json.night(night, movements, bisections, moved), night.ended)
        return self._html(
            "sweep_night.html.j2",
            asked,
            links.night(slug, night.id),
            night.ended,
            slug=slug,
            kept=kept(store, night.branch, asked.links),
            night=night,
            held=held,
            earlier=next((one for one in before if not taken_up(one)), None),
            range=moved,
            movements=own,
            elsewhere=[one for one in movements if one not in own],
            matters=answers(bisections),
            bad=[one for one in results if one[1].status.bad],
            fine=[one for one in results if not one[1].status.bad],
            places={(one.kind, one.name): place for place, one in enumerate(held.seen)},
            state=lambda one: state(one, judged.get((one.kind, one.name))),
            there_or_not=THERE_OR_NOT,
        )

    def _log(self, asked: Asked, night: Night) -> Page | None:
        place = asked.path[4]
        if not place.isdecimal() or int(place) >= len(night.seen):
            return None
        one = night.seen[int(place)]
        if not one.log:
            return None
        text = self.sweeps.log(one.log)
        if asked.json:
            return _json({"schema": records.SCHEMA, "result": one, "log": text}, night.ended)
        own = asked.links.log(asked.path[1], night.id, int(place))
        return self._html(
            "sweep_log.html.j2", asked, own, night.ended,
            slug=asked.path[1], night=night, one=one, text=text, state=state,
        )  # fmt: skip

    def _feed(self, store: Nights, asked: Asked) -> Page | None:
        if len(asked.path) > 1 or asked.json:
            return None
        slug_of = {branch: slug for slug, branch in slugs(store.branches()).items()}
        linked = {branch: kept(store, branch, asked.links) for branch in slug_of}
        heads = store.heads("", 40 * len(slug_of), ending=RAN)
        every = {
            name: moved
            for branch in slug_of
            for name, moved in moves(
                store, [one for one in heads if one.branch == branch], 0
            ).items()
        }
        entries = [
            (one, slug_of[one.branch], told)
            for one in heads
            if (told := news(every.get(one.id, ())))
            and ((some := linked[one.branch]) is None or one.id in some)
        ][:FEED]
        updated = max((one.ended for one, _, _ in entries), default=0.0)
        body = self._render(
            "sweeps.atom.j2", asked.shot, asked.links, entries=entries, updated=updated
        )
        return Page(kind=ATOM, body=body, modified=updated)

    def _html(self, name: str, asked: Asked, own: str, modified: float, **values: object) -> Page:
        body = self._render(
            name,
            asked.shot,
            asked.links,
            json_link=asked.links.data(own),
            symbols=SYMBOLS,
            words=WORDS,
            archive_link=archive_link,
            **values,
        )
        return Page(kind=HTML, body=body, modified=modified)


def _number(said: str) -> int:
    return max(1, int(said)) if said.isascii() and said.isdigit() and len(said) < 6 else 1


def _json(value: object, modified: float) -> Page:
    return Page(kind=JSON, body=records.encoded(value), modified=modified)
