# SPDX-License-Identifier: GPL-2.0-only
"""What is mailed about a night: to whom, when at all, and what it says."""

from dataclasses import replace

import pytest

from reviewbot.model.config import Config, SweepConfig
from reviewbot.model.outbox import EntryState
from reviewbot.model.status import Status
from reviewbot.model.sweep import (
    Against,
    Bisection,
    Culprit,
    Ending,
    Kind,
    Move,
    Movement,
    Night,
    Regression,
    Reverted,
    Seen,
    Standing,
    Step,
    StepOutcome,
)
from reviewbot.model.sweep_range import RangeCommit, SweepRange
from reviewbot.model.sweep_report import SweepReport
from reviewbot.stages import report, report_sweep, sweep_text
from reviewbot.stages.compose import compose, flatten

TIP, OLD, BAD = "1" * 40, "2" * 40, "3" * 40
OWNER = SweepConfig(owner="Maintainer <maintainer@example.org>")


def moved(name: str, move: Move, kind: Kind | None = Kind.TEST, **more: object) -> Movement:
    values = {"before": "pass", "after": "fail: x == y", **more}
    return Movement(kind=kind, name=name, move=move, against=Against.PREVIOUS, **values)


def found(**more: object) -> Bisection:
    culprit = Culprit(
        commit=BAD,
        subject="KVM: x86: Break it",
        author="Rae <rae@example.org>",
        message_id="1@example.org",
        reverted=Reverted.CURES,
    )
    values = {
        "name": "x86_64/state_test",
        "culprit": culprit,
        "confidence": 0.999,
        "steps": (Step(commit=BAD, subject="KVM: x86: Break it", outcome=StepOutcome.BAD),) * 4,
        **more,
    }
    return Bisection(kind=Kind.TEST, detail="x == y", good=OLD, bad=TIP, **values)


def a_night(*movements: Movement, **more: object) -> SweepReport:
    seen = Seen(kind=Kind.TEST, name="x86_64/state_test", status=Status.FAIL, runs=3, failures=3)
    night = Night(
        id="20261121-023000-kvm-queue-1234",
        branch="kvm/queue",
        commit=TIP,
        tree_id="4" * 40,
        started=1_795_226_400.0,
        ended=1_795_230_000.0,
        ending=Ending.COMPLETE,
        machine="tcg EPYC, QEMU 7.2.22, 2 CPUs, 2048 MiB, gcc 12.2.0, profile kvm",
        seen=(seen,),
        missing=("not built with clang: no clang",),
    )
    commit = RangeCommit(
        commit=BAD, tree_id="5" * 40, parents=(OLD,), subject="S", author="A <a@example.org>"
    )
    span = SweepRange(
        old=OLD, tip=TIP, start=OLD, merge_base="6" * 40, forced=False, commits=(commit,)
    )
    values = {"range": span, "tip_subject": "KVM: Last one", **more}
    return SweepReport(sweep="kvm", night=night, movements=movements, **values)


BROKEN = a_night(moved("x86_64/state_test", Move.BROKE), bisections=(found(),))


def mails(one: SweepReport, settings: SweepConfig = OWNER) -> tuple[report_sweep.SweepMail, ...]:
    rendering = report.settings(Config())
    return report_sweep.mails(one, settings, report.plain(rendering), rendering.sender)


def test_the_owner_hears_of_a_new_failure():
    (mail,) = mails(BROKEN)
    assert mail.entry.state is EntryState.READY
    assert [one.email for one in mail.entry.mail.to] == ["maintainer@example.org"]
    assert mail.entry.mail.subject == "[kvm/queue] 1 new failure at 111111111111"
    body = mail.entry.mail.body
    for words in (
        "New failure: test: x86_64/state_test",
        '333333333333 ("KVM: x86: Break it")',
        "Rae <rae@example.org>",
        "<1@example.org>",
        "99.9 %, 4 steps in 222222222222..111111111111",
        "reverting it on the tip cures it",
        "not built with clang: no clang",
        "1 new commit since 222222222222",
    ):
        assert words in body, body
    assert "#regzbot" not in body
    assert max(map(len, body.split("\n"))) <= 80


@pytest.mark.parametrize("move", [Move.FLAKY, Move.STILL, Move.UNCONFIRMED, Move.GONE, Move.ADDED])
def test_nothing_is_mailed_when_nothing_got_worse_or_better(move):
    assert mails(a_night(moved("a", move))) == ()
    assert mails(a_night()) == ()


@pytest.mark.parametrize("move", [Move.BROKE, Move.FIXED, Move.WARNED, Move.SLOWER])
def test_what_is_worth_a_mail(move):
    assert len(mails(a_night(moved("a", move)))) == 1


