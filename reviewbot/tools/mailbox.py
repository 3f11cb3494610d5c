# SPDX-License-Identifier: GPL-2.0-only
"""Mails from files: mbox, maildir, a folder of patches, one mail, or what came on standard input."""

import re
import stat
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from reviewbot.model.errors import UserError

MAIL_LIMIT = 20 * 1024 * 1024
MAILBOX_LIMIT = 200 * 1024 * 1024
_MIB = 1024 * 1024

# A separator looks like one ("From WHO ... HH:MM:SS YYYY", as git mailsplit wants it) and a header
# follows, so that a "From " line in prose or in an attached patch splits nothing.
_FROM = re.compile(
    rb"^From [^\n]{1,300}\d\d:\d\d(?::\d\d)? [^\n]{0,40}\d{4}[^\n]{0,20}\n(?=[!-9;-~]{1,80}:)",
    re.MULTILINE,
)
_TO_QUOTE = re.compile(rb"^>*From ", re.MULTILINE)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
# RFC 5322 wants no white space behind the colon: lore's mails have "ARC-Seal:i=1; a=rsa-sha256".
_HEADER = re.compile(rb"[!-9;-~]{1,80}:")
_WANTED = re.compile(rb"^(subject|date|message-id):", re.IGNORECASE | re.MULTILINE)
_ID_ON_PAGE = re.compile(
    rb"^message-id:[ \t\xc2\xa0]{1,8}<([!-;=?-~]{3,250})>", re.IGNORECASE | re.MULTILINE
)
_FENCE = re.compile(rb"^```[^\n]*\n", re.MULTILINE)
_SUFFIXES = (".patch", ".eml", ".mbox", ".mbx", ".diff", ".mail", ".txt")


