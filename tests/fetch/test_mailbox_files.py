# SPDX-License-Identifier: GPL-2.0-only
"""Mails out of files: what works, and what is refused with one clear line."""

import gzip

import mails
import pytest

from reviewbot.model.errors import UserError
from reviewbot.parse.mail import parse_mail
from reviewbot.stages.fetch import FetchRequest, run
from reviewbot.tools import mailbox


def subjects(raw):
    return [parse_mail(one).subject.text for one in raw]


STEPS = ["KVM: x86: do things", "KVM: x86: step 1", "KVM: x86: step 2"]


def refused(call, *arguments):
    with pytest.raises(UserError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 400
    return message


def test_an_mbox(tmp_path):
    path = tmp_path / "x.mbox"
    path.write_bytes(mails.mbox(mails.series(2)))
    assert subjects(mailbox.read(path)) == STEPS


def test_lores_zipped_mbox(tmp_path):
    path = tmp_path / "t.mbox.gz"
    path.write_bytes(gzip.compress(mails.mbox(mails.series(2))))
    assert subjects(mailbox.read(path)) == STEPS
    path.write_bytes(path.read_bytes()[:-20])
    assert "cut short" in refused(mailbox.read, path)


def test_an_mbox_with_carriage_returns(tmp_path):
    path = tmp_path / "x.mbox"
    path.write_bytes(mails.mbox(mails.series(2)).replace(b"\n", b"\r\n"))
    assert subjects(mailbox.read(path)) == STEPS


def test_a_maildir(tmp_path):
    for name in ("cur", "new", "tmp"):
        (tmp_path / name).mkdir()
    for number, raw in enumerate(mails.series(2)):
        (tmp_path / ("cur" if number else "new") / f"{number}.host:2,S").write_bytes(raw)
    (tmp_path / "tmp" / "half").write_bytes(b"Subject: half")
    assert sorted(subjects(mailbox.read(tmp_path))) == sorted(STEPS)


def test_a_folder_of_patches(tmp_path):
    for number, raw in enumerate(mails.series(2)):
        head = b"From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n"
        (tmp_path / f"{number:04}-step.patch").write_bytes(head + raw)
    (tmp_path / ".hidden.patch").write_bytes(b"junk")
    (tmp_path / "notes.md").write_bytes(b"junk")
    assert subjects(mailbox.read(tmp_path)) == STEPS


def test_one_mail(tmp_path):
    path = tmp_path / "one.eml"
    path.write_bytes(mails.series(1)[1])
    assert subjects(mailbox.read(path)) == ["KVM: x86: step 1"]


def test_from_lines_in_bodies_split_nothing_and_come_back_unquoted():
    body = "From here on it is prose.\n>From the list.\n" + mails.patch_body("a.c")
    (raw,) = mailbox.split(mails.mbox([mails.mail("[PATCH] x", body=body)]), "test")
    assert parse_mail(raw).body.startswith(body.rstrip("\n"))


def test_unescaped_from_lines_in_prose_split_nothing():
    body = "\nFrom bob at Mon Sep 17 00:00:00 2001\nwe heard nothing.\n"
    data = b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + mails.mail("x", body=body)
    assert len(mailbox.split(data, "test")) == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"just words\n", "holds no mail"),
        (b"\0\1\2\3" * 100, "holds no mail"),
        (b"\x1f\x8b\x08rubbish", "gzip"),
        (b"From mboxrd@z Thu Jan  1 00:00:00 1970\nSubject: [PATCH] x\nFrom: a@b", "cut short"),
        (b"From mboxrd@z Thu Jan  1 00:00:00 1970\n", "cut short"),
        (b"Subject: [PATCH] x\nFrom: a@b.example\n", "cut short"),
        (b"#include <x.h>\nint main;\n", "holds no mail"),
    ],
)
def test_what_is_no_mailbox(data, reason, tmp_path):
    path = tmp_path / "x.mbox"
    path.write_bytes(data)
    message = refused(mailbox.read, path)
    assert reason in message
    assert "x.mbox" in message


