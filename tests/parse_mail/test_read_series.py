# SPDX-License-Identifier: GPL-2.0-only
"""Threads as they come: mixed versions, lost numbers, resends, holes."""

import contextlib
import random
import time

import mails
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mails import mail, patch_body, series

from reviewbot.model.codec import to_json
from reviewbot.model.errors import UserError
from reviewbot.parse.mail import parse_mail
from reviewbot.parse.series import SeriesError, assemble

BASE = "0123456789abcdef0123456789abcdef01234567"


def assembled(raw, **wanted):
    return assemble([parse_mail(one) for one in raw], source="test", **wanted)


def refused(raw, **wanted):
    with pytest.raises(SeriesError) as caught:
        assembled(raw, **wanted)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_a_plain_series():
    found = assembled(series(3, tag="RFC PATCH v4"))
    assert found.complete
    assert (found.title, found.revision, found.total, found.prefixes) == (
        "KVM: x86: do things",
        4,
        3,
        ("RFC",),
    )
    assert [patch.number for patch in found.patches] == [1, 2, 3]
    assert found.cover.body == "What this is about."
    assert (found.notes, found.newest_revision) == ((), 4)
    assert found.message_id == f"{mails.STAMP}-1-ann@kernel.example"


def test_the_order_of_the_mails_does_not_matter():
    raw = [*series(5), *series(5, tag="PATCH v2", stamp="20260302120000.1", start=100)]
    expected = assembled(raw)
    for seed in range(10):
        random.Random(seed).shuffle(raw)  # noqa: S311 - no secret
        assert assembled(raw) == expected


def test_a_single_patch():
    found = assembled(
        [mail("[PATCH v2] KVM: fix", body=patch_body("a.c"), message_id="x@y.example")]
    )
    assert found.complete
    assert (found.total, found.revision, found.cover) == (1, 2, None)
    assert found.message_id == "x@y.example"


def test_the_newest_version_is_taken_unless_another_is_wanted():
    old = series(3)
    new = series(
        2,
        tag="PATCH v2",
        stamp="20260302120000.1",
        parent=f"{mails.STAMP}-1-ann@kernel.example",
        start=200,
    )
    assert assembled(old + new).revision == 2
    assert assembled(old + new, revision=1).total == 3
    older = assembled(old + new, message_id=f"{mails.STAMP}-3-ann@kernel.example")
    assert (older.revision, older.newest_revision, len(older.patches)) == (1, 2, 3)
    assert "only v1, v2" in refused(old + new, revision=3)


def test_missing_patches_are_listed():
    raw = series(5)
    del raw[4], raw[2]
    found = assembled(raw)
    assert (found.missing, found.complete, found.total) == ((2, 4), False, 5)
    assert any("3 of 5" in note for note in found.notes)


def test_without_cover_and_without_patch_one():
    found = assembled(series(4)[2:])
    assert found.cover is None
    assert found.missing == (1,)
    assert [patch.mailed_number for patch in found.patches] == [2, 3, 4]


def test_files_of_format_patch_have_no_ids_and_no_threads():
    raw = [
        mail(f"[PATCH {n}/3] step {n}", body=patch_body(f"{n}.c"), minute=n * 50) for n in (1, 2, 3)
    ]
    found = assembled(raw)
    assert found.complete
    assert len({patch.message_id for patch in found.patches}) == 3
    assert any("no Message-ID" in note for note in found.notes)


@pytest.mark.parametrize("where", [1, 2, 4])
def test_a_lost_number_is_found_by_message_id(where):
    raw = series(4)
    raw[where] = raw[where].replace(f"[PATCH {where}/4]".encode(), b"[PATCH]")
    found = assembled(raw)
    assert found.complete
    assert [patch.subject for patch in found.patches] == [
        f"KVM: x86: step {n}" for n in (1, 2, 3, 4)
    ]
    assert found.patches[where - 1].mailed_number is None
    assert any("without a number" in note for note in found.notes)


def test_a_lost_number_is_found_by_thread_and_date():
    raw = series(3)
    raw[2] = mail(
        "[PATCH] KVM: x86: step 2", body=patch_body("b.c"), message_id="odd@x.example",
        parent=f"{mails.STAMP}-1-ann@kernel.example", minute=2,
    )  # fmt: skip
    assert [patch.message_id for patch in assembled(raw).patches][1] == "odd@x.example"


