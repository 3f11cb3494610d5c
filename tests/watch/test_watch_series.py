# SPDX-License-Identifier: GPL-2.0-only
"""What a list's mails amount to, over hours, and what the engine is told."""

import mails
import pytest
from mails import mail, patch_body, series
from watching import HOUR, KVM, Desk

from reviewbot.model.watch import EventKind, SkipReason, WatchState
from reviewbot.parse import gather

V2 = "20260302120000.1"
COVER = f"{mails.STAMP}-1-ann@kernel.example"
KUT = "x86/vmx.c"


def kinds(events):
    return [str(event.kind) for event in events]


def reason(desk):
    (found,) = desk.series()
    assert found.state is WatchState.SKIPPED
    return found.skipped.reason


def test_a_series_is_told_once_and_kept(desk):
    (event,) = desk.deliver(*series(3, tag="PATCH v4"))
    found = event.series
    assert event.kind is EventKind.COMPLETE
    assert (found.message_id, found.cover, found.revision) == (COVER, COVER, 4)
    assert [one.number for one in found.patches] == [1, 2, 3]
    assert [one.message_id for one in found.patches] == [
        f"{mails.STAMP}-{n}-ann@kernel.example" for n in (2, 3, 4)
    ]
    assert (found.lists, found.sender.email) == ((KVM,), "ann@kernel.example")
    assert desk.deliver(*series(3, tag="PATCH v4")) == []
    assert desk.wait(100 * HOUR) == []
    assert [event.number for event in desk.ledger.untaken()] == [1]
    desk.ledger.take([1], desk.now)
    assert desk.ledger.untaken() == []


def test_mails_that_come_over_hours_in_any_order(desk):
    raw = series(3)
    for one in (raw[3], raw[1], raw[0]):
        assert desk.deliver(one, later=HOUR) == []
        assert [state for *_, state in desk.states()] == ["waiting"]
    assert kinds(desk.deliver(raw[2], later=2 * HOUR)) == ["complete"]


def test_what_does_not_come_is_waited_for_and_then_given_up(desk):
    raw = series(3)
    desk.deliver(raw[0], raw[1], raw[3])
    assert desk.wait(2 * HOUR - 61) == []
    (event,) = desk.wait(120)
    assert (event.kind, event.series.missing) == (EventKind.INCOMPLETE, (2,))
    assert desk.wait(5 * HOUR) == []
    (late,) = desk.deliver(raw[2], later=9 * HOUR)
    assert (late.kind, late.before, late.series.missing) == (EventKind.CHANGED, COVER, ())
    assert late.series.state is WatchState.COMPLETE


def test_a_trickle_of_patches_does_not_put_a_review_off_for_ever(desk):
    raw = series(40)
    told = []
    for number in range(1, 40):
        told += desk.deliver(raw[number], later=number * HOUR)
    assert "incomplete" in kinds(told)


def test_a_patch_from_the_middle_without_a_cover(desk):
    lone = mail("[PATCH v3 2/9] KVM: x86: step 2", body=patch_body("arch/x86/kvm/a.c"), message_id="2of9@x.example",
                parent="cover@elsewhere.example")  # fmt: skip
    desk.deliver(lone)
    (event,) = desk.wait(3 * HOUR)
    assert event.kind is EventKind.INCOMPLETE
    assert (event.series.revision, event.series.total, len(event.series.missing)) == (3, 9, 8)


def test_a_cover_that_never_comes_is_waited_for_a_quarter_of_an_hour(desk):
    desk.deliver(*series(2)[1:])
    assert [state for *_, state in desk.states()] == ["waiting"]
    (event,) = desk.wait(901)
    assert (event.kind, event.series.cover) == (EventKind.COMPLETE, None)
    (late,) = desk.deliver(series(2)[0], later=3 * HOUR)
    assert (late.kind, late.series.cover) == (EventKind.CHANGED, COVER)
    assert late.before == f"{mails.STAMP}-2-ann@kernel.example"
    assert len(desk.series()) == 1


def test_a_cover_alone_is_no_series(desk):
    desk.deliver(series(2)[0])
    (event,) = desk.wait(3 * HOUR)
    assert event.kind is EventKind.SKIPPED
    assert event.series.skipped.reason is SkipReason.NO_PATCH


