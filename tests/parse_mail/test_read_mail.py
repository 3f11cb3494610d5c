# SPDX-License-Identifier: GPL-2.0-only
"""One mail: headers and bodies as real mailers make them, and as attackers do."""

import base64
import contextlib
import email
import email.utils
import inspect
import json
import quopri
import subprocess
import time

import mails
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.model.codec import to_json
from reviewbot.model.series import Address
from reviewbot.parse import mail as mail_module
from reviewbot.parse import message as message_module
from reviewbot.parse.changelog import is_scissors
from reviewbot.parse.diff import scan_diff
from reviewbot.parse.mail import SYNTHETIC_DOMAIN, MailError, parse_mail
from reviewbot.parse.subject import parse_subject
from reviewbot.parse.trailers import offered_trailers, parse_trailers


@pytest.mark.parametrize(
    ("full", "version", "number", "total", "prefixes", "text"),
    [
        ("[PATCH] KVM: fix", None, None, None, (), "KVM: fix"),
        ("[PATCH v3 02/10] KVM: fix", 3, 2, 10, (), "KVM: fix"),
        (
            "[RFC PATCH v3 02/10 kvm-unit-tests] x86: fix",
            3,
            2,
            10,
            ("RFC", "kvm-unit-tests"),
            "x86: fix",
        ),
        ("[PATCH V2 1/1] a", 2, 1, 1, (), "a"),
        ("[PATCHv4 0/3] a", 4, 0, 3, (), "a"),
        ("[RESEND][PATCH v2] a", 2, None, None, ("RESEND",), "a"),
        ("[PATCH 6.1.y,v2 3/4] a", 2, 3, 4, ("6.1.y",), "a"),
        ("[PATCH AUTOSEL 6.1 01/12] a", None, 1, 12, ("AUTOSEL", "6.1"), "a"),
        ("[PATCH 1/2] [next] a [b]", None, 1, 2, ("next",), "a [b]"),
        ("[1/2] a", None, 1, 2, (), "a"),
        ("[PATCH v3 1/99999] a", 3, None, None, ("1/99999",), "a"),
        ("[PATCH]", None, None, None, (), "[PATCH]"),
        ("no brackets", None, None, None, (), "no brackets"),
        ("[PATCH unclosed", None, None, None, (), "[PATCH unclosed"),
    ],
)
def test_subjects(full, version, number, total, prefixes, text):  # noqa: PLR0917 - a table
    subject = parse_subject(full)
    assert (subject.version, subject.number, subject.total) == (version, number, total)
    assert (subject.prefixes, subject.text, subject.reply) == (prefixes, text, False)


@pytest.mark.parametrize("reply", ["Re: ", "RE: ", "Re: Re: ", "AW: ", "Fwd: ", "Re[2]: "])
def test_replies(reply):
    subject = parse_subject(f"{reply}[PATCH v3 02/10] KVM: fix")
    assert (subject.reply, subject.number, subject.text) == (True, 2, "KVM: fix")


def test_a_patch_mail():
    parsed = parse_mail(
        mails.mail(
            "[PATCH v2 1/2] KVM: x86: fix",
            body=mails.patch_body("arch/x86/kvm/x86.c", below="v2: rebased.\n\n"),
            message_id="one@kernel.example",
            parent="zero@kernel.example",
        )
    )
    assert parsed.message_id == "one@kernel.example"
    assert parsed.references == ("zero@kernel.example",)
    assert parsed.sender == Address(name="Ann Example", email="ann@kernel.example")
    assert parsed.changelog == f"Say why.\n\nSigned-off-by: {mails.AUTHOR}"
    assert parsed.below_cut.startswith("v2: rebased.")
    assert parsed.diff.startswith("diff --git a/arch/x86/kvm/x86.c")
    assert parsed.date == "Sun, 01 Mar 2026 12:00:00 +0000"
    assert [trailer.name for trailer in parsed.trailers] == ["Signed-off-by"]


