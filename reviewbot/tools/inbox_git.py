# SPDX-License-Identifier: GPL-2.0-only
"""A public-inbox followed by git: lore's lists, or an inbox on this machine.

URL/0, URL/1 and so on are the epochs, of which only the last one grows; URL/manifest.js.gz says which
there are, and by fingerprints whether anything is new (public-inbox-v2-format(5), grokmirror).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from reviewbot.model.codec import to_json
from reviewbot.model.errors import UserError
from reviewbot.model.watch import Arrival, Batch, Refused
from reviewbot.tools import epoch, network
from reviewbot.tools.cache import writing
from reviewbot.tools.git import ENVIRONMENT, git_command, in_store, must, no_space
from reviewbot.tools.process import run
from reviewbot.tools.source import admitted, batched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MANIFEST_LIMIT = 4 * 1024 * 1024
_CLONE_SECONDS = 3600.0
_ASK_SECONDS = 60.0
_EPOCH = re.compile(r"/(\d{1,4})\.git$")
_MOST_EPOCHS = 100  # lore's largest list has some twenty
_DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The last mail that was recorded.

    ``received`` is its time, ``begin`` when we began to follow the list; ``epoch`` is -1 before
    the first.  ``fingerprint`` is what the manifest said of that epoch then.
    """

    epoch: int = -1
    commit: str = ""
    received: float = 0.0
    begin: float = 0.0
    fingerprint: str = ""


