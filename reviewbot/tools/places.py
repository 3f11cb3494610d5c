# SPDX-License-Identifier: GPL-2.0-only
"""Mails that somebody names on the command line, as a list that can be followed.

A public-inbox (address or directory), one of its searches, a maildir, an mbox, a folder of patches.
"""

from __future__ import annotations

import hashlib
import re
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reviewbot.model.errors import UserError
from reviewbot.model.watch import Batch, Refused
from reviewbot.tools import mailbox, network
from reviewbot.tools.inbox_git import GitInbox
from reviewbot.tools.inbox_http import received
from reviewbot.tools.maildir import Maildir
from reviewbot.tools.source import admitted, batched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewbot.model.watch import Arrival
    from reviewbot.tools.source import Source

_URL = re.compile(r"https?://[^\s/@]+/\S*")
_PACKED_LIMIT = 64 * 1024 * 1024
_UNPACKED_LIMIT = 200 * 1024 * 1024
_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """``name`` is short and for people, ``key`` fit for a file name, the same for the same place.

    ``limited`` when one had better begin some days back: a list of years.
    """

    name: str
    key: str
    source: Source
    limited: bool = False


def place(text: str, clones: Path, *, fetch: bool = True) -> Place:
    """What ``text`` names.  Clones of git inboxes are below ``clones``; without ``fetch`` they stay as they are.

    Raises UserError for what is not there, or is no place of mails.
    """
    if re.match(r"https?://", text, re.IGNORECASE):
        return _remote(text, clones, fetch=fetch)
    path = Path(text).expanduser().absolute()
    if not mailbox.present(path):
        raise UserError(
            f"{text[:120]!a}: no such file or directory; give an mbox, a maildir, a public-inbox, "
            "or an address such as https://lore.kernel.org/kvm"
        )
    key = _key(str(path))
    if not path.is_dir():
        return Place(name=path.name, key=key, source=Box(path))
    if (path / "cur").is_dir() and (path / "new").is_dir():
        return Place(name=path.name, key=key, source=Maildir(path))
    inbox = any((path / one).exists() for one in ("HEAD", "0.git", "git/0.git", ".git"))
    if inbox:
        return Place(name=path.name, key=key, source=GitInbox(store=path, path=path))
    return Place(name=path.name, key=key, source=Box(path))


def _remote(text: str, clones: Path, *, fetch: bool) -> Place:
    if not _URL.fullmatch(text if text.count("/") > 2 else text + "/"):
        raise UserError(f"{text[:120]!a}: no address such as https://lore.kernel.org/kvm")
    parts = urllib.parse.urlsplit(text)
    inbox = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    name = parts.path.strip("/").split("/")[-1] or parts.netloc
    query = urllib.parse.parse_qs(parts.query).get("q", [""])[0]
    if query:
        return Place(name=name, key=_key(text), source=Search(inbox, query))
    store = clones / urllib.parse.quote(inbox.partition("://")[2], safe="@")
    if not fetch:
        if not store.is_dir():
            raise UserError(f"{inbox}: was never fetched; leave --cached out once")
        return Place(name=name, key=_key(inbox), source=GitInbox(store=store, path=store))
    return Place(name=name, key=_key(inbox), source=GitInbox(store=store, url=inbox), limited=True)


def _key(text: str) -> str:
    """A readable start, and a hash for the rest."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[-40:]
    return f"{words}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


class Box:
    """An mbox, or a folder of patches: read whole when its size or time changed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def batches(self, cursor: str | None, begin: float) -> Iterator[Batch]:  # noqa: ARG002 - the protocol's
        """See tools.source.Source.  Mails that were read before are known by their Message-ID."""
        stamp = self._stamp()
        if stamp == cursor:
            return
        yield from batched(self._mails(), lambda _: cursor or "")
        yield Batch(arrivals=(), cursor=stamp)

    def _mails(self) -> Iterator[Arrival | Refused]:
        for number, raw in enumerate(mailbox.read(self.path)):
            yield admitted(raw, received=received(raw, 0.0, time.time()), origin=str(number))

    def _stamp(self) -> str:
        try:
            files = [self.path, *self.path.iterdir()] if self.path.is_dir() else [self.path]
            facts = [(str(one), one.stat().st_size, one.stat().st_mtime_ns) for one in files]
        except OSError as error:
            raise UserError(f"{self.path}: cannot be read: {error.strerror}") from error
        return hashlib.sha256(repr(sorted(facts)).encode()).hexdigest()


class Search:
    """What a public-inbox finds: POST URL/?q=QUERY&x=m answers with a gzipped mbox."""

    def __init__(self, inbox: str, query: str) -> None:
        self.address = f"{inbox}/?{urllib.parse.urlencode({'q': query, 'x': 'm'})}"

    def batches(self, cursor: str | None, begin: float) -> Iterator[Batch]:  # noqa: ARG002 - the protocol's
        """See tools.source.Source.  It is asked anew every time."""
        answer = network.ask(self.address, limit=_PACKED_LIMIT, timeout=_SECONDS, post=True)
        if answer.status == 404:
            raise UserError(f"{self.address}: nothing found; see what the page says in a browser")
        if answer.status != 200:
            raise UserError(f"{self.address}: the inbox answers with HTTP status {answer.status}")
        data = network.gunzip(answer.body, limit=_UNPACKED_LIMIT, source=self.address)
        mails = (
            admitted(raw, received=received(raw, 0.0, time.time()), origin=str(number))
            for number, raw in enumerate(mailbox.messages(data))
        )
        yield from batched(mails, lambda _: cursor or "")
