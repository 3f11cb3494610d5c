# SPDX-License-Identifier: GPL-2.0-only
"""What is told to other services about a review: rows that wait, like mails, until it is done."""

from dataclasses import dataclass
from enum import StrEnum


class Service(StrEnum):
    """Who is told."""

    PATCHWORK = "patchwork"
    KCIDB = "kcidb"


class CheckState(StrEnum):
    """Patchwork's words."""

    PENDING = "pending"
    SUCCESS = "success"
    WARNING = "warning"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check of one patch.  ``description`` is one line, ``target_url`` "" for none."""

    state: CheckState
    description: str
    target_url: str = ""


class PublicationState(StrEnum):
    """Where a row is.

    SENDING is held by one process, and free again when that takes longer than its lease.  UNKNOWN: the
    service does not know the patch.  REFUSED: it said no, or was not to be had for days.
    """

    WAITING = "waiting"
    SENDING = "sending"
    DONE = "done"
    UNKNOWN = "unknown"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One thing to tell.  ``name`` is unique; ``about`` is the patch's message-id, or the run's id.

    ``content`` is JSON: a Check, or a submission.  ``version`` counts what it was before; ``tries``
    those of this version.  ``due`` and ``changed`` are seconds since the epoch; ``note`` says why it
    is where it is.
    """

    name: str
    service: Service
    job: str
    about: str
    content: bytes
    state: PublicationState = PublicationState.WAITING
    version: int = 1
    tries: int = 0
    due: float = 0.0
    changed: float = 0.0
    note: str = ""
