# SPDX-License-Identifier: GPL-2.0-only
"""What must hold besides a good signature before a mail is obeyed.  Pure; the mail is hostile.

A signature covers some headers.  Whoever sends a signed mail again may change the others, put a
second From above the signed one, or declare another encoding, so that we read a quoted line as a command.
What the signers of kernel lists cover was counted on a sample of kvm@: all sign From, Subject and Date;
kernel.org leaves out Message-ID, amd.com In-Reply-To and References, most Content-Type.
"""

import quopri
import re
from collections import Counter
from collections.abc import Collection

from reviewbot.model.command import Attested
from reviewbot.parse.commands import commands_of
from reviewbot.parse.mail import Mail
from reviewbot.parse.text import decode

DAY = 86400.0

_SINGLE = frozenset({
    "from", "subject", "date", "message-id", "in-reply-to", "references", "mime-version",
    "content-type", "content-transfer-encoding", "auto-submitted",
})  # fmt: skip
_READ = _SINGLE | {
    "precedence", "return-path", "list-id", "x-mailing-list", "x-autoreply", "x-autorespond",
}  # fmt: skip
_PROGRAMS = re.compile(
    r"mailer-daemon|postmaster|majordomo|listserv|mailman|no-?reply|do-?not-?reply|autoreply"
    r"|.*-(?:bounces?|owner|request|confirm|help|subscribe|unsubscribe)|owner-.*",
    re.IGNORECASE,
)
_PLAIN_TYPE = re.compile(r"text/plain\b", re.IGNORECASE)
_OTHER_TYPE = re.compile(
    rb"\x1b|^content-(?:type|transfer-encoding):", re.IGNORECASE | re.MULTILINE
)
_SHORTEST_SUBJECT = 8
_VALUE_LIMIT = 8192  # characters of a header that are looked at


def headers_of(raw: bytes) -> tuple[dict[str, str], str]:
    """The first header of each name that matters, and which one stands there twice ("" for none).

    Names are compared the way the laxest reader would: in any case, with blanks before the colon.
    """
    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    found: dict[str, str] = {}
    times: Counter[str] = Counter()
    name = ""
    for line in re.split(rb"\r\n|\n|\r", head):
        if line[:1] in (b" ", b"\t"):
            if times[name] == 1 and len(found[name]) < _VALUE_LIMIT:
                found[name] += " " + _text(line)
            continue
        left, colon, right = line.partition(b":")
        name = _text(left).lower() if colon else ""
        if name in _READ:
            times[name] += 1
            found.setdefault(name, _text(right))
    twice = next((one for one in sorted(_SINGLE) if times[one] > 1), "")
    return found, twice


def automatic(headers: dict[str, str], mail: Mail, lists: Collection[str]) -> str:
    """Why a mail is taken for a program's, "" for a person's.

    RFC 3834 forbids to answer those.  Precedence: bulk is what lists add to everything, so it
    counts only without a list.  ``lists`` are addresses that are nobody's.
    """
    sender = mail.sender.email.lower()
    submitted = headers.get("auto-submitted", "no").partition(";")[0].strip().lower()
    if submitted != "no":
        return f"Auto-Submitted: {submitted[:40]}"
    precedence = headers.get("precedence", "").strip().lower()
    over_list = "list-id" in headers or "x-mailing-list" in headers
    if precedence in ("junk", "auto_reply") or (precedence in ("bulk", "list") and not over_list):
        return f"Precedence: {precedence}"
    if "x-autoreply" in headers or "x-autorespond" in headers:
        return "an automatic reply"
    if headers.get("return-path", "").strip() == "<>":
        return "a bounce"
    if headers.get("content-type", "").strip().lower().startswith("multipart/report"):
        return "a delivery report"
    if sender in {name.lower() for name in lists}:
        return "sent by a list"
    if not sender or _PROGRAMS.fullmatch(sender.partition("@")[0]):
        return "sent by a program's address"
    return ""


def readable_as_signed(
    raw: bytes, mail: Mail, headers: dict[str, str], signed: Collection[str]
) -> str:
    """Why the commands of a DKIM-signed mail may not be what was signed, "" when they are.

    The signature is over bytes.  When Content-Type or the transfer encoding is not signed, another one
    may have been put there: then there must be one plain part, with the same commands in any encoding.
    """
    body = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[-1].replace(b"\r\n", b"\n")
    covered = set(signed) & headers.keys()
    if "content-type" not in covered:
        if not _PLAIN_TYPE.match(headers.get("content-type", "text/plain").strip()):
            return "its signature does not cover Content-Type; send plain text"
        if _OTHER_TYPE.search(body):
            return "its text could be read as another type, which the signature does not cover"
    if "content-transfer-encoding" not in covered:
        readings = (decode(body), decode(quopri.decodestring(body)), mail.body)
        if len({tuple(one.said for one in commands_of(text)) for text in readings}) > 1:
            return "its signature does not cover Content-Transfer-Encoding; send 7bit or 8bit text"
    return ""


def not_trusted(
    attested: Attested,
    mail: Mail,
    headers: dict[str, str],
    *,
    subjects: Collection[str],
    now: float,
    days: float,
) -> str:
    """Why a signed mail is not obeyed all the same, "" when it is.

    ``subjects`` are those of the series (without brackets): where the headers that make a thread are not
    signed, the subject says what is meant.  ``days`` old is too old: a signed mail can be sent again.
    """
    if attested.identity != mail.sender.email.lower():
        return f"signed by {attested.identity}, not by {mail.sender.email}"
    if not {"from", "subject"} <= attested.signed:
        return "the signature covers neither From nor Subject"
    if not now - days * DAY <= attested.when <= now + DAY:
        return f"dated more than {days:g} days ago, or in the future"
    threading = {"in-reply-to", "references"} & headers.keys()
    if threading <= attested.signed:
        return ""
    text = attested.subject.lower()
    if len(text) >= _SHORTEST_SUBJECT and text in {one.lower() for one in subjects}:
        return ""
    return "the signature does not cover what the mail replies to, nor is the subject that of the series"


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace").strip()
