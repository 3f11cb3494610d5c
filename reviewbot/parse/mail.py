# SPDX-License-Identifier: GPL-2.0-only
"""The bytes of one mail -> what a reader of patches wants to know about it."""

import email
import functools
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import format_datetime, getaddresses, parsedate_to_datetime

from reviewbot.model.errors import UserError
from reviewbot.model.series import Address, Trailer
from reviewbot.parse.changelog import split_body
from reviewbot.parse.diff import find_diff
from reviewbot.parse.subject import Subject, parse_subject
from reviewbot.parse.text import decode, decode_words, message_ids, one_line, unwrap_crlf
from reviewbot.parse.trailers import parse_trailers

SYNTHETIC_DOMAIN = "reviewbot.invalid"
"""Domain of the ids given to mails that have none (files of git format-patch)."""

_MULTIPART = re.compile(
    rb"^content-type:[ \t]*(?:multipart|message)/", re.IGNORECASE | re.MULTILINE
)
_MAX_PARTS = 64
_MAX_HEADER = 256 * 1024
_SHORT_HEADER = 4096
_PATCH_TYPES = ("text/plain", "text/x-patch", "text/x-diff", "text/x-c", "application/x-patch")
_TRUSTED = ("from", "subject", "date", "message-id", "in-reply-to", "references")
_USED = (*_TRUSTED, "to", "cc")
_READ = frozenset(name.encode() for name in _USED) | {
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"content-disposition",
}
# 'Ann Example <ann@x.example>, "Example, Bob" <bob@x.example>, cy@x.example': nearly all there is.
_ATOM = r"[a-zA-Z0-9_!#$%&'*+/=?^`{|}~-]+"
_SPEC = rf"({_ATOM}(?:\.{_ATOM})*@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*)"
_PLAIN_MAILBOX = re.compile(
    rf"""[ \t]*(?:"([^"\\]*)"[ \t]*<{_SPEC}>|([^"<>()\[\]\\,;:@. \t][^"<>()\[\]\\,;:@]*)<{_SPEC}>"""
    rf"""|<{_SPEC}>|{_SPEC})[ \t]*(?:,|$)"""
)


class MailError(UserError, ValueError):
    """Bytes that are not a mail, or one built to hurt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail.

    ``message_id`` and ``references`` have no brackets; the parent is last.  ``body`` is the decoded
    text.  ``sender`` is the From header; ``author`` and ``subject`` are what git am would commit
    (an in-body From: or Subject: overrides the header).  ``date`` is an RFC 2822 date, "" when the
    mail has none that can be read; ``when`` the same in seconds since 1970.  ``diff`` is the patch
    text with whatever follows it.  ``damage`` says which header holds bytes that are no text, "" for none.
    """

    message_id: str
    references: tuple[str, ...]
    subject: Subject
    sender: Address
    author: Address
    date: str
    when: float
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    body: str
    changelog: str
    below_cut: str
    diff: str
    damage: str = ""

    @property
    def trailers(self) -> tuple[Trailer, ...]:
        """The trailers of the changelog."""
        return parse_trailers(self.changelog)

    @property
    def parent(self) -> str | None:
        """The mail this one replies to."""
        return self.references[-1] if self.references else None


def parse_mail(raw: bytes) -> Mail:
    """Read one mail; anything a header or body may hold is decoded safely.

    Raises MailError when there are no headers, or the parts are nested to exhaust a reader.
    """
    try:
        message = _message(raw)
        headers = _headers(message)
        body = _body(message)
    except RecursionError as error:
        raise MailError(
            "the parts of a mail are nested too deep; resend it as plain text"
        ) from error
    if not message.keys():
        raise MailError("this is not a mail: it has no headers; save the raw mail or use an mbox")
    sender = _one_address(headers.get("from", ""))
    parts = split_body(body)
    when, date = _date(parts.headers.get("date") or headers.get("date", ""))
    subject = parse_subject(one_line(decode_words(headers.get("subject", ""))))
    ids = message_ids(headers.get("message-id", ""))
    return Mail(
        message_id=ids[0]
        if ids
        else f"{hashlib.sha1(raw, usedforsecurity=False).hexdigest()}@{SYNTHETIC_DOMAIN}",
        references=_references(headers),
        subject=_with_inner_subject(subject, parts.headers.get("subject", "")),
        sender=sender,
        author=_one_address(parts.headers["from"]) if "from" in parts.headers else sender,
        date=date,
        when=when,
        to=_addresses(headers.get("to", "")),
        cc=_addresses(headers.get("cc", "")),
        body=body,
        changelog=parts.changelog,
        below_cut=parts.below_cut,
        diff=parts.diff,
        damage=_damage(message),
    )


def _message(raw: bytes) -> Message:
    """The mail as the standard library reads it, which takes a long time for what nobody wants.

    A body that is one part with well-formed headers above it is everything below the blank line,
    and of dozens of headers those that are used can be picked by their lines.
    """
    head, blank, body = raw.partition(b"\n\n")
    picked = _picked(head) if blank else b""
    if picked:
        message = email.message_from_bytes(picked + blank)
        whole = message.get_content_maintype() not in ("multipart", "message")
        if whole and not message.defects and not message.get_payload():
            message.set_payload(body.decode("ascii", "surrogateescape"))
            return message
    if len(_MULTIPART.findall(raw)) > _MAX_PARTS:
        raise MailError(f"a mail has more than {_MAX_PARTS} nested parts; resend it as plain text")
    return email.message_from_bytes(raw)


