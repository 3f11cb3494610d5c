# SPDX-License-Identifier: GPL-2.0-only
"""Mails in, rows out: whose turn it is, who acked what, what clashes, what stays the same."""

from contextlib import closing
from dataclasses import replace

import pytest
from desks import DAY, LIST, POSTED, cover, lone, patch, reply
from mails import mail, patch_body, series

from reviewbot.engine.triage import Triage
from reviewbot.model.errors import UserError
from reviewbot.model.finding import Severity
from reviewbot.model.triage import Answer, Found, Reviewed, Standing
from reviewbot.parse.wanted import ordered, parse_wanted
from reviewbot.stages.known import by_series
from reviewbot.stages.triage_detail import detail
from reviewbot.stages.triage_standing import item, why_rank
from reviewbot.stages.triage_table import covered, findings, table
from reviewbot.tools.desk import Desk
from reviewbot.tools.ledger import Ledger
from reviewbot.tools.places import Box

TAG = "Reviewed-by: Rita Reviewer <rita@kernel.example>\n"
ANN = "Ann Example <ann@kernel.example>"


def test_a_fresh_series_is_new(office):
    office.deliver(*series(2))
    row = office.one()
    assert (row.standing, row.acked, row.card.area, row.card.subsystem) == (
        Standing.NEW,
        0,
        "x86",
        "KVM",
    )
    assert row.days == pytest.approx(1.0, abs=0.01)
    assert row.card.added == 2
    assert len(row.id) == 5


def test_tags_count_by_patch_and_those_for_the_cover_for_all(office):
    office.deliver(*series(2), reply(patch(2), TAG))
    row = office.one()
    assert [(one.name, one.patch) for one in row.card.tags] == [("Reviewed-by", 2)]
    assert (row.acked, row.standing) == (1, Standing.NEW)
    office.deliver(reply(cover(), TAG, minute=55))
    row = office.one()
    assert (row.acked, row.standing) == (2, Standing.READY)


def test_nobody_reviews_their_own_series(office):
    office.deliver(*series(1), reply(cover(), f"Reviewed-by: {ANN}\n", sender=ANN))
    assert office.one().acked == 0


def test_a_reply_to_a_reply_belongs_to_the_patch_above(office):
    first = reply(patch(1), "Why?\n")
    name = first.split(b"Message-ID: <")[1].split(b">")[0].decode()
    answer = mail(
        "Re: x", body=TAG, message_id="deep@x.example", sender="Rita Reviewer <rita@kernel.example>", minute=58,
        headers=(f"In-Reply-To: <{name}>", f"References: <{cover()}> <{patch(1)}> <{name}>"),
    )  # fmt: skip
    office.deliver(*series(2), first, answer)
    assert [one.patch for one in office.one().card.tags] == [1]


def test_the_turn_goes_back_and_forth(office):
    office.deliver(*series(2))
    office.deliver(reply(patch(1), "This leaks a page.\n", minute=20))
    row = office.one()
    assert (row.standing, row.card.remarks) == (Standing.AUTHOR, 1)
    assert "Rita Reviewer wrote last" in row.why
    office.deliver(reply(patch(1), "It does not.\n", sender=ANN, minute=30))
    assert office.one().standing is Standing.ANSWERED
    office.deliver(reply(patch(1), "It does, see below.\n", minute=40))
    assert office.one().standing is Standing.AUTHOR


def test_a_tag_with_words_is_no_remark(office):
    office.deliver(*series(1), reply(patch(1), f"Could be shorter, but fine.\n\n{TAG}"))
    assert office.one().standing is Standing.READY


def test_an_rfc_is_never_ready(office):
    office.deliver(*series(1, tag="RFC PATCH"), reply(cover(), TAG))
    assert office.one().standing is Standing.NEW


def test_a_nack_sends_it_back(office):
    office.deliver(
        *series(1),
        reply(cover(), TAG),
        reply(cover(), TAG.replace("Reviewed", "Nacked"), minute=52),
    )
    assert office.one().standing is Standing.AUTHOR


def test_applied_by_somebody_else(office):
    office.deliver(*series(2), reply(cover(), "Applied to kvm-x86 misc, thanks!\n", sender=ANN))
    assert office.one().standing is not Standing.APPLIED
    office.deliver(reply(cover(), "Applied to kvm-x86 misc, thanks!\n", minute=58))
    assert office.one().standing is Standing.APPLIED


def test_a_missing_patch_is_said(office):
    whole = series(3)
    office.deliver(*whole[:2], whole[3])
    row = office.one()
    assert (row.standing, row.card.missing) == (Standing.INCOMPLETE, (2,))
    office.deliver(whole[2])
    assert office.one().standing is Standing.NEW


def test_a_new_revision_replaces_the_row_keeps_its_id_and_starts_anew(office):
    office.deliver(*series(2), reply(patch(1), "No.\n"))
    old = office.one()
    office.deliver(*series(2, tag="PATCH v2", stamp="20260301130000.4712", start=60))
    row = office.one()
    assert (row.standing, row.card.revision, row.id) == (Standing.REROLLED, 2, old.id)
    assert row.history == ((1, cover()),)
    both = office.look(everything=True)
    assert {one.standing for one in both} == {Standing.REROLLED, Standing.SUPERSEDED}


