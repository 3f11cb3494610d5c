# SPDX-License-Identifier: GPL-2.0-only
"""Who wrote a mail: real DKIM and patatt signatures, real DNS, and what forgers would try."""

import re
import time

import dns.resolver
import mails
import pytest
from signing import (
    HEADERS,
    Key,
    Zone,
    ed25519_key,
    keyring,
    nameserver,
    patatt_sign,
    rsa_key,
    sign,
)

from reviewbot.model.errors import UnavailableError, UserError
from reviewbot.parse.mail import parse_mail
from reviewbot.tools.attestation import Attestation
from reviewbot.tools.domain_keys import DomainKeys

ANN = "ann@kernel.example"
DOMAIN = "kernel.example"
BODY = "I ask for it.\n\n#reviewbot mute\n"


@pytest.fixture(scope="module")
def key(tmp_path_factory) -> Key:
    return rsa_key(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def zone(key):
    made = Zone()
    made.publish(DOMAIN, key)
    return made


@pytest.fixture
def asked(zone):
    with nameserver(zone) as address:
        yield Attestation(DomainKeys((address,), 2.0))


def reply(body: str = BODY, **more) -> bytes:
    return mails.mail(
        "Re: [PATCH] KVM: x86: Do it", body=body, message_id="r1@kernel.example", parent="p@x.example", **more
    )  # fmt: skip


def verdict(attestation, raw):
    return attestation.verify(raw, parse_mail(raw))


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_a_good_signature_names_its_sender(asked, zone, key, kind):
    own = key if kind == "rsa" else ed25519_key()
    zone.publish(DOMAIN, own)
    found, why = verdict(asked, sign(reply(), own, DOMAIN))
    assert (found.identity, found.how, why) == (ANN, "DKIM of kernel.example", "")
    assert {"from", "subject", "date", "in-reply-to"} <= found.signed
    assert "#reviewbot mute" in found.text


def test_mails_with_crlf_and_a_domain_below_the_signer_are_good(asked, key):
    raw = reply(sender="Bo <bo@mail.kernel.example>")
    found, _ = verdict(asked, sign(raw, key, DOMAIN))
    assert found.identity == "bo@mail.kernel.example"
    crlf = sign(reply(), key, DOMAIN).replace(b"\n", b"\r\n")
    assert verdict(asked, crlf)[0]


def test_keys_are_asked_for_once(asked, zone, key):
    for _ in range(5):
        assert verdict(asked, sign(reply(), key, DOMAIN))[0]
    assert zone.asked == 1


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("footer of a list", lambda raw: raw + b"_____\nlist footer\n"),
        ("another command", lambda raw: raw.replace(b"mute", b"test")),
        ("subject tag of a list", lambda raw: raw.replace(b"Subject: ", b"Subject: [kvm] ")),
        ("another parent", lambda raw: raw.replace(b"p@x.example", b"q@x.example")),
        ("another sender", lambda raw: raw.replace(b"ann@", b"bob@")),
        ("a date of today", lambda raw: raw.replace(b"01 Mar 2026", b"02 Mar 2026")),
    ],
)
def test_what_was_changed_is_not_believed(asked, key, what, change):
    raw = sign(reply(), key, DOMAIN)
    found, why = verdict(asked, change(raw))
    assert found is None, what
    assert "does not fit" in why


def test_a_signature_of_somebody_else_proves_nothing(asked, zone, key):
    zone.publish("evil.example", key)
    zone.publish("example", key)
    found, why = verdict(asked, sign(reply(), key, "evil.example"))
    assert (found, why) == (None, "no DKIM signature of kernel.example")
    below = reply(sender="Ann <ann@example>")
    assert verdict(asked, sign(below, key, DOMAIN))[0] is None
    lookalike = reply(sender="Ann <ann@notkernel.example>")
    assert verdict(asked, sign(lookalike, key, DOMAIN))[0] is None


def test_no_signature_is_no_proof(asked, zone):
    assert verdict(asked, reply()) == (None, "no DKIM signature of kernel.example")
    assert zone.asked == 0


