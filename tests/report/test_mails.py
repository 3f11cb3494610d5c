# SPDX-License-Identifier: GPL-2.0-only
"""The mails as their readers and their servers see them."""

import email
import email.policy
import re
import unicodedata
from dataclasses import replace

import pytest
import sample_runs
from hypothesis import given
from hypothesis import strategies as st
from sample_runs import BIT, CASES, JIM, ROOT, patch, series, whole

from reviewbot.model.base import BaseRule, Confidence
from reviewbot.model.mail import Mail
from reviewbot.model.series import Address
from reviewbot.stages import report
from reviewbot.stages.compose import compose, flatten, mbox
from reviewbot.stages.recipients import recipients
from reviewbot.stages.remarks import remarks
from reviewbot.stages.report_text import MOST_NOTES
from reviewbot.stages.tally import tally

ANY = st.text(st.characters(exclude_categories=[]), max_size=120)
HEADERS = {
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "auto-submitted",
    "content-type",
    "content-transfer-encoding",
    "mime-version",
}


def read(mail):
    return email.message_from_bytes(flatten(compose(mail)), policy=email.policy.default)


def test_threading_and_addresses(settings):
    cover, fourth, sixth = (read(m) for m in report.mails(sample_runs.findings(), settings))
    assert cover["Subject"] == "Re: [PATCH v2 0/8] KVM: x86: nSVM: Improve PAT virtualization"
    assert cover["In-Reply-To"] == f"<{ROOT.format(1)}>"
    assert fourth["In-Reply-To"] == f"<{ROOT.format(5)}>"
    assert sixth["References"].split() == [f"<{ROOT.format(1)}>", f"<{ROOT.format(7)}>"]
    for message in (cover, fourth, sixth):
        assert message["To"] == "Jim Mattson <jmattson@google.com>"
        assert message["Cc"] == "kvm@vger.kernel.org"
        assert message["Auto-Submitted"] == "auto-generated"
        assert message.get_content_type() == "text/plain"
        assert not message.is_multipart()


def test_notes_get_no_mail_of_their_own(settings):
    mails = report.mails(sample_runs.findings(), settings)
    assert [m.in_reply_to for m in mails] == [ROOT.format(n) for n in (1, 5, 7)]
    assert "7/8 note: no selftest reads the legacy state back" in mails[0].body


@pytest.mark.parametrize(
    "name", ["clean", "only_notes", "declined", "infra", "partial", "base_does_not_build"]
)
def test_silence(name, settings):
    run = CASES[name]()
    if name == "base_does_not_build":
        run = replace(run, base=sample_runs.base(BaseRule.SCORED))
    assert report.mails(run, settings) == ()


def test_all_clear_is_sent_where_a_list_asked_for_it(settings):
    (mail,) = report.mails(sample_runs.clean(), replace(settings, all_clear=True))
    assert mail.body.startswith("reviewbot: no findings, no regression found.\n")


@pytest.mark.parametrize("name", ["wrong_base", "conflict"])
def test_a_base_that_we_guessed_is_nobodys_fault(name, settings):
    run = CASES[name]()
    assert report.mails(run, settings)
    assert not report.mails(replace(run, base=sample_runs.base(BaseRule.SCORED)), settings)


def test_a_patch_without_cover_gets_one_mail(settings):
    (mail,) = report.mails(sample_runs.single_patch(), settings)
    assert mail.body.startswith("reviewbot: 1 error, no regression found.\n")
    assert "> +\tcase MSR_IA32_CR_PAT:\n" in mail.body


def test_the_same_said_again_has_the_same_message_id(settings):
    run = sample_runs.findings()
    again = replace(run, id="other", started="2026-02-01T00:00:00+00:00", times=())
    ids = [m.message_id for m in report.mails(run, settings)]
    assert [m.message_id for m in report.mails(again, settings)] == ids
    assert len(set(ids)) == len(ids)


