# SPDX-License-Identifier: GPL-2.0-only
"""Bytes of unknown honesty -> text that is safe to keep: no lone surrogates, no header tricks."""

import codecs
import re
import unicodedata
from email.errors import HeaderParseError
from email.header import decode_header

# Codecs that are no character sets, run for quadratic time, or smuggle lone surrogates in.
_REFUSED = frozenset({"utf-7", "unicode_escape", "raw_unicode_escape", "idna", "punycode"})


def decode(data: bytes, charset: str | None = None) -> str:
    """Decode mail text: as UTF-8, else as the declared charset, else byte for byte as Latin-1.

    UTF-8 goes first because kernel mail often declares another charset and means UTF-8, while text in
    another charset is hardly ever valid UTF-8 by accident.  Stateful charsets (ISO-2022-JP) are ASCII
    on the wire, so a declared one is honoured for bytes that hold an escape.  Never fails.
    """
    codec = _codec(charset)
    if codec and (b"\x1b" in data or codec.startswith(("utf-16", "utf-32"))):
        return _without_surrogates(data.decode(codec, "replace"))
    for name in ("utf-8", codec):
        try:
            if name:
                return _without_surrogates(data.decode(name))
        except UnicodeError:
            continue
    return _without_surrogates(data.decode(codec or "latin-1", "replace"))


def _codec(charset: str | None) -> str | None:
    """The Python name of a declared charset, None when unknown or not to be trusted."""
    try:
        info = codecs.lookup((charset or "").strip("'\" "))
    except (LookupError, ValueError):
        return None
    is_text = getattr(info, "_is_text_encoding", True)
    return info.name if is_text and info.name not in _REFUSED else None


def _without_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def decode_words(value: str) -> str:
    """Decode ``=?utf-8?q?...?=`` (RFC 2047) in a header.  What cannot be decoded stays as it is."""
    if "=?" not in value:
        return value
    try:
        parts = decode_header(value)
    except (HeaderParseError, ValueError):
        return value
    pieces = []
    for part, charset in parts:
        if isinstance(part, str):
            pieces.append(part)
        elif charset is None:
            pieces.append(part.decode("raw_unicode_escape", "replace"))
        else:
            pieces.append(decode(part, charset))
    return _without_surrogates("".join(pieces))


def one_line(text: str) -> str:
    """Collapse white space and drop control and bidi characters: fit for a header or a report line."""
    if not text.isascii() or not text.isprintable():
        text = "".join(" " if _is_control(char) else char for char in text)
    return " ".join(text.split())


def _is_control(char: str) -> bool:
    # U+202A.. and U+2066..: bidirectional overrides, the "Trojan Source" characters (CVE-2021-42574).
    return (
        unicodedata.category(char) == "Cc"
        or "\u202a" <= char <= "\u202e"
        or "\u2066" <= char <= "\u2069"
    )


def unwrap_crlf(text: str) -> str:
    """Undo CRLF line ends when *every* line has them (transport); else they belong to the content."""
    if "\r\n" in text and text.count("\r\n") == text.count("\n"):
        return text.replace("\r\n", "\n")
    return text


_MESSAGE_ID = re.compile(r"<([^<>\s]+)>")


def message_ids(value: str) -> tuple[str, ...]:
    """The ids of a References or In-Reply-To header, in order, without brackets or repeats."""
    found = _MESSAGE_ID.findall(value)
    return tuple(dict.fromkeys(one_line(text) for text in found))
