# SPDX-License-Identifier: GPL-2.0-only
"""A mail we might send: what it says, to whom, and in reply to what.  Not yet encoded."""

from dataclasses import dataclass

from reviewbot.model.series import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One plain-text mail.  All text is clean: one line a header, no control characters.

    ``sender`` None means "whatever delivery is configured to use".  Message-IDs are without angle
    brackets; ``message_id`` is the same whenever the same is said about the same patch, so that a
    record of sent ones can keep us from repeating ourselves.  ``date`` is RFC 5322's.  ``answer`` when it
    answers a command: Auto-Submitted then says "auto-replied" (RFC 3834).
    """

    sender: Address | None
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    subject: str
    date: str
    message_id: str
    in_reply_to: str
    references: tuple[str, ...]
    body: str
    answer: bool = False