@pytest.mark.parametrize("parent", [COVER, ""])
def test_a_new_revision_supersedes_in_the_thread_or_outside(desk, parent):
    desk.deliver(*series(3))
    events = desk.deliver(*series(2, tag="PATCH v2", stamp=V2, parent=parent, start=90))
    assert kinds(events) == ["superseded", "complete"]
    old, new = desk.series()
    assert (old.superseded_by, old.state) == (new.message_id, WatchState.SUPERSEDED)
    assert new.superseded_by == ""


def test_the_first_patch_of_a_new_revision_is_enough(desk):
    desk.deliver(*series(3))
    events = desk.deliver(*series(3, tag="PATCH v2", stamp=V2, start=90)[:2])
    assert kinds(events) == ["superseded"]


def test_an_older_revision_that_comes_late_is_superseded_at_once(desk):
    desk.deliver(*series(2, tag="PATCH v2", stamp=V2, start=90))
    assert kinds(desk.deliver(*series(2))) == ["superseded"]


def test_a_stranger_who_ties_two_threads_together_supersedes_nothing(desk):
    desk.deliver(*series(2))
    other = series(2, tag="PATCH v2", stamp=V2, title="KVM: x86: others", start=90)
    desk.deliver(*[one.replace(b"step", b"stride") for one in other])
    knot = mail("Re: both", message_id="knot@x.example", sender="Eve <eve@x.example>", minute=99,
                headers=[f"References: <{COVER}> <{V2}-1-ann@kernel.example>"])  # fmt: skip
    assert desk.deliver(knot) == []
    assert [str(one.state) for one in desk.series()] == ["complete", "complete"]


def test_each_revision_names_the_next(desk):
    for version in (1, 3, 2):
        desk.deliver(
            *series(2, tag=f"PATCH v{version}", stamp=f"2026030{version}120000.1", start=version)
        )
    by = {one.revision: one.superseded_by[:8] for one in desk.series()}
    assert by == {1: "20260302", 2: "20260303", 3: ""}


def test_a_renamed_series_is_known_by_its_change_id(desk):
    text = "x\nchange-id: 20260101-pat-1\n"
    desk.deliver(*series(1, cover_text=text, paths=["arch/x86/kvm/a.c"]))
    new = series(1, tag="PATCH v2", stamp=V2, title="Another name", cover_text=text, start=90)
    new[1] = new[1].replace(b"step 1", b"quite different")
    assert "superseded" in kinds(desk.deliver(*new))


def test_a_change_id_somebody_else_copied_counts_for_nothing(desk):
    text = "x\nchange-id: 20260101-pat-1\n"
    desk.deliver(*series(2, cover_text=text))
    new = series(2, tag="PATCH v9", stamp=V2, title="Not theirs", cover_text=text, start=90)
    eve = [one.replace(b"Ann Example <ann@", b"Eve <eve@") for one in new]
    assert "superseded" not in kinds(desk.deliver(*eve))


def test_a_renamed_series_is_known_by_its_patches(desk):
    desk.deliver(*series(3))
    new = series(4, tag="PATCH v2", stamp=V2, title="Another name", start=90)
    assert "superseded" in kinds(desk.deliver(*new))


@pytest.mark.parametrize(
    "link",
    [
        "v1: https://lore.kernel.org/kvm/old@x.example/",
        "- Link to v1: https://lore.kernel.org/r/old%40x.example",
        "[v1] https://lore.kernel.org/all/old@x.example",
        "v1:\n  https://patch.msgid.link/old@x.example",
    ],
)
def test_a_renamed_patch_is_known_by_the_link_to_its_older_version(desk, link):
    desk.deliver(
        mail(
            "[PATCH] KVM: old name", body=patch_body("arch/x86/kvm/a.c"), message_id="old@x.example"
        )
    )
    new = mail("[PATCH v2] KVM: new name", body=patch_body("arch/x86/kvm/a.c", below=f"{link}\n"),
               message_id="new@x.example", minute=99)  # fmt: skip
    assert kinds(desk.deliver(new)) == ["superseded", "complete"]


