# SPDX-License-Identifier: GPL-2.0-only
"""Rules' pages: how often they spoke, when, and how often somebody said that they were wrong."""

import contextlib
import json
from dataclasses import replace

import pytest
from sample_runs import findings
from shelves import Served, named, shelf_in

from reviewbot.model.command import Objection, SubjectKind
from reviewbot.model.mail import Mail
from reviewbot.model.outbox import Entry, EntryState
from reviewbot.tools import templates
from reviewbot.tools.outbox import Outbox
from reviewbot.tools.statistics import Statistics
from reviewbot.tools.web_server import serving
from reviewbot.web.application import Application, names_of
from reviewbot.web.rules import MONTHS, months, spoken
from reviewbot.web.site import Site


def reported(url: str, series: str, code: str) -> None:
    """A mail about a series that was sent and had a finding of the rule."""
    words = {"subject": "Re: x", "date": "", "in_reply_to": "", "body": "x\n"}
    name = f"report-of-{series}@x"
    made = Mail(sender=None, to=(), cc=(), references=(), message_id=name, **words)
    with contextlib.closing(Outbox(url)) as box:
        box.add(Entry(mail=made, inbox="kvm@vger.kernel.org", state=EntryState.SENT))
    with contextlib.closing(Statistics(url)) as statistics:
        statistics.reported(name, series, [(SubjectKind.RULE, code, "1")])


@pytest.fixture(scope="module")
def objected(tmp_path_factory):
    shelf = shelf_in(tmp_path_factory.mktemp("objected"))
    for number, started in enumerate(("2025-11-03", "2026-01-07", "2026-01-20")):
        run = named(findings(), f"month-{number}", number)
        shelf.store.save(replace(run, started=f"{started}T12:00:00+00:00"))
    url = shelf.library.database_url
    for number in range(5):
        reported(url, f"s{number}", "KVM-ABI-011")
    with contextlib.closing(Statistics(url)) as statistics:
        for number in range(2):
            statistics.object(
                Objection(
                    message_id=f"o{number}@x", line=1, kind=SubjectKind.RULE, name="KVM-ABI-011",
                    series=f"s{number}", who="<b>sean@big.example", by_author=number == 1,
                    reason="no", made=1.0,
                )
            )  # fmt: skip
    shot = shelf.shot()
    site = Site(templates.load_web(), shelf.library)
    listen = "127.0.0.1:0"
    with serving(listen, Application(site, lambda: shot, names_of(listen, ()))) as place:
        yield Served(place, shelf)


def test_a_rule_that_was_called_wrong_says_so(objected):
    _, body = objected.get("/rules/KVM-ABI-011")
    text = " ".join(body.decode().split())
    assert (
        "Reported by mail about 5 series; called wrong about 2 of them, about 1 by the author alone."
        in text
    )
    assert "Somebody should look at this rule." in text
    _, body = objected.get("/rules")
    assert "! 2 of 5" in body.decode()
    _, body = objected.get("/rules/KVM-ABI-011.json")
    told = {"series": 5, "called_wrong": 2, "by_author": 1, "doubtful": True}
    assert json.loads(body)["mailed"] == told
    _, body = objected.get("/rules/KVM-ABI-005")
    assert b"by mail" not in body


def test_findings_by_month_are_a_plot_and_a_table(objected):
    _, body = objected.get("/rules/KVM-ABI-011")
    text = body.decode()
    plot = text.partition('<svg class="months"')[2].partition("</svg>")[0]
    assert [plot.count("<rect"), plot.count("2026-01: 2 warnings")] == [2, 1]
    table = text.partition("<summary>By month</summary>")[2].partition("</table>")[0]
    names = [row.partition("</td>")[0] for row in table.split("<tr><td>")[1:]]
    assert names == ["2026-01", "2025-12", "2025-11"], "a month without any is there too"


def test_the_plot_ends_with_the_newest_and_is_a_year_long(objected):
    (one,) = [x for x in spoken(objected.shelf.shot()).values() if x.code == "KVM-ABI-011"]
    assert [month.total for month in months(one)] == [1, 0, 2]
    one.said[-1] = replace(one.said[-1], review=replace(one.said[-1].review, made=0.0))
    shown = months(one)
    assert len(shown) == MONTHS
    assert shown[-1].name == "2026-01"
    one.said[1:] = []
    assert months(one) == ()


def test_reviews_are_shown_while_the_database_is_away(tmp_path):
    shelf = shelf_in(tmp_path)
    shelf.store.save(named(findings(), "first", 1))
    shelf.library.database_url = "postgresql+psycopg://nobody@127.0.0.1:1/away"
    shot = shelf.shot()
    assert len(shot.items) == 1
    assert shot.tried == {}