def _picked(head: bytes) -> bytes:
    """The lines of the headers we use; nothing when any line is out of the ordinary."""
    kept: list[bytes] = []
    wanted: bool | None = None
    for line in head.split(b"\n"):
        if line[:1] in (b" ", b"\t"):
            if wanted is None:
                return b""
        else:
            name, colon, _ = line.partition(b":")
            if not colon or not name.replace(b"-", b"").isalnum():
                return b""
            wanted = name.lower() in _READ
        if wanted:
            kept.append(line)
    return b"\n".join(kept) if b"\r" not in head else b""


def _headers(message: Message) -> dict[str, str]:
    """The first header of each name we use, undecoded words and all; several To or Cc are joined."""
    found: dict[str, str] = {}
    for name, value in message.raw_items():
        key = name.lower()
        if key not in _USED:
            continue
        text = decode(_raw(value)[:_MAX_HEADER])
        if key not in found:
            found[key] = text
        elif key in ("to", "cc") and len(found[key]) < _MAX_HEADER:
            found[key] += ", " + text
    return found


def _raw(value: object) -> bytes:
    return str(value).encode("utf-8", "surrogateescape")


def _damage(message: Message) -> str:
    """The first header we rely on that holds bytes which are neither ASCII nor UTF-8, or a NUL."""
    for name, value in message.raw_items():
        if name.lower() in _TRUSTED:
            raw = _raw(value)
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError as error:
                return f"the {name} header holds bytes that are not text (0x{raw[error.start]:02x})"
            if b"\0" in raw:
                return f"the {name} header holds bytes that are not text (0x00)"
    return ""


def _body(message: Message) -> str:
    """The first text part; a later part that carries the diff is put below it, as git mailinfo does."""
    body: str | None = None
    for part in message.walk():
        if part.is_multipart() or part.get_content_type() not in _PATCH_TYPES:
            continue
        payload = part.get_payload(decode=True)
        if not isinstance(payload, bytes):
            continue
        text = unwrap_crlf(decode(payload, _charset(part)))
        if body is None:
            body = text
        elif find_diff(body) < 0 <= find_diff(text):
            body = body.rstrip("\n") + "\n" + text
    return body or ""


def _charset(part: Message) -> str | None:
    """The declared charset; the standard library chokes on some that spammers and fuzzers declare."""
    try:
        return part.get_content_charset()
    except (LookupError, ValueError, TypeError):
        return None


def _references(headers: dict[str, str]) -> tuple[str, ...]:
    """References, then the parent; a bad In-Reply-To with several ids counts by its first."""
    chain = message_ids(headers.get("references", ""))
    parent = message_ids(headers.get("in-reply-to", ""))[:1]
    return tuple(one for one in chain if one not in parent) + parent


def _with_inner_subject(subject: Subject, inner: str) -> Subject:
    """An in-body ``Subject:`` replaces the words, not the version and counter of the header."""
    text = parse_subject(one_line(decode_words(inner))).text if inner else ""
    if not text:
        return subject
    return Subject(
        full=subject.full,
        text=text,
        reply=subject.reply,
        patch=subject.patch,
        version=subject.version,
        number=subject.number,
        total=subject.total,
        prefixes=subject.prefixes,
    )


def _addresses(value: str) -> tuple[Address, ...]:
    """The mailboxes of a header; names are decoded after the commas have been read."""
    return _short_list(value) if len(value) <= _SHORT_HEADER else _mailboxes(value)


@functools.lru_cache(maxsize=512)
def _short_list(value: str) -> tuple[Address, ...]:
    """All mails of a thread have the same people in Cc, and taking that apart is half the work."""
    return _mailboxes(value)


def _mailboxes(value: str) -> tuple[Address, ...]:
    value = value.replace("\n", " ").replace("\r", " ")
    try:
        pairs = _plain_mailboxes(value) or getaddresses([value])
    except (RecursionError, ValueError, IndexError):
        return ()
    return tuple(
        Address(name=one_line(decode_words(name)), email=one_line(address))
        for name, address in pairs
        if "@" in address
    )


def _plain_mailboxes(value: str) -> list[tuple[str, str]]:
    """Names and addresses of a header without anything unusual in it; else none."""
    pairs = []
    at, end = 0, len(value.rstrip())
    while at < end:
        match = _PLAIN_MAILBOX.match(value, at, end)
        if match is None:
            return []
        quoted, first, name, second, third, fourth = match.groups()
        pairs.append((quoted or name or "", first or second or third or fourth))
        at = match.end()
    return pairs


def _one_address(value: str) -> Address:
    """The first mailbox; a header without any address becomes a bare name."""
    found = _addresses(value)
    return found[0] if found else Address(name=one_line(decode_words(value)), email="")


def _date(value: str) -> tuple[float, str]:
    try:
        moment = parsedate_to_datetime(one_line(value))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp(), format_datetime(moment)
    except (ValueError, TypeError, IndexError, OverflowError):
        try:  # ISO 8601, which git accepts in an in-body Date:
            moment = datetime.fromisoformat(one_line(value)).astimezone(UTC)
        except (ValueError, OverflowError):
            return 0.0, ""
        return moment.timestamp(), format_datetime(moment)