@pytest.mark.parametrize(
    ("link", "sender"),
    [
        ("It builds on https://lore.kernel.org/kvm/old@x.example/", mails.AUTHOR),
        ("v1: https://lore.kernel.org/kvm/old@x.example/", "Eve <eve@x.example>"),
    ],
)
def test_a_link_to_another_series_supersedes_nothing(desk, link, sender):
    desk.deliver(
        mail(
            "[PATCH] KVM: old name", body=patch_body("arch/x86/kvm/a.c"), message_id="old@x.example"
        )
    )
    new = mail("[PATCH v2] KVM: new name", body=patch_body("arch/x86/kvm/a.c", below=f"{link}\n"),
               message_id="new@x.example", minute=99, sender=sender)  # fmt: skip
    assert kinds(desk.deliver(new)) == ["complete"]


def test_a_series_that_somebody_else_goes_on_with(desk):
    desk.deliver(*series(3))
    new = series(3, tag="PATCH v2", stamp=V2, start=90)
    events = desk.deliver(*[one.replace(b"Ann Example <ann@", b"Bob <bob@") for one in new])
    assert "superseded" in kinds(events)


def test_two_series_of_one_author_are_two(desk):
    desk.deliver(*series(2))
    other = series(2, tag="PATCH v2", stamp=V2, title="KVM: x86: others", start=90)
    other = [one.replace(b"step", b"stride") for one in other]
    assert kinds(desk.deliver(*other)) == ["complete"]


def test_a_title_that_comes_again_next_year_is_another_series(desk):
    desk.deliver(*series(2, title="KVM: x86: Fixes"))
    again = series(2, tag="PATCH v2", stamp=V2, title="KVM: x86: Fixes")
    again = [one.replace(b"Mar 2026", b"Mar 2028").replace(b"step", b"fix") for one in again]
    assert kinds(desk.deliver(*again)) == ["complete"]


def test_the_count_begins_anew_when_rfc_is_dropped(desk):
    desk.deliver(*series(3, tag="RFC PATCH v2"))
    events = desk.deliver(*series(3, stamp=V2, start=90))
    assert kinds(events) == ["superseded", "complete"]


def test_a_resend_is_known_as_one(desk):
    desk.deliver(*series(2))
    desk.deliver(*series(2, tag="PATCH RESEND", stamp="20260303120000.1", start=300))
    old, new = desk.series()
    assert (old.state, old.resend) == (WatchState.SUPERSEDED, False)
    assert (new.state, new.resend) == (WatchState.COMPLETE, True)


def test_one_patch_sent_again_changes_the_series(desk):
    desk.deliver(*series(3))
    again = mail("[PATCH 2/3] KVM: x86: step 2", body=patch_body("arch/x86/kvm/b.c"), message_id="again@x.example",
                 minute=50, parent=f"{mails.STAMP}-3-ann@kernel.example")  # fmt: skip
    (event,) = desk.deliver(again)
    assert event.kind is EventKind.CHANGED
    assert event.series.patches[1].message_id == "again@x.example"


def test_a_partial_reroll_is_a_revision_of_its_own(desk):
    desk.deliver(*series(3))
    again = mail("[PATCH v2 2/3] KVM: x86: step 2", body=patch_body("arch/x86/kvm/b.c"), message_id="v2@x.example",
                 minute=50, parent=f"{mails.STAMP}-3-ann@kernel.example")  # fmt: skip
    assert kinds(desk.deliver(again)) == ["superseded", "complete"]
    new = desk.ledger.find("v2@x.example")
    assert (new.revision, new.missing, new.amends) == (2, (), f"{mails.STAMP}-3-ann@kernel.example")
    assert [one.message_id for one in new.patches][1] == "v2@x.example"


def test_a_new_version_of_one_patch_does_not_replace_the_series(desk):
    desk.deliver(*series(3))
    again = mail("[PATCH v2] KVM: x86: step 2", body=patch_body("arch/x86/kvm/b.c"), message_id="v2@x.example",
                 minute=50, parent=f"{mails.STAMP}-3-ann@kernel.example")  # fmt: skip
    assert kinds(desk.deliver(again)) == ["complete"]
    assert desk.ledger.find("v2@x.example").amends == f"{mails.STAMP}-3-ann@kernel.example"
    assert desk.ledger.find(COVER).state is WatchState.COMPLETE


