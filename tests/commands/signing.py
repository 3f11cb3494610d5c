# SPDX-License-Identifier: GPL-2.0-only
"""Really signed mails, and a real DNS server on loopback that has the keys."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dkim
from dnslib import QTYPE, RCODE, RR, TXT
from dnslib.server import BaseResolver, DNSServer
from nacl.encoding import Base64Encoder
from nacl.signing import SigningKey

SELECTOR = b"key1"
HEADERS = (
    b"from", b"subject", b"date", b"message-id", b"in-reply-to", b"references",
    b"content-type", b"content-transfer-encoding",
)  # fmt: skip


@dataclass
class Key:
    """One domain's key: what signs, and the TXT record that says so."""

    private: bytes
    record: str
    algorithm: bytes


def rsa_key(place: Path, bits: int = 2048) -> Key:
    """Made by openssl, as an administrator would."""
    file = place / f"rsa-{bits}.pem"
    command = ["openssl", "genrsa", "-traditional", "-out", file, str(bits)]
    subprocess.run(command, check=True, capture_output=True)
    shown = subprocess.run(
        ["openssl", "rsa", "-in", file, "-pubout", "-outform", "PEM"],
        check=True,
        capture_output=True,
    )
    public = "".join(shown.stdout.decode().split("\n")[1:-2])
    return Key(file.read_bytes(), f"v=DKIM1; k=rsa; p={public}", b"rsa-sha256")


def ed25519_key() -> Key:
    key = SigningKey.generate()
    public = key.verify_key.encode(Base64Encoder).decode()
    return Key(key.encode(Base64Encoder), f"v=DKIM1; k=ed25519; p={public}", b"ed25519-sha256")


def sign(raw: bytes, key: Key, domain: str, headers: tuple[bytes, ...] = HEADERS, **more) -> bytes:
    """The mail with a DKIM-Signature over those of ``headers`` that it has."""
    head = raw.partition(b"\n\n")[0].lower()
    present = [name for name in headers if b"\n" + name + b":" in b"\n" + head]
    signature = dkim.sign(
        raw,
        SELECTOR,
        domain.encode(),
        key.private,
        canonicalize=(b"relaxed", b"simple"),
        include_headers=present,
        signature_algorithm=key.algorithm,
        linesep=b"\n",
        **more,
    )
    return signature.replace(b"\r\n", b"\n") + raw


@dataclass
class Zone(BaseResolver):
    """Answers what is in ``records``, by domain; fails as long as ``broken``, and counts questions."""

    records: dict[str, str] = field(default_factory=dict)
    broken: bool = False
    asked: int = 0

    def resolve(self, request, handler):  # noqa: ARG002 - the library's
        self.asked += 1
        reply = request.reply()
        name = str(request.q.qname).rstrip(".")
        if self.broken:
            reply.header.rcode = RCODE.SERVFAIL
        elif name in self.records:
            text = self.records[name].encode()
            parts = [text[at : at + 250] for at in range(0, len(text) or 1, 250)]
            reply.add_answer(RR(request.q.qname, QTYPE.TXT, ttl=300, rdata=TXT(parts)))
        else:
            reply.header.rcode = RCODE.NXDOMAIN
        return reply

    def publish(self, domain: str, key: Key) -> None:
        self.records[f"{SELECTOR.decode()}._domainkey.{domain}"] = key.record


class _Silent:
    def __getattr__(self, name):
        return lambda *_: None


@contextlib.contextmanager
def nameserver(zone: Zone) -> Iterator[str]:
    """The zone on a port of 127.0.0.1; gives "127.0.0.1:PORT"."""
    server = DNSServer(zone, address="127.0.0.1", port=0, logger=_Silent())
    port = server.server.server_address[1]
    server.start_thread()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop()
        server.server.server_close()
        server.thread.join(5)


def keyring(place: Path, identity: str) -> SigningKey:
    """A patatt keyring at ``place`` with a new key of ``identity``."""
    key = SigningKey.generate()
    local, _, domain = identity.partition("@")
    file = place / "ed25519" / domain / local / "default"
    file.parent.mkdir(parents=True)
    file.write_bytes(key.verify_key.encode(Base64Encoder))
    return key


def patatt_sign(raw: bytes, key: SigningKey, identity: str) -> bytes:
    """Signed by patatt itself, in a child: it starts git."""
    code = (
        "import sys, patatt\n"
        "raw = sys.stdin.buffer.read()\n"
        "sys.stdout.buffer.write(patatt.sign_message(raw, 'ed25519', sys.argv[1], sys.argv[2], None))"
    )
    private = key.encode(Base64Encoder).decode()
    done = subprocess.run(
        [sys.executable, "-c", code, private, identity], input=raw, capture_output=True, check=True
    )
    return done.stdout
