# SPDX-License-Identifier: GPL-2.0-only
"""What the pages say, over real HTTP."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from clicking import Links, crawl
from sample_runs import CASES
from shelves import RULES, SCRIPT, Served

from reviewbot.model.codec import from_json
from reviewbot.model.run import Run

ATOM = "{http://www.w3.org/2005/Atom}"


OTHERS = ("/?", "/feed.atom?", "/index.json?")


def pages(served: Served) -> dict[str, str]:
    """Every page, but for other orders and parts of the list."""
    return crawl(
        served,
        "/",
        "/?state=all",
        follow=lambda link: link.startswith("/") and not link.startswith(OTHERS),
    )


def test_every_link_leads_somewhere_and_nothing_of_a_mail_becomes_markup(served):
    every = pages(served)
    assert len(every) > 150
    plain = {"a", "b", "body", "br", "button", "code", "dd", "details", "div", "dl", "dt", "footer", "form",
             "h1", "h2", "h3", "head", "header", "html", "i", "input", "label", "li", "link", "main", "mark", "meta",
             "nav", "ol", "option", "p", "pre", "rect", "section", "select", "span", "summary", "strong", "svg", "table",
             "tbody", "td", "th", "thead", "time", "title", "tr", "ul"}  # fmt: skip
    for path, text in every.items():
        bad = {c for c in text if not c.isprintable() and c not in "\t\n"}
        assert not bad, f"{path}: control characters {bad!r}"
        if text.startswith("<!DOCTYPE"):
            found = Links(text)
            assert not found.odd, f"{path}: {found.odd}"
            assert found.tags <= plain, f"{path}: {found.tags - plain}"
            outside = [
                x for x in found.found if not x.startswith(("/", "#", "https://lore.kernel.org/r/"))
            ]
            assert set(outside) <= {"data:,"}, f"{path}: {outside}"
    assert any("&lt;script&gt;" in text and SCRIPT not in text for text in every.values())


def test_a_series_page_shows_verdict_findings_and_history(served):
    _, body = served.get(f"/series/{served.shelf.series('revised')}")
    text = body.decode()
    assert "KVM-ABI-011" in text
    assert re.search(r">v3</a></td>.*>v2</a></td>", text, re.DOTALL)
    assert "+#define KVM_STATE_SVM_VALID_GPAT" in text
    assert text.count("1 fixed, 1 new") == 1, "v3 against v2; v2 has nothing before it"
    assert 'aria-label="' in text
    assert '<rect class="warning"' in text


def test_a_patch_is_side_by_side_with_its_findings_below_their_lines(served):
    _, body = served.get("/review/20260101-000900-0384/patch/6")
    text = body.decode()
    line = text.index("#define KVM_STATE_SVM_VALID_GPAT")
    remark = text.index('<div class="remark warning">', line)
    after = text.index("vendor-independent attributes", remark)
    assert line < remark < after
    assert text.count("vendor-independent attributes") == 2  # left and right


def test_the_console_marks_the_lines_of_the_fingerprint(served):
    run = CASES["crash"]()
    _, body = served.get(f"/series/{served.shelf.series('crash')}")
    text = body.decode()
    assert run.new_crashes[0].fingerprint in text
    marks = re.findall(r"<mark>(.*?)</mark>", text)
    assert marks
    assert len(marks) <= 1 + len(run.new_crashes[0].frames)


def test_json_is_at_the_same_addresses(served):
    answer, body = served.get("/review/20260101-000900-0384", Accept="application/json")
    assert answer.headers["Content-Type"] == "application/json"
    run = from_json(body, Run)
    assert run.id == "20260101-000900-0384"
    assert body == served.get("/review/20260101-000900-0384.json")[1]
    listed = json.loads(served.get("/index.json?state=all")[1])
    assert listed["total"] == len(listed["series"]) == len(served.shelf.shot().items)
    rules = json.loads(served.get("/rules.json")[1])["rules"]
    assert {one.code for one in RULES} <= {one["code"] for one in rules}
    everything = served.get("/index.json?state=all")[1]
    assert everything.isascii()


def test_the_manual_names_every_field_of_the_list(served):
    manual = (Path(__file__).resolve().parents[2] / "docs/web.md").read_text()
    listed = json.loads(served.get("/index.json?state=all")[1])
    reviews = [one["review"] for one in listed["series"] if one["review"]]
    for name in {*listed, *listed["series"][0], *reviews[0]} - {"schema"}:
        assert f"`{name}`" in manual, f"docs/web.md does not name {name}"


def test_filters_are_triages_words(served):
    def ids(query: str) -> set[str]:
        answer, body = served.get(f"/index.json?{query}")
        assert answer.status == 200, body
        return {one["id"] for one in json.loads(body)["series"]}

    every = ids("state=all")
    bad = ids("state=all&severity=error")
    assert bad
    assert bad < every
    assert ids("state=all&q=-severity:error") == every - bad
    assert ids("state=all&q=rule:KVM-ABI-011") <= every
    assert ids("state=all&q=no-such-word-anywhere") == set()
    answer, body = served.get("/?q=nokey:1")
    assert answer.status == 400
    assert b"no such key" in body
    order = [
        one["review"]
        for one in json.loads(served.get("/index.json?state=all&sort=findings")[1])["series"]
    ]
    grave = [sum(f["severity"] == "error" for f in one["findings"]) for one in order if one]
    assert grave == sorted(grave, reverse=True)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("state=bogus", b"state="),
        ("state=all&sort=foo", b"rank, age"),
        ("severity=fatal", b"error, warning, note"),
        ("area=x86,arm64", b"one area"),
        ("page=0", b"a number from 1 on"),
        ("page=x", b"a number from 1 on"),
        ("state=all&page=99", b"there is one page"),
        ("q=age:young", b"expected a number"),
    ],
)
def test_what_cannot_be_meant_is_said_and_not_guessed(served, query, said):
    answer, body = served.get(f"/?{query}")
    assert answer.status == 400
    assert said in body
    answer, body = served.get(f"/index.json?{query}")
    assert answer.status == 400
    assert said.decode() in json.loads(body)["error"]


def test_a_filtered_feed_is_one_of_its_own(served):
    def feed(path: str, **headers: str) -> ET.Element:
        answer, body = served.get(path, **headers)
        assert answer.headers["Content-Type"].startswith("application/atom+xml")
        return ET.fromstring(body)  # noqa: S314 - our own

    every, some = feed("/feed.atom"), feed("/feed.atom?severity=error&q=rule:KVM-MSR")
    assert every.findtext(f"{ATOM}id") != some.findtext(f"{ATOM}id")
    (own,) = [one.get("href") for one in some.findall(f"{ATOM}link") if one.get("rel") == "self"]
    assert ET.tostring(feed(own)) == ET.tostring(some)
    assert 0 < len(some.findall(f"{ATOM}entry")) < len(every.findall(f"{ATOM}entry"))
    feed("/feed.atom", Accept="application/json, application/atom+xml;q=0.9")
    assert served.get("/feed.atom?severity=fatal")[0].status == 400
    assert served.get("/feed.atom.json")[0].status == 404
    assert served.get("/style.css.json")[0].status == 404
    assert served.get("/review/20260101-000900-0384/patch/6?page=x")[0].status == 400


def test_the_feed_is_atom_and_its_links_lead_to_reviews(served):
    answer, body = served.get("/feed.atom")
    assert answer.headers["Content-Type"].startswith("application/atom+xml")
    feed = ET.fromstring(body)  # noqa: S314 - our own
    entries = feed.findall(f"{ATOM}entry")
    assert len({one.findtext(f"{ATOM}id") for one in entries}) == len(entries) > 10
    for name in ("title", "id", "updated", "author"):  # RFC 4287, 4.1.1 and 4.1.2
        assert all(len(one.findall(f"{ATOM}{name}")) == 1 for one in (feed, *entries)), name
    moments = [one.findtext(f"{ATOM}updated") for one in (feed, *entries)]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one) for one in moments)
    assert moments[1:] == sorted(moments[1:], reverse=True)
    for one in entries[:5]:
        assert served.get(one.find(f"{ATOM}link").get("href"))[0].status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/series",
        "/series/..%2f..%2fetc%2fpasswd",
        "/series/../../etc/passwd",
        "/review/20260101-000900-0384/patch/99",
        "/review/20260101-000900-0384/patch/6?page=99",
        "/review/20260101-000900-0384/run.json/x",
        "/review/last",
        "/rules/KVM-NO-001",
        "/rules/%00",
        "/templates/report.css",
        "//etc/passwd",
    ],
)
def test_what_is_not_there_is_404(served, path):
    answer, body = served.get(path)
    assert answer.status == 404
    assert b"root:" not in body