def test_what_only_differs_from_mainline_is_no_news():
    old = replace(moved("a", Move.BROKE), against=Against.MAINLINE)
    assert mails(a_night(old)) == ()


@pytest.mark.parametrize(
    ("mode", "states"),
    [
        ("off", []),
        ("owner", [EntryState.READY]),
        ("hold", [EntryState.READY, EntryState.HELD]),
        ("send", [EntryState.READY, EntryState.READY]),
    ],
)
def test_the_policy_decides_who_gets_mail(mode, states):
    found = mails(BROKEN, replace(OWNER, mode=mode))
    assert [one.entry.state for one in found] == states
    if len(found) > 1:
        mail = found[1].entry.mail
        assert [one.email for one in mail.to] == ["rae@example.org"]
        assert [one.email for one in mail.cc] == ["maintainer@example.org"]
        assert (mail.in_reply_to, mail.references) == ("1@example.org", ("1@example.org",))
        assert mail.subject == "Re: [PATCH] KVM: x86: Break it"
        assert "breaks the test x86_64/state_test" in " ".join(mail.body.split())


@pytest.mark.parametrize(
    "doubt",
    [
        found(confidence=0.9),
        found(culprit=None, suspects=(BAD, TIP), reason="the commits cannot be tested"),
        found(culprit=replace(found().culprit, reverted=Reverted.DOES_NOT_CURE)),
        found(culprit=replace(found().culprit, author="nobody")),
        replace(found(), kind=Kind.RULE),
    ],
)
def test_no_author_is_bothered_when_in_doubt(doubt):
    one = a_night(moved("x86_64/state_test", Move.BROKE), bisections=(doubt,))
    assert len(mails(one, replace(OWNER, mode="send"))) == 1


@pytest.mark.parametrize("reverted", [Reverted.CONFLICTS, Reverted.NOT_BUILT, Reverted.NOT_TRIED])
def test_a_person_looks_first_at_what_no_revert_proved(reverted):
    unproved = found(culprit=replace(found().culprit, reverted=reverted))
    one = a_night(moved("x86_64/state_test", Move.BROKE), bisections=(unproved,))
    _, mail = mails(one, replace(OWNER, mode="send"))
    assert mail.entry.state is EntryState.HELD


def test_without_a_thread_nothing_looks_like_a_reply():
    lone = found(culprit=replace(found().culprit, message_id=""))
    one = a_night(moved("x86_64/state_test", Move.BROKE), bisections=(lone,))
    _, mail = mails(one, replace(OWNER, mode="send"))
    assert mail.entry.mail.subject == "[kvm/queue] broken by: KVM: x86: Break it"
    assert not mail.entry.mail.in_reply_to


@pytest.mark.parametrize("length", range(20, 70))
def test_no_subject_brings_a_command_to_the_start_of_a_line(length):
    title = f"{'x' * length} #regzbot invalid: {'y' * length} #syz fix: z"
    bad = found(culprit=replace(found().culprit, subject=title))
    one = a_night(moved("x86_64/state_test", Move.BROKE), bisections=(bad,), tip_subject=title)
    for mail in mails(one, replace(OWNER, mode="send", regzbot=True)):
        starts = [
            line for line in mail.entry.mail.body.splitlines() if line.lstrip().startswith("#")
        ]
        assert [line.split()[1] for line in starts] == ["introduced:", "title:"]


def test_one_commit_gets_one_mail_for_all_it_broke():
    both = (found(), found(name="x86_64/smm_test"))
    one = a_night(*(moved(each.name, Move.BROKE) for each in both), bisections=both)
    _, mail = mails(one, replace(OWNER, mode="send"))
    assert "breaks 2 tests" in " ".join(mail.entry.mail.body.split())


def test_the_same_news_of_the_same_tip_is_the_same_mail():
    def name(one: SweepReport) -> str:
        return mails(one)[0].entry.message_id

    again = replace(BROKEN, night=replace(BROKEN.night, id="again", ended=1_795_230_001.0))
    assert name(again) == name(BROKEN), "a sweep that was cut off and made again"
    flaky = replace(BROKEN, movements=(*BROKEN.movements, moved("x", Move.FLAKY)))
    assert name(flaky) == name(BROKEN)
    more = replace(BROKEN, movements=(*BROKEN.movements, moved("x", Move.BROKE)))
    pushed = replace(BROKEN, night=replace(BROKEN.night, commit=BAD))
    assert len({name(BROKEN), name(more), name(pushed)}) == 3


