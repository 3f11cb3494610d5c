# SPDX-License-Identifier: GPL-2.0-only
"""Nothing a mail holds breaks the judgement whether it may be obeyed."""

import time

import mails
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.model.command import Attested, Command, Word
from reviewbot.model.config import CommandPolicy
from reviewbot.model.errors import UnavailableError
from reviewbot.parse.mail import MailError, parse_mail
from reviewbot.parse.sealed import automatic, headers_of, not_trusted, readable_as_signed
from reviewbot.stages.permission import may, named
from reviewbot.tools.attestation import Attestation
from reviewbot.tools.domain_keys import DomainKeys

NAMES = st.sampled_from(
    [
        "From", "FROM ", "Subject", "Date", "References", "In-Reply-To", "Content-Type",
        "Content-Transfer-Encoding", "Precedence", "Auto-Submitted", "DKIM-Signature",
        "X-Developer-Signature", "Return-Path", "Message-ID", "",
    ]
)  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "Ann <ann@kernel.example>", "text/plain; charset=utf-7", "base64", "quoted-printable",
            "multipart/mixed; boundary=x", "v=1; a=rsa-sha256; d=kernel.example; s=x; h=; bh=; b=",
            "<a@b> <c@d>", "=?utf-8?q?=0A?=", "no", "auto-replied; x=y", "i=a@b; a=ed25519-sha256",
        ]
    ),
)  # fmt: skip
HEADS = st.lists(st.tuples(NAMES, st.sampled_from([":", " :", "", ": \n "]), VALUES), max_size=12)
BODIES = st.one_of(st.binary(max_size=200), st.just(b"#reviewbot mute\n"))


@given(HEADS, BODIES)
def test_any_mail_is_judged(head, body):
    raw = "\n".join("".join(parts) for parts in head).encode("utf-8", "replace") + b"\n\n" + body
    headers, _ = headers_of(raw)
    assert all(name == name.lower() and "\n" not in value for name, value in headers.items())
    try:
        mail = parse_mail(raw)
    except MailError:
        return
    automatic(headers, mail, ("kvm@vger.kernel.org",))
    readable_as_signed(raw, mail, headers, ("from",))
    attested = Attested(identity="a@b", how="x", signed=frozenset(), when=0.0, subject="x", text="")
    assert not_trusted(attested, mail, headers, subjects=(), now=1e9, days=7.0)
    keyless = Attestation(DomainKeys(("127.0.0.1:9",), 0.05))
    try:
        found, why = keyless.verify(raw, mail)
    except UnavailableError:
        return
    assert found is None
    assert why


def test_endless_headers_cost_no_time():
    started = time.monotonic()
    for line in (b"\n ", b"\n a", b"\n\t \t"):
        raw = (
            b"From: a@b.example\nSubject: x"
            + line * (500_000 // len(line))
            + b"\n\n#reviewbot mute\n"
        )
        assert headers_of(raw)[1] == ""
    many = b"Subject: x\n" * 45_000 + b"\n#reviewbot mute\n"
    assert headers_of(many)[1] == "subject"
    assert time.monotonic() - started < 3


def test_every_repeated_header_is_seen_however_it_is_spelled():
    for extra in (b"from: x@y.example", b"FROM : x@y.example", b"From\t: x@y.example"):
        raw = mails.mail("Re: x", body="hi\n", headers=[extra.decode()])
        assert headers_of(raw)[1] == "from"
        assert headers_of(raw.replace(b"\n", b"\r\n"))[1] == "from"


def test_who_may_what():
    def ask(word, who, policy, authors=("ann@kernel.example",), **more):
        command = Command(word=word, line=1, said="x", **more)
        return may(command, who, policy, authors)

    ann, bob = "ann@kernel.example", "bob@kernel.example"
    nobody, both = CommandPolicy(), CommandPolicy(allow=("author", "@Big.example"))
    for word in (Word.INVALID, Word.UNRELATED, Word.MUTE, Word.UNMUTE, Word.HELP, Word.UNKNOWN):
        assert ask(word, ann, nobody)
        assert not ask(word, bob, nobody)
    for word in (Word.TEST, Word.RERUN):
        assert not ask(word, ann, nobody)
        assert ask(word, ann, both)
        assert ask(word, "sean@big.example", both)
        assert not ask(word, bob, both)
    assert ask(Word.MUTE, bob, nobody, me=True)
    assert not ask(Word.MUTE, bob, CommandPolicy(per_day=0), me=True)
    assert not named("sean@evil.big.example", ("@big.example",))
    assert not named("sean@notbig.example", ("@big.example", "big.example"))
    assert not named("author", ("author",))
    assert named("a@b", ("A@b",))