def test_somebody_elses_patch_fills_no_hole():
    raw = series(3)
    raw[2] = mail(
        "[PATCH] another idea", body=patch_body("b.c"), message_id="odd@x.example", minute=2,
        parent=f"{mails.STAMP}-1-ann@kernel.example", sender="Eve <eve@x.example>",
    )  # fmt: skip
    assert assembled(raw).missing == (2,)


def test_a_series_mailed_without_any_numbers():
    raw = [
        mail(
            f"[PATCH] step {n}",
            body=patch_body(f"{n}.c"),
            message_id=f"20260301120000.7-{n}-ann@kernel.example",
            minute=9 - n,
        )
        for n in (1, 2, 3)
    ]
    found = assembled(raw)
    assert [patch.subject for patch in found.patches] == ["step 1", "step 2", "step 3"]
    assert any("without numbers" in note for note in found.notes)


def test_one_patch_sent_again_replaces_the_first():
    raw = series(3)
    raw.append(
        mail("[PATCH 2/3] KVM: x86: step 2", body=patch_body("b.c"), message_id="again@x.example", minute=50,
             parent=f"{mails.STAMP}-3-ann@kernel.example")
    )  # fmt: skip
    found = assembled(raw)
    assert (len(found.patches), found.patches[1].message_id) == (3, "again@x.example")
    assert any("more than once" in note for note in found.notes)


def test_a_reviewers_counter_proposal_does_not_replace_the_patch():
    raw = series(3)
    raw.append(
        mail("[PATCH 2/3] KVM: x86: step 2", body=patch_body("b.c"), message_id="mine@x.example", minute=50,
             parent=f"{mails.STAMP}-3-ann@kernel.example", sender="Eve <eve@x.example>")
    )  # fmt: skip
    assert assembled(raw).patches[1].message_id == f"{mails.STAMP}-3-ann@kernel.example"


def test_a_partial_reroll_is_filled_up_from_the_version_before():
    raw = series(3)
    raw.append(
        mail("[PATCH v2 2/3] KVM: x86: step 2", body=patch_body("b.c"), message_id="v2@x.example", minute=50,
             parent=f"{mails.STAMP}-3-ann@kernel.example")
    )  # fmt: skip
    found = assembled(raw)
    assert (found.revision, found.complete) == (2, True)
    assert found.patches[1].message_id == "v2@x.example"
    assert any("taken from v1" in note for note in found.notes)


def test_a_resend_is_the_later_one():
    raw = [*series(2), *series(2, tag="PATCH RESEND", stamp="20260303120000.1", start=300)]
    assert assembled(raw).message_id.startswith("20260303120000.1")


def test_a_patch_in_a_reply_is_reviewed_only_when_asked_for():
    carried = mail(
        "Re: [PATCH 2/3] KVM: x86: step 2", body="Like this?\n\n" + mails.diff_of("a.c"), message_id="like@x.example",
        parent=f"{mails.STAMP}-3-ann@kernel.example", sender="Eve <eve@x.example>",
    )  # fmt: skip
    assert len(assembled([*series(3), carried]).patches) == 3
    asked = assembled([*series(3), carried], message_id="like@x.example")
    assert [patch.message_id for patch in asked.patches] == ["like@x.example"]


def test_two_series_in_one_mailbox_must_be_told_apart():
    other = series(2, stamp="20260305120000.1", title="KVM: arm64: something else")
    message = refused([*series(2), *other])
    assert "do things" in message
    assert "something else" in message


def test_a_thread_without_patches_is_no_series():
    assert assembled([mail("question", body="why?")]) is None


def test_base_prerequisites_and_change_id():
    text = f"Text.\n\nbase-commit: {BASE}\nprerequisite-patch-id: {'a' * 40}\nprerequisite-patch-id: {'b' * 40}\nchange-id: 20260101-pat-123abc\n-- \n2.43.0\n"
    found = assembled(series(2, cover_text=text))
    assert (found.base_commit, found.prerequisites) == (BASE, ("a" * 40, "b" * 40))
    assert found.change_id == "20260101-pat-123abc"