def test_an_id_does_not_depend_on_the_order_of_mails(office, tmp_path):
    first = series(2)
    second = series(2, tag="PATCH v2", stamp="20260301130000.4712", start=60)
    office.deliver(*second, *first)
    (tmp_path / "other").mkdir()
    from desks import Office

    other = Office(tmp_path / "other")
    other.deliver(*first)
    assert office.one().id == other.one().id
    other.deliver(*second)
    assert office.one().id == other.one().id


def test_series_that_change_the_same_lines_clash(office):
    office.deliver(
        lone("KVM: x86: one", "arch/x86/kvm/x86.c", "one@x.example"),
        lone("KVM: x86: two", "arch/x86/kvm/x86.c", "two@y.example", sender="Bob <bob@y.example>", minute=2, line="other"),
        lone("KVM: x86: three", "arch/x86/kvm/cpuid.c", "three@z.example", sender="Cy <cy@z.example>", minute=3),
    )  # fmt: skip
    rows = {row.card.message_id: row for row in office.look()}
    assert [one.message_id for one in rows["one@x.example"].clashes] == ["two@y.example"]
    assert rows["two@y.example"].clashes[0].paths == ("arch/x86/kvm/x86.c",)
    assert rows["three@z.example"].clashes == ()
    office.deliver(reply("two@y.example", "Queued, thanks.\n"))
    assert all(not row.clashes for row in office.look()), "what is applied is in nobody's way"


def opened(office):
    return closing(Ledger(office.path)), closing(Desk(office.path))


def test_marks_hide_and_a_new_revision_brings_back(office):
    office.deliver(*series(1))
    ledger, desk = opened(office)
    with ledger as a, desk as b:
        triage = office.open(a, b)
        row = triage.find(office.one().id)
        triage.mark(row, note="ask Paolo", done=True)
        assert triage.find(row.id).standing is Standing.DONE
        triage.mark(triage.find(row.id), done=False, snoozed=office.now + 3 * DAY)
        assert triage.find(row.id).standing is Standing.SNOOZED
    office.now += 4 * DAY
    assert office.one().standing is Standing.NEW
    office.deliver(*series(1, tag="PATCH v2", stamp="20260301130000.4712", start=60))
    row = office.one()
    assert row.standing is Standing.REROLLED
    assert row.notes == ((1, "ask Paolo"),), "a note stays with the series"


def test_series_are_found_by_id_start_and_message_id_of_any_revision(office):
    office.deliver(*series(2), *series(2, tag="PATCH v2", stamp="20260301130000.4712", start=60))
    ledger, desk = opened(office)
    with ledger as a, desk as b:
        triage = office.open(a, b)
        row = triage.items()[0]
        for name in (row.id, row.id[:2], cover(), f"<{patch(2, '20260301130000.4712')}>"):
            assert triage.find(name).id == row.id
        for name in ("", "zzzzzz", "nobody@x.example"):
            with pytest.raises(UserError, match="no series"):
                triage.find(name)


def test_only_new_mails_are_read(office, monkeypatch):
    office.deliver(*series(3))
    office.look()
    read = []
    import reviewbot.engine.triage as module

    whole = module.digest
    monkeypatch.setattr(module, "digest", lambda mail: read.append(mail) or whole(mail))
    office.look()
    assert read == []


def test_what_cannot_be_read_again_is_said_and_not_guessed(office):
    office.deliver(*series(2), reply(cover(), TAG))
    ledger, desk = opened(office)
    with ledger as a, desk as b:
        office.open(a, b)
    with closing(Ledger(office.path.with_name("second.sqlite"))) as a:
        second = office.path.with_name("second.sqlite")
        from reviewbot.engine.watch import FollowedList, Watcher
        from reviewbot.parse.gather import Following

        Watcher(a, {LIST: FollowedList(source=Box(office.box), following=Following(wait=0))}).poll()
        with closing(Desk(second)) as b:
            triage = Triage(a, b, {}, clock=lambda: POSTED)
            triage.refresh()
            (row,) = triage.items()
            assert not row.card.read
            assert row.standing is Standing.NEW
            triage.sources = {LIST: Box(office.box)}
            triage.read_mails()
            triage.refresh()
            (row,) = triage.items()
            assert row.card.read
            assert row.standing is Standing.READY


def review(**changes) -> Reviewed:
    known = Reviewed(
        run="r", origin="run", series=cover(), made=1.0, verdict="clean", line="Nothing found.",
        checked=True, mails=(cover(), patch(1)), applies=Answer.YES, tree="kvm/next", base="1" * 40,
    )  # fmt: skip
    return replace(known, **changes)


FINDING = Found(code="KVM-ABI-001", severity=Severity.ERROR, patch=1, title="bad")


