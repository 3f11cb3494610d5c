# SPDX-License-Identifier: GPL-2.0-only
"""The bytes of one mail -> what a reader of patches wants to know about it."""

import functools
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, getaddresses, parsedate_to_datetime

from reviewbot.model.series import Address, Trailer
from reviewbot.parse.changelog import split_body
from reviewbot.parse.message import MailError, read_message
from reviewbot.parse.subject import Subject, parse_subject
from reviewbot.parse.text import decode_words, message_ids, one_line
from reviewbot.parse.trailers import parse_trailers

__all__ = ["SYNTHETIC_DOMAIN", "Mail", "MailError", "parse_mail"]

SYNTHETIC_DOMAIN = "reviewbot.invalid"
"""Domain of the ids given to mails that have none (files of git format-patch)."""

_SHORT_HEADER = 4096
# 'Ann Example <ann@x.example>, "Example, Bob" <bob@x.example>, cy@x.example': nearly all there is.
_ATOM = r"[a-zA-Z0-9_!#$%&'*+/=?^`{|}~-]+"
_SPEC = rf"({_ATOM}(?:\.{_ATOM})*@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*)"
_PLAIN_MAILBOX = re.compile(
    rf"""[ \t]*(?:"([^"\\]*)"[ \t]*<{_SPEC}>|([^"<>()\[\]\\,;:@. \t][^"<>()\[\]\\,;:@]*)<{_SPEC}>"""
    rf"""|<{_SPEC}>|{_SPEC})[ \t]*(?:,|$)"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail.

    ``message_id`` and ``references`` have no brackets; the parent is last.  ``body`` is the decoded
    text.  ``sender`` is the From header; ``author`` and ``subject`` are what git am would commit
    (an in-body From: or Subject: overrides the header).  ``date`` is an RFC 2822 date, "" when the
    mail has none that can be read; ``when`` the same in seconds since 1970.  ``diff`` is the patch
    text with whatever follows it.  ``damage`` says which header holds bytes that are no text, "" for none.
    ``unwanted`` is the header that says no robot should act on the mail, "" for none.
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
    unwanted: str = ""

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
    content = read_message(raw)
    headers, body = content.headers, content.body
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
        damage=content.damage,
        unwanted=_unwanted(headers),
    )


def _unwanted(headers: dict[str, str]) -> str:
    """The header that keeps robots away: Patchwork's hint (its parser reads it so), or RFC 3834's."""
    if one_line(headers.get("x-patchwork-hint", "")).lower() == "ignore":
        return "X-Patchwork-Hint: ignore"
    kind = one_line(headers.get("auto-submitted", "")).partition(";")[0].strip().lower()
    return f"Auto-Submitted: {kind[:40]}" if kind not in ("", "no") else ""


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
    at, end = 0, len(value.rstrip(" \t"))
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
