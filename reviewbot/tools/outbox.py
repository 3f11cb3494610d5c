# SPDX-License-Identifier: GPL-2.0-only
"""What has been sent: one small file a Message-ID, so that nobody gets the same mail twice.

    STATE/sent/0123abcd....json      {"message_id": ..., "state": "trying" or "sent"}

"trying" is on disk before the first byte goes to the server.  If it is still there later, we were
killed in between and the mail may or may not have left: it is reported, never sent again blindly.
"""

import contextlib
import enum
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reviewbot.model.codec import from_json, to_json
from reviewbot.model.errors import InfrastructureError
from reviewbot.tools.cache import Cache, write_whole, writing


class State(enum.StrEnum):
    """What the record says of a Message-ID."""

    NEW = "new"
    TRYING = "trying"
    SENT = "sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    message_id: str
    state: State


@dataclass(frozen=True, slots=True)
class Outbox:
    """The record below ``state`` (created when first written)."""

    state: Path

    def place(self, message_id: str) -> Path:
        """The file that speaks for a Message-ID."""
        name = hashlib.sha256(message_id.encode("utf-8", "replace")).hexdigest()
        return self.state / "sent" / f"{name}.json"

    def look(self, message_id: str) -> State:
        """What is known.  A record that cannot be read counts as TRYING: better silent than twice."""
        try:
            return from_json(self.place(message_id).read_bytes(), _Entry).state
        except FileNotFoundError:
            return State.NEW
        except InfrastructureError:
            return State.TRYING

    def mark(self, message_id: str, state: State) -> None:
        """Put it on disk; NEW forgets it."""
        place = self.place(message_id)
        if state is State.NEW:
            with writing(place):
                place.unlink(missing_ok=True)
            return
        write_whole(place, to_json(_Entry(message_id=message_id, state=state)))

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from sending meanwhile."""
        with Cache(self.state).lock("outbox"):
            yield
