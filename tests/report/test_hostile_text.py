# SPDX-License-Identifier: GPL-2.0-only
"""Nothing from a mail or a guest may reach a terminal or a page as anything but text."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import sample_runs
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from sample_runs import BIT, CRASH, WORSE, patch, whole

from reviewbot.model.codec import from_json
from reviewbot.model.config import Config
from reviewbot.model.run import Run
from reviewbot.model.series import Declined, DeclineReason, Hunk
from reviewbot.stages import judge, report
from reviewbot.stages.printable import one_line, printable

SETTINGS = report.settings(Config())
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
EVIL = "\x1b[2J\x9b31m\u202e\r</style></pre><script>alert(1)</script>{{ 7*7 }}\x00"


def poisoned(evil: str) -> Run:
    """The same text in every place a stranger writes to."""
    six = patch(6)
    first = six.files[0]
    bad_hunk = Hunk(
        old_start=1,
        old_count=0,
        new_start=496,
        new_count=2,
        section=evil,
        lines=(f"+{evil}", f"+{evil}"),
    )
    files = (replace(first, hunks=(bad_hunk,)), *six.files[1:])
    six = replace(six, subject=evil, full_subject=evil, files=files, date=evil)
    six = replace(six, sender=replace(six.sender, name=evil), message_id=evil)
    made = whole(
        check=sample_runs.checked(replace(BIT, title=evil, why=evil, quoted=(evil,))),
        tests=sample_runs.report_of(replace(WORSE, note=evil)),
        new_crashes=(replace(CRASH, title=evil, excerpt=(evil,), test=evil),),
        failures=((sample_runs.Stage.BOOT, evil),),
    )
    patches = tuple(six if p.number == 6 else p for p in made.series.patches)
    cover = replace(made.series.cover, full_subject=evil, message_id=evil)
    series = replace(made.series, patches=patches, cover=cover, title=evil, notes=(evil,))
    made = replace(made, series=series, request=evil)
    return replace(made, verdict=judge.run(made))


def assert_harmless(text: str) -> None:
    bad = {c for c in text if not c.isprintable() and c not in "\t\n"}
    assert not bad, f"control characters reached the output: {bad!r}"


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def parsed(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    return page


@limits(max_examples=25, deadline=None)
@given(ANY)
def test_any_text_in_any_place_stays_text(evil):
    run = poisoned(evil)
    for form in ("text", "mbox", "json"):
        assert_harmless(report.run(run, form, SETTINGS).decode())
    html = report.run(run, "html", SETTINGS).decode()
    assert_harmless(html)
    plain = {tag for tag, _ in parsed(report.run(poisoned("x"), "html", SETTINGS).decode()).tags}
    assert {tag for tag, _ in parsed(html).tags} <= plain


def test_a_script_is_shown_not_run():
    html = report.run(poisoned(EVIL), "html", SETTINGS).decode()
    page = parsed(html)
    assert "script" not in {tag for tag, _ in page.tags}
    assert not [a for _, attrs in page.tags for a in attrs if a.startswith("on") or a == "style"]
    assert "&lt;script&gt;" in html
    assert "49" not in re.findall(r"alert.{0,60}", html)[0]


def test_links_lead_only_to_the_archive_or_within_the_page():
    for run in (poisoned("javascript:alert(1)//@x"), sample_runs.findings()):
        page = parsed(report.run(run, "html", SETTINGS).decode())
        links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
        assert links
        assert all(x.startswith(("https://lore.kernel.org/r/", "#patch-")) for x in links)


def test_the_policy_of_the_page_allows_our_style_and_nothing_else():
    html = report.run(sample_runs.findings(), "html", SETTINGS).decode()
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html).group(1)
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert "<script" not in html


def test_json_reads_back_as_the_same_run():
    run = poisoned(EVIL)
    assert from_json(report.run(run, "json", SETTINGS), Run) == run
    one = report.run(run, "json", replace(SETTINGS, pretty=False))
    assert one.count(b"\n") == 1
    assert from_json(one, Run) == run


def test_a_declined_series_with_hostile_evidence_is_one_clean_line():
    declined = Declined(reason=DeclineReason.OTHER_PROJECT, evidence=EVIL)
    run = sample_runs.bare(declined=declined)
    assert "\n" not in run.verdict.line
    assert_harmless(run.verdict.line)


@given(st.text(st.characters(exclude_categories=[])))
def test_printable_is_harmless_and_idempotent(text):
    assert_harmless(printable(text))
    assert printable(printable(text)) == printable(text)
    assert "\n" not in one_line(text)


def test_what_people_write_is_left_alone():
    said = "Jörg schreibt:\n\tväl — 日本語 🙂"
    assert printable(said) == said