def test_the_base_may_stand_below_the_last_patch():
    raw = series(2)
    raw[2] = raw[2].replace(b"-- \n2.43.0", f"\nbase-commit: {BASE}\n-- \n2.43.0".encode())
    found = assembled(raw)
    assert found.base_commit == BASE
    assert "base-commit" not in found.patches[1].diff


def test_a_versions_with_one_change_id_belong_together_though_renamed():
    old = series(2, cover_text="x\nchange-id: 20260101-pat-1\n")
    new = series(
        2,
        tag="PATCH v2",
        stamp="20260309120000.1",
        title="New name",
        cover_text="x\nchange-id: 20260101-pat-1\n",
        start=90,
    )
    assert assembled(old + new).revision == 2


def review(
    parent,
    body,
    message_id="r@x.example",
    sender="Bob <bob@x.example>",
    subject="Re: [PATCH 1/2] x",
):
    return mail(subject, body=body, message_id=message_id, parent=parent, sender=sender, minute=60)


def test_tags_given_to_a_patch_and_to_the_cover():
    raw = series(2)
    raw.append(review(f"{mails.STAMP}-2-ann@kernel.example", "Acked-by: Bob <bob@x.example>\n"))
    raw.append(
        review("r@x.example", "Tested-by: Cy <cy@x.example>\n", "r2@x.example", "Cy <cy@x.example>")
    )
    raw.append(
        review(
            f"{mails.STAMP}-1-ann@kernel.example",
            "Reviewed-by: Di <di@x.example>\n",
            "r3@x.example",
            "Di <di@x.example>",
        )
    )
    first, second = assembled(raw).patches
    assert [(one.name, one.message_id) for one in first.trailers] == [
        ("Signed-off-by", None), ("Acked-by", "r@x.example"), ("Tested-by", "r2@x.example"), ("Reviewed-by", "r3@x.example"),
    ]  # fmt: skip
    assert [one.name for one in second.trailers] == ["Signed-off-by", "Reviewed-by"]


def test_tags_for_an_older_version_are_not_taken_over():
    raw = series(2)
    raw.append(review(f"{mails.STAMP}-2-ann@kernel.example", "Acked-by: Bob <bob@x.example>\n"))
    raw += series(
        2,
        tag="PATCH v2",
        stamp="20260302120000.1",
        parent=f"{mails.STAMP}-1-ann@kernel.example",
        start=200,
    )
    assert [len(patch.trailers) for patch in assembled(raw).patches] == [1, 1]


@pytest.mark.parametrize(
    ("diff", "reason"),
    [
        (mails.diff_of("../../etc/passwd"), "leads out of the tree"),
        (mails.diff_of(".git/config"), "writes into .git"),
        ("--- /dev/null\n+++ /etc/passwd\n@@ -0,0 +1 @@\n+x\n", "is absolute"),
        ("diff --git a/x b/x\nrename from x\nrename to ../x\n", "leads out of the tree"),
        (
            "diff --git a/fw.bin b/fw.bin\nindex 1111111..2222222\nBinary files a/fw.bin and b/fw.bin differ\n",
            "binary patch",
        ),
        ("\n".join(mails.diff_of("arch/a.c").split("\n")[:-3]), "cut short"),
    ],
)
def test_patches_that_cannot_be_reviewed_are_named(diff, reason):
    raw = series(3)
    raw[2] = mail("[PATCH 2/3] KVM: x86: step 2", body=f"Why.\n---\n{diff}", message_id=f"{mails.STAMP}-3-ann@kernel.example",
                  parent=f"{mails.STAMP}-1-ann@kernel.example")  # fmt: skip
    message = refused(raw)
    assert message.startswith('patch 2/3 "KVM: x86: step 2":')
    assert reason in message


def test_header_bytes_that_are_no_text_stop_the_review_of_that_patch_only():
    raw = series(2)
    raw.append(review(f"{mails.STAMP}-2-ann@kernel.example", "Nice.\n").replace(b"Bob", b"B\xf6b"))
    assert assembled(raw).complete
    raw[1] = raw[1].replace(b"step 1", b"st\xffp 1", 1)
    assert "Subject header" in refused(raw)


def test_every_series_is_json():
    to_json(assembled(series(2)))