class GitInbox:
    """An inbox at ``url`` whose clone is ``store``, or one on this machine at ``path``."""

    def __init__(self, *, store: Path, url: str = "", path: Path | None = None) -> None:
        self.store = store
        self.url = url.rstrip("/")
        self.path = path
        self._complaint = ""

    def at_hand(self) -> GitInbox | None:
        """The same inbox, read where it is and never fetched; None when it was not cloned yet."""
        if self.path is not None:
            return self
        return GitInbox(store=self.store, path=self.store) if self.store.is_dir() else None

    def batches(self, cursor: str | None, begin: float) -> Iterator[Batch]:
        """See tools.source.Source."""
        at = _read(cursor) or Position(begin=begin)
        if self.path is not None:
            yield from self._read(_numbered(self.path), at)
            return
        with self._locked():
            prints = self._manifest()
            newest = max(prints, default=None)
            if newest == at.epoch and at.fingerprint and prints[newest] == at.fingerprint:
                return
            if newest is None:
                newest = self._probe(max(at.epoch, 0))
                prints = {}
            self._fetch(at, newest)
            known = [(number, self._clone(number)) for number in range(newest + 1)]
            there = [(number, place) for number, place in known if place.is_dir()]
            last = at
            for batch in self._read(there, at):
                last = _read(batch.cursor) or last
                yield batch
        # Only now is all of the epoch recorded that this fingerprint is of.
        done = replace(last, fingerprint=prints.get(newest, ""))
        if done != last and done.epoch == newest:
            yield Batch(arrivals=(), cursor=to_json(done).decode())

    def _read(self, places: list[tuple[int, Path]], at: Position) -> Iterator[Batch]:
        for number, place in self._from(places, at):
            since: str | None = None
            if number == at.epoch and epoch.holds(place, at.commit):
                since = at.commit
            elif number == at.epoch:
                # History was rewritten (public-inbox-purge): what is read again is known by its
                # Message-ID.
                since = epoch.before(place, max(at.begin, at.received - 7 * _DAY))
            elif at.epoch < 0 and at.begin:
                since = epoch.before(place, at.begin)
            yield from self._epoch(number, place, since, at)

    def _from(self, places: list[tuple[int, Path]], at: Position) -> list[tuple[int, Path]]:
        """The epochs still to be read: from the last one that has anything before we begin."""
        if at.epoch >= 0:
            return [one for one in places if one[0] >= at.epoch]
        if not at.begin:
            return places
        for index in range(len(places) - 1, -1, -1):
            if epoch.before(places[index][1], at.begin):
                return places[index:]
        return places

    def _epoch(self, number: int, place: Path, since: str | None, at: Position) -> Iterator[Batch]:
        received: dict[str, float] = {}

        def mails() -> Iterator[Arrival | Refused]:
            for mail in epoch.read(place, since):
                received.clear()
                received[mail.commit] = mail.received
                yield admitted(mail.raw, received=mail.received, origin=mail.commit)

        def cursor(commit: str) -> str:
            position = Position(
                epoch=number, commit=commit, received=received[commit], begin=at.begin
            )
            return to_json(position).decode()

        yield from batched(mails(), cursor)

    # The clone.

    def _clone(self, number: int) -> Path:
        return self.store / f"{number}.git"

    def _fetch(self, at: Position, newest: int) -> None:
        """Bring the epochs from the last recorded one on up to date.

        Of a list that was never read, only what came lately is cloned: epochs have a gigabyte.
        """
        wanted = max(at.received - 7 * _DAY, at.begin)
        first = at.epoch if at.epoch >= 0 else (newest if wanted else 0)
        for number in range(first, newest + 1):
            place = self._clone(number)
            fresh = not _has_branch(place)
            if fresh:
                with writing(place):
                    place.mkdir(parents=True, exist_ok=True)
                done = in_store(place, "init", "--quiet", "--bare", "--initial-branch=master")
                must(done, f"make {place}")
            shallow = fresh and wanted and number == max(first, newest)
            if shallow and self._fetched(place, number, f"--shallow-since=@{int(wanted)}"):
                continue
            if not self._fetched(place, number, *(["--depth=1"] if shallow else [])):
                raise UserError(f"{self.url}/{number}: {self._complaint}")
        if not any(_has_branch(self._clone(number)) for number in range(first, newest + 1)):
            raise UserError(f"{self.url}: no mails there; is this the address of a public-inbox?")

    def _fetched(self, place: Path, number: int, *options: str) -> bool:
        for left in (*place.glob("**/*.lock"), *place.glob("objects/pack/tmp_*")):
            left.unlink()  # we hold the lock on all of it: whoever made these was killed
        settings = {
            "protocol.allow": "never",
            "protocol.http.allow": "always",
            "protocol.https.allow": "always",
            "http.followRedirects": "false",
            "http.lowSpeedLimit": "1000",
            "http.lowSpeedTime": "60",
        }
        words = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        done = run(
            git_command(
                *words,
                *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc"),
                *("--no-recurse-submodules", *options, "--end-of-options"),
                *(f"{self.url}/{number}", "+refs/heads/*:refs/heads/*"),
            ),
            cwd=place,
            env={**_environment(), "GIT_DIR": str(place)},
            timeout=_CLONE_SECONDS,
        )
        if no_space(done):
            must(done, f"fetch {self.url}/{number}")
        self._complaint = _said(done.complaint())
        return done.ok

    def _manifest(self) -> dict[int, str]:
        """Epoch -> fingerprint; nothing when the server has no manifest."""
        address = f"{self.url}/manifest.js.gz"
        answer = network.ask(address, limit=_MANIFEST_LIMIT, timeout=_ASK_SECONDS)
        if answer.status != 200:
            return {}
        text = network.gunzip(answer.body, limit=_MANIFEST_LIMIT, source=address)
        try:
            entries = msgspec.json.decode(text, type=dict[str, dict[str, object]])
        except msgspec.DecodeError as error:
            raise UserError(f"{address}: no manifest of a public-inbox: {error}") from error
        found = {}
        for name, entry in entries.items():
            if match := _EPOCH.search(name):
                # Old servers give no fingerprint of the refs, but the time of the last change.
                found[int(match[1])] = str(entry.get("fingerprint") or entry.get("modified") or "")
        return {number: said for number, said in found.items() if number < _MOST_EPOCHS}

    def _probe(self, number: int) -> int:
        """The newest epoch, by asking for one after the other."""
        while number < _MOST_EPOCHS and self._answers(number + 1):
            number += 1
        return number

    def _answers(self, number: int) -> bool:
        url = f"{self.url}/{number}/info/refs?service=git-upload-pack"
        try:
            return network.ask(url, limit=_MANIFEST_LIMIT, timeout=_ASK_SECONDS).status == 200
        except network.TooLargeError:
            return False

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with writing(self.store):
            self.store.mkdir(parents=True, exist_ok=True)
            stream = (self.store / "lock").open("w")
        with stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield


def _has_branch(place: Path) -> bool:
    return (place / "packed-refs").exists() or any(place.glob("refs/heads/*"))


def _numbered(place: Path) -> list[tuple[int, Path]]:
    """The epochs of an inbox on this machine; a lone repository is number 0."""
    found = epoch.epochs(place)
    return [(int(one.stem) if one.stem.isdigit() else 0, one) for one in found]


def _read(cursor: str | None) -> Position | None:
    try:
        return msgspec.json.decode(cursor, type=Position) if cursor else None
    except msgspec.DecodeError:
        return None  # the list was of another kind before


def _environment() -> dict[str, str]:
    names = network.PROXY_VARIABLES
    return {**ENVIRONMENT, **{name: os.environ[name] for name in names if name in os.environ}}


def _said(line: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in line.removeprefix("fatal: "))[
        :200
    ]