def test_something_new_has_a_new_message_id(settings):
    run = sample_runs.findings()
    fewer = replace(run, check=sample_runs.checked(BIT))
    assert {m.message_id for m in report.mails(run, settings)}.isdisjoint(
        m.message_id for m in report.mails(fewer, settings)
    )


@pytest.mark.parametrize("name", CASES)
def test_prose_fits_72_columns_and_no_tag_is_offered(name, settings):
    for mail in report.mails(CASES[name](), settings):
        for line in mail.body.split("\n"):
            free = line.startswith((">", "  ", "[KVM-")) or "://" in line
            assert free or len(line) <= 72, f"longer than 72 columns: {line}"
        assert not re.search(r"(?i)^\s*(reviewed|acked|tested)-by:", mail.body, re.MULTILINE)


def test_the_same_complaint_is_written_out_once(settings):
    spots = [replace(BIT, location=replace(BIT.location, line=n)) for n in (497, 498)]
    _, mail = report.mails(whole(check=sample_runs.checked(*spots)), settings)
    assert mail.body.count("every other flag here") == 1
    assert "Same here: BIT() in a UAPI header." in mail.body


def test_what_is_said_of_several_patches_is_explained_once(settings):
    subjects = tuple(replace(BIT, location=None, patch=n, title="no scope") for n in (6, 7))
    subjects += (replace(subjects[0], title="another scope"),)
    notes = tuple(replace(sample_runs.QUIRK_NOTE, patch=n, fix="Do that.") for n in (6, 7))
    (mail,) = report.mails(whole(check=sample_runs.checked(*subjects, *notes)), settings)
    assert "\n6/8 warning: no scope" in mail.body
    assert "\n7/8 warning: no scope" in mail.body
    assert mail.body.count("\nwarning: no scope.") == 1
    assert mail.body.count("\nwarning: another scope.") == 1
    assert mail.body.count("checkuapi.rst]") == 1
    assert mail.body.count("note: ") == 2
    assert mail.body.count("Do that.") == 1


@pytest.mark.parametrize(
    ("basis", "said"),
    [("", "I am not sure about this one."), ("1 of 2 files", "the series does not apply to this")],
)
def test_a_finding_that_may_be_wrong_says_so_and_why(basis, said):
    run = whole(check=sample_runs.checked(replace(BIT, confidence=Confidence.LOW)))
    run = replace(run, check=replace(run.check, basis=basis))
    (sixth,) = (one for one in run.series.patches if one.number == 6)
    (remark,) = (one for one in remarks(run, tally(run), sixth) if one.kind == "warning")
    assert said in remark.text


@pytest.mark.parametrize(("left", "said"), [(1, "1 more note]"), (2, "2 more notes]")])
def test_notes_that_are_left_out_are_counted(left, said, settings):
    notes = (replace(sample_runs.QUIRK_NOTE, patch=n % 8 + 1) for n in range(MOST_NOTES + left))
    mail, *_ = report.mails(whole(check=sample_runs.checked(BIT, *notes)), settings)
    assert f"[... and {said}" in mail.body


def test_two_lines_of_a_conflict_fit_below_each_other(settings):
    wanted, found = f'"{"w" * 66}"', f'"{"f" * 66}"'
    run = sample_runs.conflict()
    stop = replace(run.applied.conflict, reason=f"line 9: expected {wanted}, found {found}")
    run = replace(run, applied=replace(run.applied, conflict=stop))
    text = report.run(run, "text", settings).decode()
    assert f"\n  line 9:\n  expected {wanted},\n  found {found}\n" in text


def test_many_findings_are_capped_and_the_rest_counted(settings):
    for mail in report.mails(sample_runs.many_findings(), settings):
        assert re.search(r"\[\.\.\. and \d+ more", mail.body)
        assert mail.body.count("\n") < 90, "nobody scrolls through this"