@pytest.mark.parametrize(
    ("changes", "standing", "why"),
    [
        ({}, Standing.READY, "reviewed or acked"),
        (
            {"applies": Answer.NO, "why_not": "patch 1: a.c: no"},
            Standing.AUTHOR,
            "does not apply: patch 1",
        ),
        (
            {"builds": Answer.NO, "build_line": "patch 1 does not build"},
            Standing.AUTHOR,
            "does not build",
        ),
        ({"regressions": 2}, Standing.AUTHOR, "2 regressions"),
        ({"findings": (FINDING,)}, Standing.AUTHOR, "1 error found: KVM-ABI-001"),
        ({"findings": (replace(FINDING, severity=Severity.WARNING),)}, Standing.READY, "reviewed"),
    ],
)
def test_our_own_review_counts(office, changes, standing, why):
    office.deliver(*series(1), reply(cover(), TAG))
    card = office.one().card
    row = item(card, name="abcde", now=POSTED, review=review(**changes))
    assert row.standing is standing
    assert why in row.why


def test_the_share_of_lines_that_ran_is_a_column_a_filter_and_an_order(office):
    office.deliver(*series(1))
    card = office.one().card
    rows = [
        item(card, name=name, now=POSTED, review=review(counted=counted, ran=ran))
        for name, counted, ran in (("full", 3, 3), ("near", 300, 299), ("none", 0, 0))
    ]
    rows.append(item(card, name="bare", now=POSTED))
    assert [covered(row) for row in rows] == ["100%", "99%", "", ""]
    head, *lines = table(rows, {}, width=120, colour=False)
    at = head.index(" RAN ")
    assert [line[at : at + 4].strip() for line in lines] == ["100%", "99%", "", ""]
    _, holds = parse_wanted(["ran:<100"], frozenset())
    assert [row.id for row in rows if holds(row)] == ["near"]
    assert [row.id for row in ordered(rows, "ran")][:2] == ["near", "full"]
    text = "\n".join(detail(rows[1], {}, width=100, colour=False))
    assert "299 of 300 added lines that can run here ran in the tests" in text


def test_the_rank_is_the_sum_of_its_reasons(office):
    office.deliver(*series(1), reply(cover(), TAG))
    card = replace(office.one().card, repairs=True)
    me = frozenset({"kvm@vger.kernel.example"})
    row = item(card, name="abcde", now=POSTED + 5 * DAY, me=me, review=review())
    assert row.rank == sum(point.score for point in row.points) == 60 + 15 + 10 + 10 + 5 + 10
    assert why_rank(row).startswith("ready 60, repairs something +15, sent to you +10")
    worse = item(card, name="abcde", now=POSTED + 5 * DAY, review=review(findings=(FINDING,)))
    assert worse.rank < row.rank


def test_a_review_that_was_not_finished_says_nothing_good(office):
    office.deliver(*series(1))
    card = office.one().card
    begun = review(verdict="", line="not finished")
    row, none = (item(card, name="a", now=POSTED, review=one) for one in (begun, None))
    assert row.rank == none.rank
    assert findings(row) == "", "only a review that was finished is ok"
    assert findings(item(card, name="a", now=POSTED, review=review())) == "ok"


def test_a_review_that_is_begun_does_not_hide_the_one_before(office):
    office.deliver(*series(1))
    begun = review(run="r2", made=2.0, verdict="", line="not finished")
    office.one()
    with closing(Desk(office.path)) as desk:
        desk.put_review("run", "r2", "", begun)
        assert by_series(desk.all_reviews()) == {cover(): begun}
        desk.put_review("run", "r", "", review())
        assert by_series(desk.all_reviews()) == {cover(): review()}


def test_old_series_sink(office):
    office.deliver(*series(1))
    card = office.one().card
    ranks = [item(card, name="a", now=POSTED + days * DAY).rank for days in (1, 14, 95, 200, 400)]
    assert ranks[0] < ranks[1] > ranks[2] > ranks[3] > ranks[4]


def test_hostile_mails_do_not_stop_the_others(office):
    office.deliver(
        *series(1),
        mail("Re: [PATCH] " + "x" * 5000, body="Reviewed-by: " + "y" * 100_000, message_id="h@x.example", parent=cover(), minute=9),
        mail("[PATCH] \x1b[31mKVM\u202e: x", body=patch_body("arch/x86/kvm/\x1b]52;c;x.c"), message_id="i@x.example", minute=10),
    )  # fmt: skip
    assert len(office.look()) == 2


@pytest.mark.parametrize("width", [46, 56, 60, 72, 80, 100, 140])
def test_no_line_is_wider_than_the_terminal(office, width):
    office.deliver(*series(3))
    row = replace(office.one(), review=review(findings=(FINDING,) * 5))
    lines = table([row], {}, width=width, colour=False)
    assert max(map(len, lines)) <= width
    assert lines[0].split()[:2] == ["ID", "STATE"]
    assert {"FIND", "ABT", "TITLE"} <= set(lines[0].split())
    assert ("AREA" in lines[0]) == (width >= 72)
