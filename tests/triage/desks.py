# SPDX-License-Identifier: GPL-2.0-only
"""A mailbox that grows, and the read model of it with a clock turned by hand."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from mails import mail, mbox, patch_body

from reviewbot.engine.triage import Triage
from reviewbot.engine.watch import FollowedList, Watcher
from reviewbot.parse.gather import Following
from reviewbot.tools.desk import Desk
from reviewbot.tools.ledger import Ledger
from reviewbot.tools.places import Box

if TYPE_CHECKING:
    from pathlib import Path

    from reviewbot.model.triage import Item

LIST = "kvm@vger.kernel.example"
POSTED = 1772366400.0  # 2026-03-01 12:00 UTC, when the mails of tests/mails.py are sent
DAY = 86400.0
REVIEWER = "Rita Reviewer <rita@kernel.example>"
STAMP = "20260301120000.4711"


def reply(
    to: str, body: str, *, sender: str = REVIEWER, subject: str = "x", minute: int = 50
) -> bytes:
    """An answer to the mail ``to``."""
    name = f"r{abs(hash((to, body, sender, minute))):x}@example.org"
    return mail(
        f"Re: {subject}", body=body, message_id=name, parent=to, sender=sender, minute=minute
    )


def cover(stamp: str = STAMP) -> str:
    return f"{stamp}-1-ann@kernel.example"


def patch(number: int, stamp: str = STAMP) -> str:
    return f"{stamp}-{number + 1}-ann@kernel.example"


def lone(
    subject: str,
    path: str,
    name: str,
    *,
    sender: str = "Ann Example <ann@kernel.example>",
    minute: int = 0,
    text: str = "Say why.",
    line: str = "new",
) -> bytes:
    """A series of one patch."""
    return mail(
        f"[PATCH] {subject}",
        body=patch_body(path, text=text, line=line),
        message_id=name,
        sender=sender,
        minute=minute,
    )


class Office:
    """Deliver mails, look at the rows."""

    def __init__(self, folder: Path) -> None:
        self.box = folder / "box.mbox"
        self.path = folder / "ledger.sqlite"
        self.mails: list[bytes] = []
        self.now = POSTED + DAY
        self.me = frozenset({"kvm@vger.kernel.example"})

    def deliver(self, *raw: bytes) -> None:
        self.mails += raw
        self.box.write_bytes(mbox(self.mails))

    def look(self, *, everything: bool = False) -> list[Item]:
        with closing(Ledger(self.path)) as ledger, closing(Desk(self.path)) as desk:
            triage = self.open(ledger, desk)
            return triage.items(everything=everything)

    def open(self, ledger: Ledger, desk: Desk) -> Triage:
        source = Box(self.box)
        followed = {LIST: FollowedList(source=source, following=Following(wait=0))}
        Watcher(ledger, followed, clock=lambda: self.now).poll()
        triage = Triage(ledger, desk, {LIST: source}, me=self.me, clock=lambda: self.now)
        assert triage.read_mails() == {}
        triage.refresh()
        return triage

    def one(self) -> Item:
        """The only row."""
        (row,) = self.look()
        return row