def test_a_patch_in_a_reply_is_noted_and_left_alone(desk):
    desk.deliver(*series(2))
    like = mail("Re: [PATCH 2/2] KVM: x86: step 2", body="Like this?\n\n" + mails.diff_of("arch/x86/kvm/a.c"),
                message_id="like@x.example", parent=f"{mails.STAMP}-3-ann@kernel.example",
                sender="Eve <eve@x.example>", minute=50)  # fmt: skip
    (event,) = desk.deliver(like)
    assert event.series.skipped.reason is SkipReason.PATCH_IN_REPLY
    assert desk.ledger.find(COVER).state is WatchState.COMPLETE


def test_talk_is_no_series(desk):
    assert desk.deliver(mail("question", body="why?", message_id="q@x.example")) == []
    assert desk.series() == []


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            mail("[GIT PULL] KVM fixes", message_id="p@x.example",
                 body="The following changes since commit 0123456789abcdef:\n\nare available in the Git repository at:\n"),
            SkipReason.PULL_REQUEST,
        ),
        (mail("[kvm-unit-tests PATCH] x86: x", body=patch_body(KUT), message_id="k@x.example"), SkipReason.KVM_UNIT_TESTS),
        (mail("[PATCH] x86: x", body=patch_body(KUT), message_id="k@x.example"), SkipReason.KVM_UNIT_TESTS),
        (mail("[PATCH] target/i386: x", body=patch_body("target/i386/kvm/kvm.c"), message_id="q@x.example"), SkipReason.QEMU),
        (mail("[PATCH kvmtool] x", body=patch_body("x86/kvm.c"), message_id="t@x.example"), SkipReason.OTHER_PROJECT),
        (mail("[PATCH 6.1.y] KVM: x", body=patch_body("arch/x86/kvm/a.c"), message_id="s@x.example"), SkipReason.STABLE),
        (mail("[PATCH AUTOSEL 6.1] KVM: x", body=patch_body("arch/x86/kvm/a.c"), message_id="s@x.example"), SkipReason.STABLE),
        (mail("[PATCH 6.1] KVM: x", body=patch_body("arch/x86/kvm/a.c"), message_id="s@x.example",
              to="stable@vger.kernel.org"), SkipReason.STABLE),
        (mail("[PATCH] KVM: x", message_id="s@x.example", to="stable@vger.kernel.org",
              body=patch_body("arch/x86/kvm/a.c", text="[ Upstream commit 0123456789abcdef0123 ]\n\nWhy.")), SkipReason.STABLE),
        (mail("[PATCH] vfio: x", body=patch_body("drivers/vfio/a.c"), message_id="v@x.example"), SkipReason.OTHER_SUBSYSTEM),
    ],
)  # fmt: skip
def test_what_is_none_of_our_business_is_skipped_with_the_reason(desk, raw, expected):
    assert kinds(desk.deliver(raw)) == ["skipped"]
    assert reason(desk) is expected
    assert desk.series()[0].skipped.evidence.endswith(".")


@pytest.mark.parametrize(
    "raw",
    [
        mail("[PATCH 6.9] KVM: x", body=patch_body("arch/x86/kvm/a.c"), message_id="a@x.example"),
        mail("[PATCH] KVM: x", body=patch_body("drivers/a.c"), message_id="a@x.example"),
        mail("[PATCH] x86: x", body=patch_body("arch/arm64/kvm/a.c"), message_id="a@x.example"),
        mail("[PATCH] KVM: fix for stable", body=patch_body("arch/x86/kvm/a.c") + "Cc: stable@vger.kernel.org",
             message_id="a@x.example", to="stable@vger.kernel.org"),
    ],
)  # fmt: skip
def test_what_only_looks_like_it_is_not(desk, raw):
    assert kinds(desk.deliver(raw)) == ["complete"]