def test_an_inner_from_makes_the_author():
    body = (
        "From: Bob Writer <bob@kernel.example>\nSubject: KVM: better\n words\n\nWhy.\n---\n"
        + mails.diff_of("a.c")
    )
    parsed = parse_mail(mails.mail("[PATCH 2/3] KVM: worse", body=body))
    assert parsed.author == Address(name="Bob Writer", email="bob@kernel.example")
    assert parsed.sender.name == "Ann Example"
    assert (parsed.subject.text, parsed.subject.number) == ("KVM: better words", 2)
    assert parsed.changelog == "Why."


def test_a_sentence_that_begins_with_from_is_no_header():
    parsed = parse_mail(
        mails.mail(
            "[PATCH] x", body="From: here to there\n is far.\nReally.\n---\n" + mails.diff_of("a.c")
        )
    )
    assert "Really." in parsed.changelog


def test_what_is_above_scissors_is_dropped():
    body = (
        "Hi all,\n\nhow about this?\n\n-- >8 --\nFrom: Bob <bob@kernel.example>\n\nWhy.\n---\n"
        + mails.diff_of("a.c")
    )
    parsed = parse_mail(mails.mail("[PATCH] x", body=body))
    assert parsed.changelog == "Why."
    assert parsed.author.name == "Bob"


@pytest.mark.parametrize(
    ("line", "cuts"),
    [("-- >8 --", True), ("-----8<-----", True), ("--- >8 --- cut here", True), ("- - - 8< - - -", True), (">8", False), ("--", False),
     ("see 8< and --", True), ("a -- >8 --", True), ("x86: fix 8<", False), ("---", False), ("-- ", False)],
)  # fmt: skip
def test_scissors_as_git_sees_them(line, cuts, tmp_path):
    assert is_scissors(line) is cuts
    raw = mails.mail("[PATCH] x", body=f"above\n{line}\nbelow\n---\n" + mails.diff_of("a.c"))
    (tmp_path / "mail").write_bytes(raw)
    done = subprocess.run(
        ["git", "mailinfo", "--scissors", tmp_path / "m", tmp_path / "p"],
        input=raw,
        capture_output=True,
        check=True,
    )
    assert done.stdout
    if line != "---":  # that ends the message
        assert ("above" not in (tmp_path / "m").read_text()) is cuts


@pytest.mark.parametrize("how", ["base64", "quoted-printable", "8bit"])
@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1"])
def test_transfer_encodings_and_charsets(how, charset):
    text = mails.patch_body("a.c", text="Für Zoë.", line="/* naïve */")
    data = text.encode(charset)
    coded = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring, "8bit": bytes}[
        how
    ](data)
    head = mails.mail(
        "[PATCH] x",
        headers=[
            "MIME-Version: 1.0",
            f"Content-Type: text/plain; charset={charset}",
            f"Content-Transfer-Encoding: {how}",
        ],
    )
    parsed = parse_mail(head + coded)
    assert parsed.changelog.startswith("Für Zoë.")
    assert "+/* naïve */" in parsed.diff


@pytest.mark.parametrize(
    "charset",
    [
        "utf-7",
        "unicode_escape",
        "zlib",
        "no-such",
        "rot13",
        "",
        "utf-16",
        "\u00e4",
        "punycode",
        "idna",
    ],
)
def test_charsets_that_lie_or_bite(charset):
    head = mails.mail(
        "[PATCH] x",
        headers=[
            f'Content-Type: text/plain; charset="{charset}"',
            "Content-Transfer-Encoding: 8bit",
        ],
    )
    parsed = parse_mail(head + b"+2AA-\xff\xe4" + mails.patch_body("a.c").encode())
    json.loads(to_json(parsed.body))


def test_a_signed_mail_yields_its_text():
    inner = "--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
    inner += quopri.encodestring(mails.patch_body("a.c", line="a = b;").encode()).decode()
    inner += (
        "\n--b\nContent-Type: application/pgp-signature\n\n-----BEGIN PGP SIGNATURE-----\n--b--\n"
    )
    parsed = parse_mail(
        mails.mail(
            "[PATCH] x",
            body=inner,
            headers=["MIME-Version: 1.0", 'Content-Type: multipart/signed; boundary="b"'],
        )
    )
    assert "+a = b;" in parsed.diff
    assert "PGP" not in parsed.body


