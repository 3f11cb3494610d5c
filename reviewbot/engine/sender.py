# SPDX-License-Identifier: GPL-2.0-only
"""Sends what is due, within the limits, and finds out what became of mails whose sending was cut off."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from reviewbot.engine.clerk import policy_of
from reviewbot.model.errors import InfrastructureError, ReviewbotError, UserError
from reviewbot.model.outbox import EntryState, Kind
from reviewbot.model.say import Level
from reviewbot.stages import policy
from reviewbot.stages.deliver import Postman
from reviewbot.stages.printable import one_line
from reviewbot.tools.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from reviewbot.model.outbox import Entry, Sent
    from reviewbot.model.say import Say
    from reviewbot.tools.context import Tools

RETRY_SECONDS = 600.0
"""How long a mail waits after the server refused it or could not be reached."""
LIMITED_SECONDS = 1800.0
"""How long a mail waits after a limit held it back."""
UNCLEAR_SECONDS = 900.0
"""Younger rows in SENDING may still be on their way, ours or another process's."""
ARCHIVED_SECONDS = 6 * 3600.0
"""A mail that the archive does not have after this long is taken for lost, and a person is asked."""


class Sender:
    """The one process that has the mail server's password."""

    def __init__(
        self,
        tools: Tools,
        database: str,
        *,
        in_archive: Callable[[str], bool],
        say: Say,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``in_archive`` tells of a Message-ID, and raises UserError when it cannot."""
        self._tools = tools
        self._database = database
        self._in_archive = in_archive
        self._say = say
        self._clock = clock

    def send(self) -> int:
        """Send what is due; return how many mails went out.  What fails waits for the next time."""
        postman = Postman(self._tools, self._database)
        try:
            return self._send(postman)
        finally:
            postman.outbox.close()

    def _send(self, postman: Postman) -> int:
        sent = 0
        recent: list[Sent] | None = None
        for entry in postman.outbox.due(self._clock()):
            now = self._clock()
            if self._silenced(postman, entry):
                continue
            if recent is None:
                recent = postman.outbox.sent_since(now - policy.DAY)
            held_back = self._limit(entry, recent, now)
            if held_back:
                self._later(postman, entry, held_back, now + LIMITED_SECONDS)
                continue
            recent = None  # whatever comes of it may count
            try:
                sent += len(postman.send([entry]))
            except InfrastructureError as error:  # no connection: nobody else's mail will go either
                self._later(postman, entry, str(error), now + RETRY_SECONDS)
                return sent
            except (ReviewbotError, OSError):
                raise
            except Exception as error:  # noqa: BLE001 - else one mail would keep all others from going
                why = f"our own mistake: {type(error).__name__}: {error}"[:300]
                self._later(postman, entry, one_line(why), now + RETRY_SECONDS)
            for failure in postman.failed:
                self._later(postman, entry, failure, now + RETRY_SECONDS)
            postman.failed.clear()
        return sent

    def _silenced(self, postman: Postman, entry: Entry) -> bool:
        """Drop a report that somebody wants no more, whoever said so while it waited."""
        if entry.kind is Kind.ANSWER:
            return False
        thread = (entry.series, *entry.mail.references)
        rules = policy_of(self._tools.config, entry.inbox)
        who = policy.muted_by((entry.author,), thread, rules, postman.outbox.muted())
        if not who:
            return False
        note, ready = f"muted by {who}", (EntryState.READY,)
        if postman.outbox.move(entry.message_id, EntryState.DROPPED, when=ready, note=note):
            self._say("dropped", f"dropped, {note}", mail=entry.message_id)
        return True

    def _limit(self, entry: Entry, recent: list[Sent], now: float) -> str:
        config = self._tools.config
        return policy.within_limits(
            entry,
            policy_of(config, entry.inbox),
            recent,
            now=now,
            per_day=config.mail.per_day,
        )

    def _later(self, postman: Postman, entry: Entry, why: str, due: float) -> None:
        ready = (EntryState.READY,)
        if postman.outbox.move(entry.message_id, EntryState.READY, when=ready, note=why, due=due):
            self._say("waits", f"waits, {why}", mail=entry.message_id)
        else:
            self._say("unclear", why, level=Level.WARNING, mail=entry.message_id)

    def reconcile(self) -> int:
        """Look mails up whose sending ended unclear; return how many are cleared up.

        One that the archive has was sent.  One that it does not have after hours stays where it is, with
        a note: sending it again is a person's decision.
        """
        box = Outbox(self._database)
        cleared = 0
        try:
            for entry in box.entries((EntryState.SENDING,)):
                age = self._clock() - entry.changed
                if age < UNCLEAR_SECONDS:
                    continue
                try:
                    found = self._in_archive(entry.message_id)
                except UserError as error:
                    self._say("no archive", str(error), level=Level.WARNING, mail=entry.message_id)
                    continue
                sending = (EntryState.SENDING,)
                if found:
                    note = "found in the archive"
                    cleared += box.move(entry.message_id, EntryState.SENT, when=sending, note=note)
                    self._say("reconciled", note, mail=entry.message_id)
                elif age > ARCHIVED_SECONDS and not entry.note:
                    note = "not in the archive; 'reviewbot outbox resend' sends it, 'drop' does not"
                    box.annotate(entry.message_id, note)
                    self._say("reconciled", note, mail=entry.message_id)
        finally:
            box.close()
        return cleared