def test_a_series_over_two_lists_is_one():
    desk = Desk(lists=(KVM, "kvmarm@lists.linux.dev"))
    raw = series(2)
    assert kinds(desk.deliver(*raw)) == ["complete"]
    assert desk.deliver(*raw, to="kvmarm@lists.linux.dev") == []
    (found,) = desk.series()
    assert found.lists == ("kvm@vger.kernel.org", "kvmarm@lists.linux.dev")


def test_a_forged_mail_under_a_known_id_comes_too_late(desk):
    desk.deliver(*series(2))
    forged = mail(
        "Re: nothing",
        message_id=f"{mails.STAMP}-2-ann@kernel.example",
        sender="Eve <eve@x.example>",
    )
    assert desk.deliver(forged, later=9 * HOUR) == []
    assert [str(one.state) for one in desk.series()] == ["complete"]


def test_mixed_versions_in_one_thread_are_told_apart(desk):
    old = series(3)
    new = series(3, tag="PATCH v2", stamp=V2, parent=f"{mails.STAMP}-3-ann@kernel.example", start=9)
    desk.deliver(*[mail for pair in zip(old, new, strict=True) for mail in pair])
    assert [(one.revision, len(one.patches), str(one.state)) for one in desk.series()] == [
        (1, 3, "superseded"),
        (2, 3, "complete"),
    ]


def test_mails_without_threads_or_numbers_are_put_together(desk):
    loose = [
        mail(f"[PATCH {n}/3] KVM: step {n}", body=patch_body(f"arch/x86/kvm/{n}.c"), message_id=f"{n}@x.example", minute=n)
        for n in (1, 2, 3)
    ]  # fmt: skip
    for one in reversed(loose):
        desk.deliver(one)
    assert desk.states() == [("KVM: step 1", 1, "complete")]
    lost = series(4, stamp=V2, title="KVM: SVM: more", start=200)
    lost[2] = lost[2].replace(b"[PATCH 2/4]", b"[PATCH]")
    for one in lost:
        desk.deliver(one)
    assert desk.series()[-1].missing == ()
    assert any("without a number" in note for note in desk.series()[-1].notes)


def test_a_mail_that_breaks_the_reader_is_noted_and_the_rest_is_read(desk, monkeypatch):
    broken = b"".join(b"Content-Type: multipart/mixed; boundary=b\n" for _ in range(99)) + b"\n"
    desk.deliver(*series(2))
    desk.sources[KVM].waiting.append(())
    from reviewbot.model.watch import Arrival

    desk.sources[KVM].waiting[-1] = (Arrival(raw=broken, received=desk.now, origin="bad"),)
    assert desk.wait(1) == []
    assert "nested" in next(iter(desk.ledger.refused()))

    def fail(*_, **__):
        raise ZeroDivisionError("made to hurt")

    monkeypatch.setattr("reviewbot.engine.watch.series_of", fail)
    assert desk.deliver(*series(1, stamp=V2, start=90)) == []
    assert any("our own mistake" in said for said in desk.ledger.refused())
    assert len(desk.series()) == 1


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("X-Patchwork-Hint: ignore", SkipReason.ASKED),
        ("x-patchwork-hint:  IGNORE", SkipReason.ASKED),
        ("Auto-Submitted: auto-generated; by=cron", SkipReason.AUTOMATIC),
        ("Auto-Submitted: no", None),
        ("X-Patchwork-Hint: comment", None),
    ],
)
@pytest.mark.parametrize("which", [0, 1], ids=["cover", "patch"])
def test_a_header_that_keeps_robots_away_is_heeded(desk, header, expected, which):
    raw = series(2)
    raw[which] = header.encode() + b"\n" + raw[which]
    desk.deliver(*raw)
    (found,) = desk.series()
    assert (found.skipped.reason if found.skipped else None) is expected
    if expected:
        assert found.state is WatchState.SKIPPED
        assert header.partition(":")[0].lower() in found.skipped.evidence.lower()


def test_mails_for_which_a_thread_has_no_room_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "THREAD_LIMIT", 4)
    desk = Desk()
    whole = series(6)
    desk.deliver(*whole)
    assert sum(desk.ledger.refused().values()) == len(whole) - 4
    assert "its thread has" in next(iter(desk.ledger.refused()))
    assert desk.ledger.count_mails() == 4