def test_an_attached_patch_is_joined_to_the_message():
    inner = (
        "--b\nContent-Type: text/plain\n\nWhy.\n---\n\n--b\nContent-Type: text/x-patch; name=x.patch\n"
        f"Content-Disposition: attachment\n\n{mails.diff_of('a.c')}\n--b--\n"
    )
    parsed = parse_mail(
        mails.mail(
            "[PATCH] x",
            body=inner,
            headers=["MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="b"'],
        )
    )
    assert parsed.changelog == "Why."
    assert scan_diff(parsed.diff)[0][0].path == "a.c"


def test_crlf_of_the_transport_is_undone_and_that_of_the_file_is_kept():
    body = mails.patch_body("a.c")
    assert "\r" not in parse_mail(mails.mail("[PATCH] x", body=body).replace(b"\n", b"\r\n")).diff
    mixed = base64.encodebytes(body.replace("+new\n", "+new\r\n").encode()).decode()
    parsed = parse_mail(
        mails.mail("[PATCH] x", body=mixed, headers=["Content-Transfer-Encoding: base64"])
    )
    assert "+new\r\n" in parsed.diff


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("=?utf-8?q?J=C3=B6rg?= <j@x.example>", Address(name="Jörg", email="j@x.example")),
        ("=?utf-8?b?SsO2cmcsIEEu?= <j@x.example>", Address(name="Jörg, A.", email="j@x.example")),
        (
            '"Doe, Jane (QA)" <jane@x.example>',
            Address(name="Doe, Jane (QA)", email="jane@x.example"),
        ),
        ("=?utf-8?q?a=0Ab=1B=5B31m?= <j@x.example>", Address(name="a b [31m", email="j@x.example")),
        ("Jörg <j@x.example>", Address(name="Jörg", email="j@x.example")),
        ("=?nonsense?q?abc?= <j@x.example>", Address(name="abc", email="j@x.example")),
        ("nobody", Address(name="nobody", email="")),
    ],
)
def test_senders(raw, shown):
    assert parse_mail(mails.mail("[PATCH] x", sender=raw)).sender == shown


def test_no_header_can_be_injected_through_an_encoded_subject():
    parsed = parse_mail(mails.mail("=?utf-8?q?[PATCH]_x=0D=0ABcc:_evil@x.example=E2=80=AE?="))
    assert parsed.subject.full == "[PATCH] x Bcc: evil@x.example"


@pytest.mark.parametrize("name", ["Subject", "From", "Message-ID", "Date"])
@pytest.mark.parametrize("bad", [b"\xff\xfe", b"\xc3", b"\0"])
def test_header_bytes_that_are_no_text_are_reported(name, bad):
    raw = mails.mail("[PATCH] x", message_id="a@b.example")
    parsed = parse_mail(raw.replace(f"{name}: ".encode(), f"{name}: ".encode() + bad, 1))
    assert f"{name} header" in parsed.damage
    assert parsed.damage.isprintable()


def test_a_mail_without_an_id_gets_the_same_one_every_time():
    raw = mails.mail("[PATCH] x")
    assert parse_mail(raw).message_id == parse_mail(raw).message_id
    assert parse_mail(raw).message_id.endswith("@" + SYNTHETIC_DOMAIN)


@pytest.mark.parametrize(
    ("value", "shown"),
    [("Thu, 3 Dec 2020 19:11:16 +0200", "Thu, 03 Dec 2020 19:11:16 +0200"), ("garbage", ""), ("", ""), ("Mon, 1 Jan 99999999 00:00:00 +0000", ""),
     ("Thu, 3 Dec 2020 19:11:16 +9999999", ""), ("Thu, 3 Dec 2020 19:11:16", "Thu, 03 Dec 2020 19:11:16 +0000")],
)  # fmt: skip
def test_dates(value, shown):
    raw = b"From: a@b.example\nSubject: x\nDate: " + value.encode() + b"\n\n"
    assert parse_mail(raw).date == shown


