# SPDX-License-Identifier: GPL-2.0-only
"""An address -> the page, as HTML, JSON or Atom.  Pure: it reads nothing but a snapshot and whole reviews."""

import re
from collections.abc import Callable, Mapping

from reviewbot.model.errors import UserError
from reviewbot.model.triage import Reviewed
from reviewbot.parse.wanted import SORTS
from reviewbot.stages.known import known
from reviewbot.stages.nightly_measures import number
from reviewbot.stages.report import marked_up
from reviewbot.stages.report_html import archive_link
from reviewbot.stages.tally import tally
from reviewbot.web import query as queries
from reviewbot.web import records
from reviewbot.web.bodies import Bodies
from reviewbot.web.links import NAME, Links
from reviewbot.web.page import ATOM, CSS, HTML, JSON, Asked, Page
from reviewbot.web.patch import split
from reviewbot.web.rules import Spoken, groups, months, section, spoken
from reviewbot.web.shown import WORDS, brief, revisions_of, tags
from reviewbot.web.snapshot import Reviews, Snapshot
from reviewbot.web.sweeps import SweepPages, Sweeps

_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
FEED = 50
"""Reviews in the feed."""


class Site:
    """``sources`` are the templates by name (tools.templates.load_web); without ``sweeps`` there are no such pages."""

    def __init__(
        self, sources: Mapping[str, str], reviews: Reviews, sweeps: Sweeps | None = None
    ) -> None:
        self.reviews = reviews
        self.sweeps = SweepPages(sweeps, self._render) if sweeps else None
        sheets = ("report.css", "web.css", "sweeps.css")
        self.style = "".join(sources[name] for name in sheets).encode()
        self._templates = marked_up(tuple(sources.items()))
        self._templates.filters |= {"brief": brief, "figure": number}
        self._bodies = Bodies(reviews, self._templates)
        self._pages: dict[str, Callable[[Asked], Page | None]] = {
            "": self._list,
            "index": self._list,
            "series": self._series,
            "review": self._review,
            "rules": self._rules,
            "feed.atom": self._feed,
            "style.css": self._style,
        }
        if self.sweeps:
            self._pages |= {"sweeps": self.sweeps.page, "sweeps.atom": self.sweeps.feed}
        self._summed: tuple[tuple[Snapshot, dict[str, Spoken], queries.Choices], ...] = ()

    def prepare(self, shot: Snapshot) -> None:
        """Do beforehand what the first who asks would wait for."""
        for name in self._templates.list_templates(extensions=["j2"]):
            self._templates.get_template(name)
        self._sums(shot)
        self._bodies.prepare(shot)

    def page(
        self, shot: Snapshot, links: Links, path: str, values: Mapping[str, str], *, json: bool
    ) -> Page:
        """The page at ``path``, which begins with "/"; ``json`` when the client would rather have that."""
        plain = path.removesuffix(".json")
        parts = tuple(plain.split("/")[1:])
        named = plain != path
        # What has one form only is sent in it whatever else the client would like.
        wants = named or (json and not parts[0].endswith((".atom", ".css")))
        asked = Asked(shot=shot, links=links, path=parts, values=values, json=wants)
        make = self._pages.get(parts[0]) if parts else None
        known = make and all(NAME.fullmatch(part) for part in parts[1:])
        return (make(asked) if make and known else None) or self.trouble(
            shot, links, 404, "There is no such page.", json=asked.json
        )

    def codes(self, shot: Snapshot) -> tuple[str, ...]:
        """Rules that have a page."""
        return tuple(code for code in self._sums(shot)[0] if NAME.fullmatch(code))

    def trouble(self, shot: Snapshot, links: Links, status: int, said: str, *, json: bool) -> Page:
        """A page that says what is wrong."""
        if json:
            return Page(kind=JSON, body=records.encoded({"error": said}), status=status)
        body = self._render("trouble.html.j2", shot, links, said=said, status_code=status)
        return Page(kind=HTML, body=body, status=status)

    def _list(self, asked: Asked) -> Page | None:
        if len(asked.path) > 1:
            return None
        shot, links = asked.shot, asked.links
        query, status, said = queries.parse(asked.values), 200, ""
        if links.static:
            query = queries.Query(page=query.page, state=queries.ALL)
        try:
            found = queries.select(shot.items, query)
        except UserError as error:
            found, status, said = queries.Found(items=(), total=0, pages=1), 400, str(error)
        if asked.json:
            if said:
                return self.trouble(shot, links, status, said, json=True)
            return _json(records.listing(found, query, links), shot.made)
        return self._html(
            "list.html.j2",
            asked,
            shot.made,
            status=status,
            json_link=links.data(
                links.home(page=query.page), "" if links.static else query.encoded()
            ),
            query=query,
            found=found,
            said=said,
            choices=self._sums(shot)[1],
            sorts=SORTS,
        )

    def _series(self, asked: Asked) -> Page | None:
        if len(asked.path) != 2 or (item := asked.shot.by_id.get(asked.path[1])) is None:
            return None
        shot, links = asked.shot, asked.links
        revisions = revisions_of(shot, item)
        if asked.json:
            return _json(records.series(item, revisions, links), shot.made)
        reviews = next((some for _, _, some in revisions if some), ())
        newest = known(reviews) if reviews else None
        told = self._bodies.of(newest, links) if newest else None
        return self._html(
            "series.html.j2",
            asked,
            shot.made,
            json_link=links.data(links.series(item.id)),
            item=item,
            revisions=revisions,
            archive=archive_link(item.card.message_id),
            clashes=[
                (one, shot.item_of[one.message_id])
                for one in item.clashes
                if one.message_id in shot.item_of
            ][:20],
            tags=tags(item),
            unreviewed=newest is not None and newest.series != item.card.message_id,
            page_run=newest.run if newest else "",
            earlier=newest.earlier if newest else (),
            body=told,
        )

    def _review(self, asked: Asked) -> Page | None:
        if len(asked.path) not in (2, 4):
            return None
        seen = asked.shot.reviews.get(asked.path[1])
        if seen is None:
            return None
        if len(asked.path) == 4:
            return self._patch(asked, seen) if asked.path[2] == "patch" else None
        shot, links = asked.shot, asked.links
        if asked.json:
            run = self.reviews.run(seen.run)
            return _json(run, seen.made) if run else None
        told = self._bodies.of(seen, links)
        if told is None:
            return None
        item = shot.item_of.get(seen.series)
        return self._html(
            "review.html.j2",
            asked,
            seen.made,
            json_link=links.data(links.review(seen.run)),
            item=item,
            revisions=revisions_of(shot, item) if item else (),
            page_run=seen.run,
            body=told,
        )

    def _patch(self, asked: Asked, seen: Reviewed) -> Page | None:
        number = asked.path[3]
        run = self.reviews.patch(seen.run, int(number)) if _NUMBER.fullmatch(number) else None
        patches = {str(one.number): one for one in run.series.patches} if run and run.series else {}
        patch = patches.get(number)
        if run is None or patch is None:
            return None
        if asked.json:
            return _json(patch, seen.made)
        links = asked.links
        query = queries.parse(asked.values)
        if query.wrong:
            return self.trouble(asked.shot, links, 400, query.wrong, json=False)
        page = query.page
        shown = split(run, tally(run), patch, page)
        if not shown.parts and page > 1:
            return None
        numbers = sorted(one.number for one in patches.values())
        place = numbers.index(patch.number)
        return self._html(
            "patch.html.j2",
            asked,
            seen.made,
            json_link=links.data(links.patch(seen.run, patch.number)),
            run=run,
            known=seen,
            patch=patch,
            shown=shown,
            total=run.series.total if run.series else 0,
            item=asked.shot.item_of.get(seen.series),
            archive=archive_link(patch.message_id),
            before=numbers[place - 1] if place else None,
            after=numbers[place + 1] if place + 1 < len(numbers) else None,
        )

    def _rules(self, asked: Asked) -> Page | None:
        shot, links = asked.shot, asked.links
        every = self._sums(shot)[0]
        if len(asked.path) == 1:
            if asked.json:
                return _json(records.rules(every.values(), links), shot.made)
            body = self._render(
                "rules.html.j2",
                shot,
                links,
                json_link=links.data(links.rules()),
                groups=groups(every.values()),
                most=max((len(one.said) for one in every.values()), default=0),
            )
            return Page(kind=HTML, body=body, modified=shot.made)
        one = every.get(asked.path[1]) if len(asked.path) == 2 else None
        if one is None:
            return None
        if asked.json:
            return _json(records.rule(one, links), shot.made)
        docs = one.rule.docs if one.rule else {}
        return self._html(
            "rule.html.j2",
            asked,
            shot.made,
            json_link=links.data(links.rule(one.code)),
            spoken=one,
            rule=one.rule,
            sections=[(name, section(text)) for name, text in docs.items()],
            months=months(one),
        )

    def _feed(self, asked: Asked) -> Page | None:
        if len(asked.path) > 1 or asked.json:
            return None
        shot = asked.shot
        query = queries.parse(asked.values)
        try:
            wanted = {one.id for one in queries.every(shot.items, query)}
        except UserError as error:
            return self.trouble(shot, asked.links, 400, str(error), json=False)
        entries = [
            (one, item)
            for one in shot.reviews.values()
            if (item := shot.item_of.get(one.series)) and (not query.narrow or item.id in wanted)
        ][:FEED]
        updated = entries[0][0].made if entries else shot.made
        body = self._render(
            "feed.atom.j2",
            shot,
            asked.links,
            entries=entries,
            updated=updated,
            asked_for=query.encoded(page=1, sort=""),
        )
        return Page(kind=ATOM, body=body, modified=updated)

    def _style(self, asked: Asked) -> Page | None:
        if len(asked.path) > 1 or asked.json:
            return None
        return Page(kind=CSS, body=self.style)

    def _sums(self, shot: Snapshot) -> tuple[dict[str, Spoken], queries.Choices]:
        """What goes through all series and reviews: once a snapshot."""
        for summed in self._summed:
            if summed[0] is shot:
                return summed[1:]
        made = (shot, spoken(shot), queries.choices(shot.items))
        self._summed = (made, *self._summed[:1])
        return made[1:]

    def _html(
        self, name: str, asked: Asked, modified: float, *, status: int = 200, **values: object
    ) -> Page:
        body = self._render(name, asked.shot, asked.links, **values)
        return Page(kind=HTML, body=body, modified=modified, status=status)

    def _render(self, name: str, shot: Snapshot, links: Links, **values: object) -> bytes:
        template = self._templates.get_template(name)
        swept = self.sweeps is not None and self.sweeps.any()
        common = {**WORDS, "links": links, "shot": shot, "swept": swept}
        return template.render(**(common | values)).encode("utf-8", "replace")


def _json(value: object, modified: float) -> Page:
    return Page(kind=JSON, body=records.encoded(value), modified=modified)