def test_an_mbox_cut_in_the_middle_of_a_patch_names_it(tools, tmp_path):
    path = tmp_path / "cut.mbox"
    whole = mails.mbox(mails.series(3))
    path.write_bytes(whole[: whole.rindex(b" second\n")])
    message = refused(run, FetchRequest(what=str(path)), tools)
    assert "patch 3/3" in message
    assert "arch/x86/kvm/file3.c: hunk 1" in message


def test_a_huge_mail_is_refused_without_being_parsed(tools, tmp_path):
    path = tmp_path / "huge.eml"
    path.write_bytes(mails.mail("[PATCH] x", body="x" * 78 + "\n") + b"y\n" * (25 * 1024 * 1024))
    message = refused(run, FetchRequest(what=str(path)), tools)
    assert "50 MiB" in message
    assert "limit is 20 MiB" in message


def test_a_huge_mailbox_is_refused_unread(tmp_path):
    path = tmp_path / "huge.mbox"
    with path.open("wb") as stream:
        stream.truncate(201 * 1024 * 1024)
    assert "limit is 200 MiB" in refused(mailbox.read, path)


def test_a_gzip_bomb_is_refused(tmp_path):
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=9) as stream:
        for _ in range(210):
            stream.write(bytes(1024 * 1024))
    assert "too big" in refused(mailbox.read, path)


def test_a_folder_without_mails(tmp_path):
    assert "holds no mail" in refused(mailbox.read, tmp_path)


def test_a_file_that_cannot_be_opened(tmp_path):
    path = tmp_path / "x.mbox"
    path.symlink_to(path)  # a circle: not even root can read it
    assert "cannot be read" in refused(mailbox.read, path)


PAGE = (
    "From: Ann Example <ann@kernel.example>\nTo: kvm@vger.kernel.example\nCc: a@x.example, b@x.example,\nc@x.example\n"
    "Subject: [PATCH 1/2] x\nMessage-ID: <20260301120000.1-2-ann@kernel.example> (raw)\nSay why.\n---\n"
    + mails.diff_of("a.c")
)


@pytest.mark.parametrize(
    "page", [PAGE, "Log in\n\nKVM: x\n\n" + PAGE.replace("Message-ID: ", "Message-ID:\u00a0 ")]
)
def test_text_copied_from_a_web_page_names_the_mail_to_ask_for(page, tmp_path):
    path = tmp_path / "page.txt"
    path.write_text(page)
    message = refused(mailbox.read, path)
    assert "web page" in message
    assert "20260301120000.1-2-ann@kernel.example" in message


def test_mails_pasted_into_notes_between_fences():
    one, other = (
        b"From patchwork Fri Sep 25 06:10:00 2020\n"
        + mails.mail(f"[PATCH 0/2] {name}", body="Text.\n")
        for name in "ab"
    )
    text = b"# Notes\n\n```c\n" + one + b"```\nand\n```c\n" + other + b"```\n"
    raw = mailbox.split(text, "notes")
    assert subjects(raw) == ["a", "b"]
    assert b"```" not in raw[0]


def test_every_seed_document_gives_a_series_or_one_clear_line(tools, shared):
    pages = sorted((shared / "seeds").glob("*.txt"))
    assert pages
    for page in pages:
        try:
            found = run(FetchRequest(what=str(page)), tools)
        except UserError as refusal:
            message = str(refusal)
        else:
            message = found.declined.evidence if found.declined else "a series"
        assert message.isprintable(), page.name


def test_the_mails_of_an_mbox_are_split_without_being_judged():
    data = mails.mbox([b"Subject: cut short\n", mails.mail("x", body="From here on\n")])
    first, second = mailbox.messages(data)
    assert first.strip() == b"Subject: cut short"
    assert second.endswith(b"\nFrom here on\n\n")
    assert list(mailbox.messages(b"nothing")) == []
