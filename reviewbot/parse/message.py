# SPDX-License-Identifier: GPL-2.0-only
"""The bytes of one mail -> its headers and its text, by the standard library or a shorter way.

Reading a list means reading thousands of mails, nearly all of which are one plain part below headers of
which ten in forty count.  Those are read here; whatever is the least bit unusual, by the library.
"""

import email
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

from reviewbot.model.errors import UserError
from reviewbot.parse.diff import find_diff
from reviewbot.parse.text import decode, unwrap_crlf

_MULTIPART = re.compile(
    rb"^content-type:[ \t]*(?:multipart|message)/", re.IGNORECASE | re.MULTILINE
)
_MAX_PARTS = 64
_MAX_HEADER = 256 * 1024
_PATCH_TYPES = ("text/plain", "text/x-patch", "text/x-diff", "text/x-c", "application/x-patch")
_TRUSTED = ("from", "subject", "date", "message-id", "in-reply-to", "references")
_USED = (*_TRUSTED, "to", "cc", "x-patchwork-hint", "auto-submitted")
_READ = frozenset(name.encode() for name in _USED) | {b"content-type", b"content-transfer-encoding"}
_PLAIN_TEXT = re.compile(
    rb"""text/plain(?:[ \t]*;[ \t\n]*(?:charset="?([a-z0-9_.:-]+)"?|format=flowed|delsp=(?:yes|no)))*""",
    re.IGNORECASE,
)
_AS_IT_IS = (b"", b"7bit", b"8bit", b"binary")


class MailError(UserError, ValueError):
    """Bytes that are not a mail, or one built to hurt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """``headers`` that are used, by lower-case name, undecoded words and all; ``body`` is the text.

    ``damage`` says which header holds bytes that are no text, "" for none.
    """

    headers: dict[str, str]
    body: str
    damage: str


def read_message(raw: bytes) -> Content:
    """Headers and text of a mail.

    Raises MailError when there are no headers, or the parts are nested to exhaust a reader.
    """
    return _plain(raw) or _unusual(raw)


def _plain(raw: bytes) -> Content | None:
    """A mail of one part of plain text below well-formed headers; None for any other."""
    head, blank, body = raw.partition(b"\n\n")
    fields = _fields(head) if blank and b"\r" not in head else []
    if not fields:
        return None
    kind, encoding = b"text/plain", b""
    for name, value in reversed(fields):  # the first of a name counts
        if name.lower() == "content-type":
            kind = value
        elif name.lower() == "content-transfer-encoding":
            encoding = value.lower()
    match = _PLAIN_TEXT.fullmatch(kind)
    if match is None or kind.lower().count(b"charset") > 1:
        return None
    if encoding == b"quoted-printable":
        body = quopri.decodestring(body)
    elif encoding not in _AS_IT_IS:
        return None
    charset = match[1].decode("ascii") if match[1] else None
    return _content(fields, unwrap_crlf(decode(body, charset)))


def _fields(head: bytes) -> list[tuple[str, bytes]]:
    """The headers we use, folded lines and all; none when any line is out of the ordinary."""
    found: list[tuple[str, bytes]] = []
    wanted: bool | None = None
    for line in head.split(b"\n"):
        if line[:1] in (b" ", b"\t"):
            if wanted is None:
                return []
            if wanted:
                name, value = found[-1]
                found[-1] = (name, value + b"\n" + line)
            continue
        key, colon, value = line.partition(b":")
        if not colon or not key.replace(b"-", b"").isalnum():
            return []
        wanted = key.lower() in _READ
        if wanted:
            found.append((key.decode("ascii"), value.lstrip(b" \t")))
    return found


def _unusual(raw: bytes) -> Content:
    """Any mail, by the standard library."""
    if len(_MULTIPART.findall(raw)) > _MAX_PARTS:
        raise MailError(f"a mail has more than {_MAX_PARTS} nested parts; resend it as plain text")
    try:
        message = email.message_from_bytes(raw)
        body = _body(message)
    except RecursionError as error:
        raise MailError(
            "the parts of a mail are nested too deep; resend it as plain text"
        ) from error
    if not message.keys():
        raise MailError("this is not a mail: it has no headers; save the raw mail or use an mbox")
    return _content(list(_raw_items(message)), body)


def _raw_items(message: Message) -> Iterator[tuple[str, bytes]]:
    for name, value in message.raw_items():
        yield name, str(value).encode("utf-8", "surrogateescape")


def _content(fields: list[tuple[str, bytes]], body: str) -> Content:
    """The first header of each name; several To or Cc are joined."""
    found: dict[str, str] = {}
    for name, value in fields:
        key = name.lower()
        if key not in _USED:
            continue
        text = decode(value[:_MAX_HEADER])
        if key not in found:
            found[key] = text
        elif key in ("to", "cc") and len(found[key]) < _MAX_HEADER:
            found[key] += ", " + text
    return Content(headers=found, body=body, damage=_damage(fields))


def _damage(fields: list[tuple[str, bytes]]) -> str:
    """The first header we rely on that holds bytes which are neither ASCII nor UTF-8, or a NUL."""
    for name, raw in fields:
        if name.lower() in _TRUSTED:
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