def test_trailers_of_a_kernel_changelog():
    changelog = (
        "KVM did the wrong thing.\nNote: this is prose.\n\n"
        'Fixes: 0123456789ab ("KVM: x86: a subject that is\n long (very)")\nCc: stable@vger.kernel.org # 6.1\n'
        "Signed-off-by: Ann <ann@kernel.example>\n[Bob: fixed a typo]\nSigned-off-by: Bob <bob@kernel.example>"
    )
    assert [(one.name, one.value) for one in parse_trailers(changelog)] == [
        ("Fixes", '0123456789ab ("KVM: x86: a subject that is long (very)")'),
        ("Cc", "stable@vger.kernel.org # 6.1"),
        ("Signed-off-by", "Ann <ann@kernel.example>"),
        ("Signed-off-by", "Bob <bob@kernel.example>"),
    ]


def test_a_fixes_line_in_a_paragraph_of_its_own_counts():
    found = parse_trailers('Why.\n\nFixes: 0123456789ab ("x")\n\nSigned-off-by: A <a@b.example>')
    assert [one.name for one in found] == ["Fixes", "Signed-off-by"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Just prose.",
        "Why.\n\nSee https://x.example/y: it says so.",
        "One: two\nis prose here\nand here\nand here",
    ],
)
def test_prose_is_no_trailer(text):
    assert parse_trailers(text) == ()


def test_only_ones_own_tags_in_ones_own_words_are_offered():
    body = (
        "On Monday Ann wrote:\n> Reviewed-by: Eve <eve@x.example>\n\nReviewed-by: Bob R. <bob@x.example>\n"
        "Tested-by: Eve <eve@x.example>\n-- \nAcked-by: Bob R. <bob@x.example>\n"
    )
    assert offered_trailers(body, "bob@x.example", "Bob R.") == (
        ("Reviewed-by", "Bob R. <bob@x.example>"),
    )


def test_what_is_no_mail_is_said_so():
    with pytest.raises(MailError, match="no headers"):
        parse_mail(b"\n\nhello")


HEADERS = st.sampled_from(["Subject", "From", "To", "Cc", "Date", "Message-ID", "References", "In-Reply-To", "Content-Type",
                           "Content-Transfer-Encoding", "MIME-Version"])  # fmt: skip
VALUES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"multipart/mixed; boundary=b", b"text/plain; charset*=utf-8''%ff", b"base64", b"=?utf-8?b?/w==?=", b"=?a?q??=", b"x-uuencode",
                     b"quoted-printable", b"[PATCH 1/2]", b"message/rfc822", b"text/plain; charset=\xff", b"=?utf-8?b?a?=", b'"', b"<a@b", b"<<>>"]),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(HEADERS, VALUES), max_size=8),
    st.one_of(st.binary(max_size=200), st.just(b"--b\n\n--b\n\nx\n--b--\n")),
)
def test_no_bytes_crash_the_reader(headers, body):
    raw = b"".join(name.encode() + b": " + value + b"\n" for name, value in headers) + b"\n" + body
    with contextlib.suppress(MailError):
        parsed = parse_mail(raw)
        for text in (
            parsed.subject.full,
            parsed.sender.name,
            parsed.sender.email,
            parsed.message_id,
            parsed.date,
        ):
            assert text.isprintable() or not text.isascii()
            assert "\n" not in text
        to_json(
            [parsed.body, parsed.changelog, parsed.diff, parsed.sender, list(parsed.references)]
        )


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: x\nTo: " + b"(" * 200_000 + b"\n\n",
        b"Subject: x\nTo: " + b'"' * 200_001 + b"\n\n",
        b"Subject: x\nTo: " + b"a@b, " * 50_000 + b"\n\n",
        b"Subject: x\nTo: " + b"<" * 200_000 + b"\n\n",
        b"Subject: " + b"=?utf-8?q?" * 30_000 + b"\n\n",
        b"Subject: " + b"[" * 300_000 + b"\n\n",
        b"Subject: " + b"Re: " * 60_000 + b"\n\n",
        b"Subject: x\nReferences: " + b"<" * 500_000 + b"\n\n",
        b"Subject: x\nReferences: " + b"<a@b> " * 50_000 + b"\n\n",
        b"Subject: x\n\n" + b"-- >8 --\n" * 100_000,
        b"Subject: x\n\n" + b"a: b\n" * 200_000,
        b"Subject: x\n\n" + b"Fixes: (\n" + b"(\n" * 100_000,
        b"Subject: x\n\n" + b"--- a\n+++ b\n" * 100_000,
        b"Subject: x\n" + b"X-A: b\n" * 100_000 + b"\n",
        b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\n" * 60_000,
        b"Content-Type: multipart/mixed; boundary=a\n\n--a\n" * 5_000,
        b"Content-Type: message/rfc822\n\n" * 5_000,
    ],
    ids=lambda raw: raw[:40].decode(),
)
def test_hostile_mails_take_little_time(raw):
    started = time.monotonic()
    with contextlib.suppress(MailError):
        assert isinstance(parse_mail(raw).trailers, tuple)
    assert time.monotonic() - started < 5, (
        "less than 2 MB must not take seconds: look for what is quadratic"
    )