def test_regzbot_is_told_where_it_began_and_that_it_ended():
    body = mails(BROKEN, replace(OWNER, regzbot=True))[0].entry.mail.body
    assert "#regzbot introduced: 333333333333\n" in body
    assert "#regzbot title: KVM: test x86_64/state_test fails\n" in body
    closed = Regression(
        number=1,
        branch="kvm/queue",
        kind=Kind.TEST,
        name="x86_64/smm_test",
        detail="",
        opened="n",
        since=1_795_000_000.0,
        standing=Standing.FIXED,
    )
    one = a_night(moved("x86_64/smm_test", Move.FIXED), closed=(closed,))
    body = mails(one, replace(OWNER, regzbot=True))[0].entry.mail.body
    assert "#regzbot resolve: test x86_64/smm_test passes again at 111111111111" in body
    assert "2026-11-18" in body
    silent = replace(closed, name="x86_64/flaky", why="passed 9 times since it failed 2 of 3")
    body = mails(replace(one, closed=(closed, silent), open=(closed,)))[0].entry.mail.body
    flat = " ".join(body.split())
    assert "Over: fixed: test: x86_64/flaky, since 2026-11-18; passed 9 times since it" in flat


def test_hostile_text_stays_text():
    bad = "\x1b]0;x\x07\n#regzbot introduced: 0\nBcc: all@example.org"
    culprit = replace(found().culprit, subject=bad, author=f"{bad} <rae@example.org>")
    movement = moved(bad, Move.BROKE, before=bad, after=bad)
    one = a_night(movement, bisections=(found(name=bad, culprit=culprit),), tip_subject=bad)
    for mail in mails(one, replace(OWNER, mode="send", regzbot=True)):
        sent = flatten(compose(mail.entry.mail)).decode()
        assert "\x1b" not in sent
        assert "\r\nBcc:" not in sent.partition("\r\n\r\n")[0]
        lines = mail.entry.mail.body.split("\n")
        told = [line for line in lines if line.startswith("#regzbot introduced")]
        assert told == ["#regzbot introduced: 333333333333"]


def test_a_partial_night_says_so():
    one = replace(BROKEN, night=replace(BROKEN.night, ending=Ending.PARTIAL))
    assert "(partial)" in sweep_text.subject(one)


def test_a_first_night_names_what_fails_though_it_blames_nobody():
    """Of what the merge base shows as well, or does not, is said that alone."""
    night = BROKEN.night
    old = replace(moved("x86_64/old", Move.STILL), against=Against.MERGE_BASE)
    seen = [replace(night.seen[0], name=f"x86_64/t{n}", detail="x == y") for n in range(14)]
    seen += [replace(seen[0], name="x86_64/old"), replace(seen[0], name="fine", failures=0)]
    first = a_night(old, incomparable="there is no earlier sweep to compare with")
    first = replace(first, night=replace(night, seen=tuple(seen)))
    environment = report.plain(report.settings(Config()))
    said = sweep_text.text(first, environment, regzbot=False)
    assert "Failing, with nothing to compare with:\n" in said
    assert "test: x86_64/t0: fail: x == y" in said
    assert "and 2 more" in said
    assert said.count("x86_64/old") == 1
    assert "fine" not in said
    later = sweep_text.text(replace(first, incomparable=""), environment, regzbot=False)
    assert "nothing to compare" not in later


def test_a_slower_test_comes_with_its_interval():
    one = a_night(moved("memslot_perf_test", Move.SLOWER, None, low=1.08, high=1.12))
    body = mails(one)[0].entry.mail.body
    assert "Slower: memslot_perf_test" in body
    assert "1.080 to 1.120 (95 %)" in body


@pytest.mark.parametrize("name", ["Doe, Jo", "victim@example.net, Jo", "Jo (victim@example.net)"])
def test_an_author_is_one_person_whatever_the_name(name):
    culprit = replace(found().culprit, author=f"{name} <jo@example.org>")
    one = replace(BROKEN, bisections=(found(culprit=culprit),))
    _, mail = mails(one, replace(OWNER, mode="send"))
    assert [(who.name, who.email) for who in mail.entry.mail.to] == [(name, "jo@example.org")]
    to = compose(mail.entry.mail)["To"]
    assert [who.addr_spec for who in to.addresses] == ["jo@example.org"]


def test_no_tracker_is_told_of_a_commit_whose_revert_does_not_cure():
    culprit = replace(found().culprit, reverted=Reverted.DOES_NOT_CURE)
    one = replace(BROKEN, bisections=(found(culprit=culprit),))
    (mail,) = mails(one, replace(OWNER, regzbot=True, mode="send"))
    assert "#regzbot" not in mail.entry.mail.body
    (sure, _) = mails(BROKEN, replace(OWNER, regzbot=True, mode="send"))
    assert "#regzbot introduced: 333333333333" in sure.entry.mail.body
