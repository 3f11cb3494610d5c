# SPDX-License-Identifier: GPL-2.0-only
"""Who wrote a mail, by its DKIM signature (RFC 6376) or its patatt signature (X-Developer-Signature).

What a good signature proves for our purpose, and what not, is in parse.sealed.
"""

import json
import logging
import re
import sys
import tempfile
from collections.abc import Iterator

import dkim
import dkim.util

from reviewbot.model.command import Attested
from reviewbot.model.errors import UnavailableError
from reviewbot.parse.mail import Mail
from reviewbot.parse.sealed import headers_of, readable_as_signed
from reviewbot.parse.subject import parse_subject
from reviewbot.parse.text import one_line
from reviewbot.tools import process
from reviewbot.tools.domain_keys import DomainKeys

_SIGNATURES = 6
"""Signatures of a mail that are looked at; more are there to waste our time."""
_HEADER_LIMIT = 8192
_CHILD_SECONDS = 30.0
_WIDE_BLANK = re.compile(rb"\s{100}")  # some of dkimpy's expressions take a long time for those
_ALGORITHMS = (b"rsa-sha256", b"ed25519-sha256")
_QUIET = logging.getLogger("reviewbot.dkim")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False

# patatt starts git, gpg and ssh-keygen with what is in the mail: in a child, with a time limit.  Besides
# the results it gives the text it has verified, which is what git mailinfo makes of the mail.
_PATATT = """
import json, sys, patatt
raw = sys.stdin.buffer.read()
found = [list(one[:3]) for one in patatt.validate_message(raw, [sys.argv[1]])]
message = patatt.PatattMessage(raw)
message.git_canonicalize()
text = message.canon_body.decode("utf-8", "replace").replace("\\r\\n", "\\n")
subject = [one for one in message.canon_headers if one.lower().startswith(b"subject:")]
subject = subject[0].partition(b":")[2].decode("utf-8", "replace") if subject else ""
json.dump({"found": found, "text": text, "subject": subject}, sys.stdout)
"""
_VALID = 0


class Attestation:
    """Asks the signatures of a mail.  ``keyring`` is a directory of patatt's public keys, "" for none."""

    def __init__(self, keys: DomainKeys, keyring: str = "") -> None:
        self._keys = keys
        self._keyring = keyring

    def verify(self, raw: bytes, mail: Mail) -> tuple[Attested | None, str]:
        """Who wrote the mail, or None and why nobody knows.

        Raises UnavailableError when a key cannot be fetched now, and no other signature helps.
        """
        found, why = self._by_patatt(raw, mail)
        if found:
            return found, ""
        found, other = self._by_dkim(raw, mail)
        return found, "" if found else "; ".join(one for one in (why, other) if one)

    def _by_dkim(self, raw: bytes, mail: Mail) -> tuple[Attested | None, str]:
        domain = mail.sender.email.lower().rpartition("@")[2]
        headers, _ = headers_of(raw)
        why = f"no DKIM signature of {domain}"
        unavailable: UnavailableError | None = None
        for number, tags in _signatures(raw):
            signer = tags.get(b"d", b"").decode("ascii", "replace").lower()
            # Whoever has a domain has those below it; the other way round needs a list of suffixes.
            if not signer or not (domain == signer or domain.endswith(f".{signer}")):
                continue
            if b"l" in tags or tags.get(b"a") not in _ALGORITHMS:
                why = "its DKIM signature leaves the end of the text open, or is of a weak kind"
                continue
            try:
                good = self._good(raw, number)
            except UnavailableError as error:
                unavailable = error
                continue
            if not good:
                why = f"the DKIM signature of {signer} does not fit: changed on the way, or forged"
                continue
            signed = frozenset(
                name.strip().decode("ascii", "replace").lower()
                for name in tags.get(b"h", b"").split(b":")
            )
            why = readable_as_signed(raw, mail, headers, signed)
            if not why:
                when = mail.when if "date" in signed else 0.0
                return Attested(
                    identity=mail.sender.email.lower(),
                    how=f"DKIM of {signer}",
                    signed=signed,
                    when=when,
                    subject=mail.subject.text,
                    text=mail.body,
                ), ""
        if unavailable:
            raise unavailable
        return None, why

    def _good(self, raw: bytes, number: int) -> bool:
        try:
            checked = dkim.DKIM(raw, logger=_QUIET, minkey=1024)
            return bool(checked.verify(number, dnsfunc=self._keys.text))
        except UnavailableError:
            raise
        except Exception:  # noqa: BLE001 - the library raises all kinds for hostile tags and keys
            return False

    def _by_patatt(self, raw: bytes, mail: Mail) -> tuple[Attested | None, str]:
        if not self._keyring or b"\nx-developer-signature:" not in b"\n" + raw.lower():
            return None, ""
        with tempfile.TemporaryDirectory(prefix="reviewbot-patatt-") as scratch:
            done = process.run(
                [sys.executable, "-I", "-c", _PATATT, self._keyring],
                timeout=_CHILD_SECONDS,
                cwd=scratch,
                env={
                    "HOME": scratch,
                    "XDG_DATA_HOME": scratch,
                    "GIT_CONFIG_GLOBAL": "/dev/null",
                    "GIT_CONFIG_NOSYSTEM": "1",
                    "GIT_CEILING_DIRECTORIES": "/",
                },
                stdin=raw,
                output_limit=16 * 1024 * 1024,
            )
        if not done.ok:
            return None, "its patatt signature cannot be checked"
        answer = json.loads(done.stdout)
        identity = mail.sender.email.lower()
        for result, signer, when in answer["found"]:
            if result == _VALID and str(signer).lower() == identity:
                return Attested(
                    identity=identity,
                    how="patatt",
                    signed=frozenset({"from", "subject"}),
                    when=float(when or 0),
                    subject=parse_subject(one_line(str(answer["subject"]))).text,
                    text=str(answer["text"]),
                ), ""
        return None, "its patatt signature does not fit, or the key is not in our keyring"


def _signatures(raw: bytes) -> Iterator[tuple[int, dict[bytes, bytes]]]:
    """(place, tags) of the DKIM signatures, as dkimpy counts them."""
    try:
        headers, _ = dkim.rfc822_parse(raw)
    except Exception:  # noqa: BLE001 - as above
        return
    values = [value for name, value in headers if name.lower() == b"dkim-signature"]
    for number, value in enumerate(values[:_SIGNATURES]):
        if len(value) > _HEADER_LIMIT or _WIDE_BLANK.search(value):
            continue
        try:
            tags = dkim.util.parse_tag_value(value)
        except Exception:  # noqa: BLE001, S112 - as above
            continue
        yield number, {name: re.sub(rb"\s", b"", text) for name, text in tags.items()}
