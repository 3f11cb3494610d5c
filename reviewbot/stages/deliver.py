# SPDX-License-Identifier: GPL-2.0-only
"""Send mails, each at most once.  Nothing calls this unless the user asked to send."""

from dataclasses import dataclass
from pathlib import Path

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.mail import Mail
from reviewbot.model.run import Stage
from reviewbot.model.series import Address
from reviewbot.stages.compose import compose, flatten
from reviewbot.stages.printable import count, one_line
from reviewbot.stages.recipients import sender_of
from reviewbot.tools import smtp
from reviewbot.tools.context import Tools
from reviewbot.tools.outbox import Outbox, State

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverRequest:
    """Mails in the order to send them, and the directory that remembers what was sent.

    ``home`` is where git configuration is looked for, None for $HOME.
    """

    mails: tuple[Mail, ...]
    state: Path
    home: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """Message-IDs sent now, and those that had been sent before."""

    sent: tuple[str, ...]
    before: tuple[str, ...]


def run(request: DeliverRequest, tools: Tools) -> Delivered:
    """Send what was not sent before.

    Raises UserError when no server, sender or recipient is known (nothing is sent then), and
    InfrastructureError when a mail could not be sent or an earlier attempt ended unclear; the
    others have been sent all the same.
    """
    if not request.mails:
        tools.progress(Stage.DELIVER, "nothing to send: silence is the report for this verdict")
        return Delivered(sent=(), before=())
    server = smtp.server(tools.config.mail, request.home)
    sender = sender_of(tools.config.mail.sender or server.sender)
    if sender is None:
        raise UserError(
            'no From address: set mail.sender = "Name <bot@example.org>" or git\'s sendemail.from'
        )
    if any(not (mail.to or mail.cc) for mail in request.mails):
        raise UserError("a mail has no recipient: the series names neither author nor list")
    outbox = Outbox(request.state)
    with outbox.alone():
        return _Delivery(outbox, server, sender, tools).all(request.mails)


class _Delivery:
    """One connection's worth of mails, and what became of each."""

    def __init__(self, outbox: Outbox, server: smtp.Server, sender: Address, tools: Tools) -> None:
        self.outbox = outbox
        self.server = server
        self.sender = sender
        self.tools = tools
        self.sent: list[str] = []
        self.failed: list[str] = []

    def all(self, mails: tuple[Mail, ...]) -> Delivered:
        states = {mail.message_id: self.outbox.look(mail.message_id) for mail in mails}
        before = tuple(name for name, state in states.items() if state is State.SENT)
        for name in before:
            self._say(f"already sent before: {name}")
        for name in (name for name, state in states.items() if state is State.TRYING):
            self.failed.append(
                f"{name} may have been sent by a run that was interrupted; not sent again "
                f"(look in the list's archive; to send it, remove {self.outbox.place(name)})"
            )
        fresh = [mail for mail in mails if states[mail.message_id] is State.NEW]
        if fresh:
            with smtp.connected(self.server) as session:
                for mail in fresh:
                    self._one(session, mail)
        if self.failed:
            said = "; ".join(self.failed)
            raise InfrastructureError(
                f"{count(len(self.failed), 'mail')} of {len(mails)} not sent: {said}"
            )
        return Delivered(sent=tuple(self.sent), before=before)

    def _one(self, session: smtp.Session, mail: Mail) -> None:
        name = mail.message_id
        people = tuple(dict.fromkeys(a.email for a in (*mail.to, *mail.cc)))
        message = flatten(compose(mail, self.sender))
        self.outbox.mark(name, State.TRYING)
        done = session.send((mail.sender or self.sender).email, people, message)
        if done.answer is smtp.Answer.UNCLEAR:
            # The record stays at TRYING: the server may have taken it.
            self.failed.append(
                f"{name}: the connection broke off ({done.why}); the server may have it all the same"
            )
            return
        if done.answer is smtp.Answer.REFUSED:
            self.outbox.mark(name, State.NEW)
            self.failed.append(f"{one_line(mail.subject)}: {done.why}")
            return
        self.outbox.mark(name, State.SENT)
        self.sent.append(name)
        self._say(f"sent to {', '.join(people)}: {mail.subject}")
        for who, why in done.refused:
            self._say(f"the server did not take {who}: {why}")

    def _say(self, message: str) -> None:
        self.tools.progress(Stage.DELIVER, one_line(message))