def present(path: Path) -> bool:
    """True for anything at that path; False for names no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or a NUL
        return False


def read(path: Path) -> tuple[bytes, ...]:
    """The raw mails of a file or folder, in order.

    Raises UserError when there are none, for a mail over 20 MB, a mailbox over 200 MB, and for text
    that is not mail; each is one line naming ``path``.
    """
    if path.is_dir():
        return _folder(path)
    return split(_bytes(path, MAILBOX_LIMIT), str(path))


def split(data: bytes, source: str) -> tuple[bytes, ...]:
    """The raw mails in the bytes of an mbox (plain or .gz) or of one mail; ``source`` is for messages."""
    data = _unzipped(data, source)
    if len(data) > MAILBOX_LIMIT:
        raise _too_big(source, len(data), MAILBOX_LIMIT)
    if not data.strip():
        raise UserError(f"{source} is empty: it should hold the mails of a series")
    if b"\r\n" in data[:1000]:
        data = data.replace(b"\r\n", b"\n")
    data = data.lstrip(b"\n")
    starts = list(_FROM.finditer(data))
    if starts and starts[0].start() == 0:
        return tuple(
            _checked(raw, f"mail {number} of {source}")
            for number, raw in enumerate(_mbox(data, starts), start=1)
        )
    if data.startswith(b"From ") and len(data) < 400:
        raise UserError(f"{source} is cut short: its only mail ends within the headers")
    if _HEADER.match(data):
        return (_checked(data, source),)
    if starts:
        return _fenced(data, starts, source)
    raise _no_mail(data, source)


def messages(data: bytes) -> Iterator[bytes]:
    """What stands between the separators of an mbox, whatever it is; nothing when there are none."""
    return _mbox(data, list(_FROM.finditer(data)))


def join(mails: Iterable[bytes]) -> bytes:
    """The mails as one mbox, lines that look like separators quoted (mboxrd, as git mailsplit reads it)."""
    return b"".join(
        b"From mboxrd@z Thu Jan  1 00:00:00 1970\n"
        + _TO_QUOTE.sub(rb">\g<0>", raw).rstrip(b"\n")
        + b"\n\n"
        for raw in mails
    )


def _mbox(data: bytes, starts: list[re.Match[bytes]]) -> Iterator[bytes]:
    ends = [match.start() for match in starts[1:]] + [len(data)]
    for match, end in zip(starts, ends[: len(starts)], strict=True):
        yield _QUOTED_FROM.sub(rb"\1", data[match.end() : end])


def _fenced(data: bytes, starts: list[re.Match[bytes]], source: str) -> tuple[bytes, ...]:
    """Mails pasted into notes: what stands between a separator line and a ``` fence."""
    ends = [match.start() for match in starts[1:]] + [len(data)]
    mails: list[bytes] = []
    for match, end in zip(starts, ends, strict=True):
        raw = data[match.end() : end]
        fence = _FENCE.search(raw)
        mails.append(
            _checked(raw[: fence.start()] if fence else raw, f"mail {len(mails) + 1} of {source}")
        )
    return tuple(mails)


def _checked(raw: bytes, what: str) -> bytes:
    """One mail that is of reasonable size and has whole headers."""
    if len(raw) > MAIL_LIMIT:
        raise _too_big(what, len(raw), MAIL_LIMIT)
    head, blank, _ = raw.partition(b"\n\n")
    if not blank:
        if not _WANTED.search(head) or len(_header_block(head).strip()) < len(head.strip()):
            raise _no_mail(raw, what)
        raise UserError(f"{what} is cut short: it ends within the headers; fetch it again")
    names = {name.lower() for name in _WANTED.findall(_header_block(head))}
    if not names or (b"subject" not in names and _WANTED.search(raw)):
        raise _no_mail(raw, what)
    return raw


def _header_block(head: bytes) -> bytes:
    """The lines up to the first that is no header: where a mail parser stops."""
    lines = head.split(b"\n")
    for at, line in enumerate(lines):
        if not (_HEADER.match(line + b"\n") or line[:1] in (b" ", b"\t")):
            return b"\n".join(lines[:at])
    return head


def _no_mail(data: bytes, source: str) -> UserError:
    """Text copied from a web page often names the mail it shows."""
    if found := _ID_ON_PAGE.search(data[:_MIB]):
        name = found[1].decode("ascii")
        return UserError(
            f"{source} is the text of a web page, not a mail; review the message-id {name} instead"
        )
    return UserError(
        f"{source} holds no mail: it has no mail headers; save the raw mail or the thread's mbox "
        "(b4 mbox MESSAGE-ID)"
    )


def _too_big(what: str, size: int, limit: int) -> UserError:
    return UserError(f"{what} is too big: {size / _MIB:.0f} MiB, the limit is {limit // _MIB} MiB")


def _bytes(path: Path, limit: int) -> bytes:
    """A file's bytes, never more than ``limit``: devices and pipes are read no further."""
    try:
        with path.open("rb") as stream:
            status = stat.S_ISREG(path.stat().st_mode) and path.stat().st_size
            if status and status > limit:
                raise _too_big(str(path), status, limit)
            data = stream.read(limit + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise _too_big(str(path), len(data), limit)
    return data


def _unzipped(data: bytes, source: str) -> bytes:
    """Undo gzip: lore's t.mbox.gz."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    unzip = zlib.decompressobj(wbits=31)
    try:
        text = unzip.decompress(data, MAILBOX_LIMIT + 1)
    except zlib.error as error:
        raise UserError(f"{source} is damaged: not a valid gzip file; fetch it again") from error
    if not unzip.eof and len(text) <= MAILBOX_LIMIT:
        raise UserError(f"{source} is cut short: the gzip data ends early; fetch it again")
    return text


def _folder(path: Path) -> tuple[bytes, ...]:
    """A maildir's mails, or the patch files of a folder by name."""
    try:
        if (path / "cur").is_dir() or (path / "new").is_dir():
            files = [one for name in ("cur", "new") for one in _files(path / name)]
            singles = True
        else:
            files = [one for one in _files(path) if one.name.endswith(_SUFFIXES)]
            singles = False
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    mails: list[bytes] = []
    size = 0
    for file in files:
        data = _bytes(file, MAIL_LIMIT if singles else MAILBOX_LIMIT)
        size += len(data)
        if size > MAILBOX_LIMIT:
            raise _too_big(str(path), size, MAILBOX_LIMIT)
        mails += (
            (_checked(_lf(data), str(file)),)
            if singles and data.strip()
            else split(data, str(file))
        )
    if not mails:
        raise UserError(f"{path} holds no mail: neither a maildir nor .patch, .eml or .mbox files")
    return tuple(mails)


def _lf(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n") if b"\r\n" in data[:1000] else data


def _files(folder: Path) -> list[Path]:
    """Plain files, by name, hidden ones left out."""
    if not folder.is_dir():
        return []
    return sorted(one for one in folder.iterdir() if one.is_file() and not one.name.startswith("."))