def test_people_on_cc_are_left_out_and_the_author_is_named_once():
    everybody = (*series().cover.to, *series().cover.cc, Address(name="", email="x86@kernel.org"))
    to, cc = recipients(JIM, JIM, everybody)
    assert [a.email for a in to] == ["jmattson@google.com"]
    assert [a.email for a in cc] == ["kvm@vger.kernel.org"]


def test_without_a_kvm_list_the_other_lists_count_but_not_the_catch_all():
    said = [
        Address(name="", email=e)
        for e in ("linux-kernel@vger.kernel.org", "linux-mm@kvack.org", "akpm@linux-foundation.org")
    ]
    _, cc = recipients(JIM, JIM, tuple(said))
    assert [a.email for a in cc] == ["linux-mm@kvack.org"]
    assert recipients(JIM, JIM, tuple(said[:1]))[1] == tuple(said[:1])


def test_a_mail_through_the_submission_endpoint_is_answered_to_its_author():
    relay = Address(name="Jim via B4 Relay", email="devnull+jmattson.google.com@kernel.org")
    assert recipients(relay, JIM, ())[0] == (JIM,)


@given(name=ANY, subject=ANY, ids=st.tuples(ANY, ANY, ANY), body=ANY, address=ANY)
def test_no_text_of_strangers_becomes_a_header(name, subject, ids, body, address):
    mail = Mail(
        sender=Address(name=name, email="bot@example.org"),
        to=(Address(name=name, email="a@example.org"), Address(name=name, email=address)),
        cc=(Address(name=name, email="kvm@vger.kernel.org"),),
        subject=subject,
        date="Fri, 16 Jan 2026 10:15:00 +0000",
        message_id="1@example.org",
        in_reply_to=ids[0],
        references=ids[1:],
        body=body,
    )
    raw = flatten(compose(mail))
    head, _, _ = raw.partition(b"\r\n\r\n")
    assert all(31 < byte < 127 for byte in head.replace(b"\r\n", b"")), "raw bytes in the header"
    for line in head.split(b"\r\n"):
        assert line.startswith(b" ") or line.split(b":")[0].decode().lower() in HEADERS
        assert line.strip(), "an empty line would end the header early"
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert {key.lower() for key in message.keys()} <= HEADERS  # noqa: SIM118 - a Message is no dict
    assert not message.defects
    shown = message["Subject"] + message.get_content().replace("\r\n", "\n")
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs") or c in "\t\n" for c in shown)


@given(st.lists(st.sampled_from(["From here", ">From there", "x", "", "From\t"]), max_size=8))
def test_an_mbox_gives_back_the_mails_that_went_in(lines):
    body = "".join(f"{line}\n" for line in lines)
    mails = tuple(
        Mail(
            sender=None,
            to=(JIM,),
            cc=(),
            subject="s",
            date="Fri, 16 Jan 2026 10:15:00 +0000",
            message_id=f"{n}@example.org",
            in_reply_to="",
            references=(),
            body=body,
        )
        for n in (1, 2)
    )
    entries = re.split(rb"^From .*\n", mbox(mails), flags=re.MULTILINE)[1:]
    assert len(entries) == 2, "a line of a body was taken for the start of a mail"
    for entry in entries:
        text = entry.partition(b"\n\n")[2].decode()
        unescaped = re.sub("^>(>*From )", r"\1", text, flags=re.MULTILINE)
        assert unescaped.rstrip("\n") == body.rstrip("\n")


def test_umlauts_travel_as_quoted_printable(settings):
    roedel = Address(name="Jörg Rödel", email="joro@8bytes.org")
    four = replace(patch(4), sender=roedel, author=roedel)
    run = sample_runs.findings()
    one = replace(run, series=replace(run.series, patches=(four,), total=1, cover=None))
    (mail,) = report.mails(one, settings)
    raw = flatten(compose(mail))
    assert raw.isascii()
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert message["Content-Transfer-Encoding"] == "quoted-printable"
    assert message["To"] == "Jörg Rödel <joro@8bytes.org>"
    assert "Jörg Rödel wrote:" in message.get_content()
