# SPDX-License-Identifier: GPL-2.0-only
"""A mail that waits to be sent, or was: the only place where "exactly once" matters."""

from dataclasses import dataclass
from enum import StrEnum

from reviewbot.model.mail import Mail


class EntryState(StrEnum):
    """Where a mail is.

    SENDING is written before the first byte goes to the server.  Who finds it later knows that the mail
    may or may not have left: it is looked up in the list's archive, never sent again blindly.
    """

    HELD = "held"
    READY = "ready"
    SENDING = "sending"
    SENT = "sent"
    DROPPED = "dropped"


class Kind(StrEnum):
    """What a mail is."""

    REPORT = "report"
    CORRECTION = "correction"
    ANSWER = "answer"
    OWNER = "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One mail of the outbox.  Its Message-ID is its name.

    ``inbox`` is the list it was written for ("cli" for one that a person sent with --send), ``series`` the
    message-id of the series it is about, ``author`` the address it answers.  ``created``, ``due`` (not to be sent earlier)
    and ``changed`` are seconds since the epoch.  ``note`` says why it is where it is.
    """

    mail: Mail
    inbox: str
    series: str = ""
    author: str = ""
    kind: Kind = Kind.REPORT
    state: EntryState = EntryState.HELD
    created: float = 0.0
    due: float = 0.0
    changed: float = 0.0
    note: str = ""

    @property
    def message_id(self) -> str:
        """The mail's, without angle brackets."""
        return self.mail.message_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A mail that went out, as far as limits are concerned.  ``when`` is seconds since the epoch."""

    inbox: str
    author: str
    series: str
    when: float
