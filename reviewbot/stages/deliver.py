# SPDX-License-Identifier: GPL-2.0-only
"""Send mails, each at most once.  Nothing calls this unless a person or a list's policy said so."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.mail import Mail
from reviewbot.model.outbox import Entry, EntryState
from reviewbot.model.run import Stage
from reviewbot.stages.compose import compose, flatten
from reviewbot.stages.printable import count, one_line
from reviewbot.stages.recipients import sender_of
from reviewbot.tools import smtp
from reviewbot.tools.context import Tools
from reviewbot.tools.outbox import Outbox

VERSION = 1
BY_HAND = "cli"
"""The list of a mail that a person sent with --send."""

_WAITING = (EntryState.READY, EntryState.HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverRequest:
    """Mails in the order to send them, and the address of the database that knows what was sent.

    ``home`` is where git configuration is looked for, None for $HOME.
    """

    mails: tuple[Mail, ...]
    database: str
    home: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """Message-IDs sent now, and those that had been sent before."""

    sent: tuple[str, ...]
    before: tuple[str, ...]


def run(request: DeliverRequest, tools: Tools) -> Delivered:
    """Send what was not sent before, whether or not it waits in the outbox for approval.

    Raises UserError when no server, sender or recipient is known (nothing is sent then), and
    InfrastructureError when a mail could not be sent or an earlier attempt ended unclear; the
    others have been sent all the same.
    """
    if not request.mails:
        tools.progress(Stage.DELIVER, "nothing to send: silence is the report for this verdict")
        return Delivered(sent=(), before=())
    if any(not (mail.to or mail.cc) for mail in request.mails):
        raise UserError("a mail has no recipient: the series names neither author nor list")
    postman = Postman(tools, request.database, request.home)
    try:
        for mail in request.mails:
            postman.outbox.add(Entry(mail=mail, inbox=BY_HAND, state=EntryState.READY))
        known = [postman.outbox.get(mail.message_id) for mail in request.mails]
        entries = [entry for entry in known if entry is not None]
        before = tuple(e.message_id for e in entries if e.state is EntryState.SENT)
        for name in before:
            tools.progress(Stage.DELIVER, f"already sent before: {name}")
        postman.failed += [_unclear(e) for e in entries if e.state is EntryState.SENDING]
        sent = postman.send(
            entry for entry in entries if entry.state in {*_WAITING, EntryState.DROPPED}
        )
        if postman.failed:
            said = "; ".join(postman.failed)
            raise InfrastructureError(
                f"{count(len(postman.failed), 'mail')} of {len(request.mails)} not sent: {said}"
            )
        return Delivered(sent=sent, before=before)
    finally:
        postman.outbox.close()


def _unclear(entry: Entry) -> str:
    return (
        f"{entry.message_id} may have been sent by a run that was interrupted; not sent again "
        "(look in the list's archive; 'reviewbot outbox resend' sends it)"
    )


class Postman:
    """Sends rows of the outbox over one connection, and writes down what became of each.

    Raises UserError when no server or sender is configured.
    """

    def __init__(self, tools: Tools, database: str, home: Path | None = None) -> None:
        self._server = smtp.server(tools.config.mail, home)
        sender = sender_of(tools.config.mail.sender or self._server.sender)
        if sender is None:
            raise UserError(
                'no From address: set mail.sender = "Name <bot@example.org>" or git\'s sendemail.from'
            )
        self._sender = sender
        self._tools = tools
        self.outbox = Outbox(database)
        self.failed: list[str] = []

    def send(self, entries: Iterable[Entry]) -> tuple[str, ...]:
        """Message-IDs that were sent.  What failed is in ``failed``, a line each.

        Raises InfrastructureError when there is no connection; nothing has been tried then.
        """
        waiting = list(entries)
        if not waiting:
            return ()
        with smtp.connected(self._server) as session:
            return tuple(e.message_id for e in waiting if self._one(session, e))

    def _one(self, session: smtp.Session, entry: Entry) -> bool:
        mail, name = entry.mail, entry.message_id
        people = tuple(dict.fromkeys(a.email for a in (*mail.to, *mail.cc)))
        message = flatten(compose(mail, self._sender))
        if not self.outbox.move(name, EntryState.SENDING, when=(entry.state,)):
            self.failed.append(f"{name}: somebody else is sending it")
            return False
        done = session.send((mail.sender or self._sender).email, people, message)
        if done.answer is smtp.Answer.UNCLEAR:
            # The row stays at SENDING: the server may have taken it.
            self.failed.append(
                f"{name}: the connection broke off ({done.why}); the server may have it all the same"
            )
            return False
        if done.answer is smtp.Answer.REFUSED:
            self.outbox.move(name, entry.state, when=(EntryState.SENDING,), note=one_line(done.why))
            self.failed.append(f"{one_line(mail.subject)}: {done.why}")
            return False
        self.outbox.move(name, EntryState.SENT, when=(EntryState.SENDING,))
        self._say(f"sent to {', '.join(people)}: {mail.subject}")
        for who, why in done.refused:
            self._say(f"the server did not take {who}: {why}")
        return True

    def _say(self, message: str) -> None:
        self._tools.progress(Stage.DELIVER, one_line(message))