SUBJECTS = st.sampled_from(["[PATCH]", "[PATCH 1/3]", "[PATCH 2/3]", "[PATCH 0/3]", "[PATCH v2 1/3]", "[PATCH 9/3]", "Re: [PATCH 1/3]", "[PATCH RESEND 1/3]",
                            "[PATCH v2 0/1]", "[PATCH 0/0]", "[PATCH 999/999]", "", "[GIT PULL]"])  # fmt: skip
IDS = st.sampled_from(
    [
        "a@x",
        "b@x",
        "c@x",
        "20260301120000.1-1-a@x",
        "20260301120000.1-2-a@x",
        "20260301120000.1-3-a@x",
        "",
    ]
)
BODIES = st.sampled_from(
    [
        "",
        mails.diff_of("a.c"),
        patch_body("b.c"),
        "Reviewed-by: Ann Example <ann@kernel.example>",
        "change-id: x\n" + mails.diff_of("c.c"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            SUBJECTS,
            IDS,
            IDS,
            BODIES,
            st.integers(0, 200),
            st.sampled_from([mails.AUTHOR, "Eve <eve@x.example>"]),
        ),
        max_size=9,
    ),
    IDS,
    st.sampled_from([None, None, 1, 2]),
)
def test_any_heap_of_mails_is_a_series_or_a_clear_refusal(rows, asked, revision):
    raw = [
        mail(subject, body=body, message_id=message_id, parent=parent, minute=minute, sender=sender)
        for subject, message_id, parent, body, minute, sender in rows
    ]
    with contextlib.suppress(UserError):
        found = assembled(raw, message_id=asked or None, revision=revision)
        if found is None or not found.patches:
            return
        assert {patch.number for patch in found.patches}.isdisjoint(found.missing)
        assert found.total == len(found.patches) + len(found.missing)
        assert [patch.number for patch in found.patches] == sorted(
            {patch.number for patch in found.patches}
        )
        assert found.newest_revision >= found.revision
        to_json(found)


def test_ten_patches_take_no_time():
    raw = series(10)
    started = time.perf_counter()
    assert assembled(raw).complete
    assert time.perf_counter() - started < 0.1


def test_a_thread_made_to_hurt_takes_little_time():
    chain = [
        mail(f"Re: x {n}", message_id=f"{n}@x", parent=f"{n - 1}@x", body="Acked-by: a <a@b>")
        for n in range(3000)
    ]
    patches = [
        mail(
            f"[PATCH {n % 900 + 1}/900] x",
            message_id=f"p{n}@x",
            parent="2999@x",
            body=patch_body("a.c"),
        )
        for n in range(1500)
    ]
    parsed = [parse_mail(one) for one in chain + patches]
    started = time.monotonic()
    with contextlib.suppress(UserError):
        assemble(parsed, source="test")
    assert time.monotonic() - started < 5, "look for what is quadratic"


def test_every_real_thread_is_assembled(shared):
    """All 3,000 mails: nothing crashes, and almost every thread is complete."""
    import subprocess

    bundle = shared / "lore" / "kvm-sample.bundle"
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["git", "clone", "-q", "--bare", str(bundle), scratch], check=True)
        commits = subprocess.run(
            ["git", "-C", scratch, "log", "--format=%H:m"], check=True, capture_output=True
        ).stdout
        stream = subprocess.run(
            ["git", "-C", scratch, "cat-file", "--batch"],
            input=commits,
            check=True,
            capture_output=True,
        ).stdout
    parsed = []
    at = 0
    while at < len(stream):
        end = stream.index(b"\n", at)
        size = int(stream[at:end].split()[2])
        parsed.append(parse_mail(stream[end + 1 : end + 1 + size]))
        at = end + size + 2
    threads: dict[str, list] = {}
    root: dict[str, str] = {}
    for one in sorted(parsed, key=lambda mail: mail.when):
        start = next(
            (root[ref] for ref in one.references if ref in root),
            one.references[0] if one.references else one.message_id,
        )
        root[one.message_id] = start
        threads.setdefault(start, []).append(one)
    complete = 0
    for thread in threads.values():
        found = assemble(thread, source="lore")
        complete += bool(found and found.complete)
    assert len(parsed) > 3000
    assert complete > 205