def test_a_nameserver_that_fails_is_no_answer(asked, zone, key):
    raw = sign(reply(), key, DOMAIN)
    zone.broken = True
    with pytest.raises(UnavailableError):
        verdict(asked, raw)
    zone.broken = False
    assert verdict(asked, raw)[0]


def test_a_nameserver_that_is_away_costs_the_time_limit(key):
    away = Attestation(DomainKeys(("127.0.0.1:9",), 0.5))
    started = time.monotonic()
    with pytest.raises(UnavailableError):
        verdict(away, sign(reply(), key, DOMAIN))
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "record",
    ["", "v=DKIM1; p=", "v=DKIM1; k=rsa; p=AAAA", "hello", "v=DKIM1; k=rot13; p=x", "p=" + "A" * 5000],
)  # fmt: skip
def test_useless_keys_prove_nothing(asked, zone, key, record):
    zone.records = dict.fromkeys(zone.records, record)
    assert verdict(asked, sign(reply(), key, DOMAIN))[0] is None


def test_a_key_in_testing_or_revoked_proves_nothing(asked, zone, key):
    name = next(iter(zone.records))
    zone.records[name] = key.record.replace("k=rsa", "k=rsa; t=y:s")
    assert verdict(asked, sign(reply(), key, DOMAIN))[0] is None


def test_no_key_is_an_answer(asked, zone, key):
    zone.records.clear()
    found, why = verdict(asked, sign(reply(), key, DOMAIN))
    assert found is None
    assert "does not fit" in why


def test_a_short_key_proves_nothing(asked, zone, tmp_path):
    short = rsa_key(tmp_path, 768)
    zone.publish(DOMAIN, short)
    assert verdict(asked, sign(reply(), short, DOMAIN))[0] is None


def test_an_open_end_is_not_believed(asked, key):
    raw = sign(reply(), key, DOMAIN, length=True)
    found, why = verdict(asked, raw + b"#reviewbot test\n")
    assert found is None
    assert "leaves the end of the text open" in why


def test_another_encoding_cannot_make_a_command_of_a_quote(asked, key):
    """Content-Type and encoding are unsigned with many senders; the attacker wrote what is quoted."""
    loose = tuple(name for name in HEADERS if not name.startswith(b"content"))
    quoted = sign(reply("> foo =0A#reviewbot test\nNo.\n"), key, DOMAIN, loose)
    assert verdict(asked, quoted)[0] is None, "nobody knows which encoding was signed"
    forged = quoted.replace(b"\n\n", b"\nContent-Transfer-Encoding: quoted-printable\n\n", 1)
    assert "#reviewbot test" in parse_mail(forged).body.split("\n"), "else this tests nothing"
    assert verdict(asked, forged)[0] is None
    soft = reply("> a long line =\n#reviewbot test\n").replace(
        b"\n\n", b"\nContent-Transfer-Encoding: quoted-printable\n\n", 1
    )
    signed = sign(soft, key, DOMAIN, loose)
    stripped = signed.replace(b"\nContent-Transfer-Encoding: quoted-printable", b"")
    assert verdict(asked, stripped)[0] is None
    code = reply("> +\tu64 value =\n> +\t\tone;\nNo.\n\n#reviewbot mute\n")
    assert verdict(asked, sign(code, key, DOMAIN, loose))[0], "means the same in any encoding"
    whole = sign(soft, key, DOMAIN)
    assert verdict(asked, whole)[0], "signed with the encoding, it is good"
    parts = b'\nContent-Type: multipart/mixed; boundary="b"\n\n'
    inner = reply("--b\nContent-Type: text/plain\n\nhi\n--b--\n").replace(b"\n\n", parts, 1)
    assert verdict(asked, sign(inner, key, DOMAIN, loose))[0] is None
    assert verdict(asked, sign(inner, key, DOMAIN))[0]