HEADER_LINES = st.sampled_from(
    [
        "From: Ann <ann@x.example>", "Subject: [PATCH] x", "Content-Type: text/plain; charset=latin1",
        "Content-Type: multipart/mixed; boundary=b", "Content-Type: message/rfc822", "no header",
        "Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: quoted-printable", " folded",
        'content-type: TEXT/PLAIN; format=flowed; charset="utf-8"', "Content-Type: text/plain; charset=utf-8 ",
        "Content-Type: text/html", "Subject: second", "To: a@x.example", "Cc: b@x.example", "To: c@x.example", "From: \xe9",
        "Message-ID: <a@x.example>", "X: \r", ": empty", "From nobody Thu Jan  1 00:00:00 1970",
    ]
)  # fmt: skip
BODY_LINES = st.sampled_from(
    ["", "--b", "text =3D", "SGVsbG8=", "--b--", "Subject: inner", "\xe9", "a\rb", "x\r"]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(HEADER_LINES, max_size=7), st.lists(BODY_LINES, max_size=6))
def test_the_short_way_reads_what_the_standard_library_reads(headers, body):
    raw = "\n".join([*headers, "", *body]).encode("latin-1")
    short = message_module._plain(raw)
    if short is not None:
        assert short == message_module._unusual(raw)


def test_the_short_way_is_taken_for_a_plain_patch():
    raw = mails.series(1, tag="PATCH")[1]
    assert message_module._plain(raw) == message_module._unusual(raw)
    folded = raw.replace(b"Subject: ", b"Content-Type: text/plain; charset=UTF-8\nSubject:\n\t", 1)
    assert message_module._plain(folded) == message_module._unusual(folded)


PIECES = st.sampled_from(
    ["Ann", " ", "Example", ".", ",", ", ", "<a@x.example>", "<", ">", "b@y.example", '"', '"B, C"', "(c)",
     "=?utf-8?q?J=C3=B6rg?=", "\u00e9", ":", ";", "@", "[", "\t", "a..b@x", "<a@x", "O'Neil", "\\", "\x0b"]
)  # fmt: skip


# Debian's 3.11.2 has the strict mode of CVE-2023-27043, which gives nothing for "<a@x>,"; 3.11.7 has no modes.
LENIENT = (
    {"strict": False} if "strict" in inspect.signature(email.utils.getaddresses).parameters else {}
)


@settings(max_examples=1000, deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join))
def test_plain_addresses_are_what_the_standard_library_reads(value):
    plain = mail_module._plain_mailboxes(value)
    if plain:
        library = [pair for pair in email.utils.getaddresses([value], **LENIENT) if "@" in pair[1]]
        assert [(" ".join(name.split()), each) for name, each in plain] == [
            (" ".join(name.split()), each) for name, each in library
        ]