def test_hostile_signatures_cost_no_time(asked):
    started = time.monotonic()
    for value in (
        b"v=1; a=rsa-sha256; d=kernel.example; s=key1; h=from; bh=x; b=" + b" \n\t" * 20_000,
        b";" * 100_000,
        b"v=1; a=rsa-sha256; d=kernel.example; s=" + b"a." * 3000 + b"; h=from; bh=AAAA; b=AAAA",
        b"v=1; a=rsa-sha256; d=kernel.example; s=key1; h=" + b"from:" * 1500 + b"; bh=AAAA; b=AAAA",
        b"v=1; a=rsa-sha256; d=\xff\xfe; s=key1; h=from; bh=AAAA; b=AAAA",
        b"d=kernel.example",
    ):
        raw = b"DKIM-Signature: " + value.replace(b"\n", b"\n ") + b"\n" + reply()
        assert verdict(asked, raw)[0] is None
        many = (b"DKIM-Signature: " + value[:500].replace(b"\n", b"\n ") + b"\n") * 200 + reply()
        assert verdict(asked, many)[0] is None
    assert time.monotonic() - started < 10


def test_a_host_without_nameservers_only_finds_no_key(key, monkeypatch, tmp_path):
    real = dns.resolver.Resolver
    missing = str(tmp_path / "resolv.conf")
    monkeypatch.setattr(
        dns.resolver,
        "Resolver",
        lambda *, configure: real(missing, configure=configure),
    )
    lost = Attestation(DomainKeys())
    with pytest.raises(UnavailableError):
        verdict(lost, sign(reply(), key, DOMAIN))


def test_a_nameserver_that_is_no_address_is_named():
    with pytest.raises(UserError, match="no address"):
        DomainKeys(("ns.example",))


@pytest.fixture
def ring(tmp_path):
    place = tmp_path / "keys"
    return place, keyring(place, ANN), Attestation(DomainKeys(("127.0.0.1:9",), 0.2), str(place))


def test_a_patatt_signature_names_its_sender(ring):
    _, key, attestation = ring
    raw = patatt_sign(reply(), key, ANN)
    found, why = verdict(attestation, raw)
    assert (found.identity, found.how, why) == (ANN, "patatt", "")
    assert abs(found.when - time.time()) < 60
    assert found.text.split("\n")[2] == "#reviewbot mute"
    assert found.subject == "KVM: x86: Do it"


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b"mute", b"test"),
        lambda raw: raw.replace(b"From: Ann Example <ann@", b"From: Bob <bob@"),
        lambda raw: raw.replace(b"Do it", b"Do that"),
        lambda raw: raw.replace(b"X-Developer-Signature: v=1", b"X-Developer-Signature: v=2"),
        lambda raw: re.sub(rb"i=ann@kernel.example", b"i=bob@kernel.example", raw),
    ],
)
def test_patatt_signatures_that_do_not_fit_are_not_believed(ring, change):
    _, key, attestation = ring
    raw = patatt_sign(reply(), key, ANN)
    assert verdict(attestation, raw)[0]
    found, why = verdict(attestation, change(raw))
    assert found is None
    assert "patatt" in why


def test_a_key_that_nobody_knows_proves_nothing(ring, tmp_path):
    _, _, attestation = ring
    stranger = keyring(tmp_path / "other", ANN)
    found, why = verdict(attestation, patatt_sign(reply(), stranger, ANN))
    assert found is None
    assert "not in our keyring" in why


def test_the_text_is_what_patatt_verified_however_it_is_wrapped(ring):
    """The parts of a mail are put together by git: a quote cut in two must not become a command."""
    _, key, attestation = ring
    raw = patatt_sign(reply("> #reviewbot test\nNo.\n"), key, ANN)
    head, _, body = raw.partition(b"\n\n")
    cut = body.replace(b"> #reviewbot", b"> \n--b\nContent-Type: text/plain\n\n#reviewbot")
    parts = b"--b\nContent-Type: text/html\n\n" + cut + b"\n--b--\n"
    forged = head + b'\nContent-Type: multipart/mixed; boundary="b"\n\n' + parts
    found, _ = verdict(attestation, forged)
    assert found is None or "\n#reviewbot test" not in "\n" + found.text
