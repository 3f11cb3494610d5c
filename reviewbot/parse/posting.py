# SPDX-License-Identifier: GPL-2.0-only
"""One revision of a series as it was sent, still in mails; and what message-ids say about order."""

import re
from collections import Counter
from dataclasses import dataclass, field

from reviewbot.parse.mail import Mail

# git send-email, its predecessor, b4, and git format-patch --thread: (stem, counter, rest).
_COUNTED = (
    re.compile(r"(\d{14}\.\d+)-(\d+)-(.+)"),
    re.compile(r"(\d+)-(\d+)-(git-send-email-.+)"),
    re.compile(r"(\d{8}-.+-v\d+)-(\d+)-[0-9a-f]{12}(@.+)"),
)
_GIT_THREAD = re.compile(r"(?:cover|[0-9a-f]{40})\.(\d+)\.git\.(.+)")


@dataclass(slots=True, kw_only=True, eq=False)
class Posting:
    """One revision as it was sent.  ``patches`` by number; ``notes`` are remarks for the report.

    ``thread`` is the same for postings in one thread.
    """

    revision: int
    total: int
    cover: Mail | None = None
    patches: dict[int, Mail] = field(default_factory=dict)
    thread: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def mails(self) -> list[Mail]:
        """The cover, then the patches in order."""
        patches = [self.patches[number] for number in sorted(self.patches)]
        return [self.cover, *patches] if self.cover else patches

    @property
    def head(self) -> Mail:
        """The cover, else the first patch at hand."""
        return self.mails[0]

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers that were announced and not seen."""
        return tuple(number for number in range(1, self.total + 1) if number not in self.patches)

    @property
    def sender(self) -> str:
        """The address most of the mails come from."""
        return Counter(mail.sender.email.lower() for mail in self.mails).most_common(1)[0][0]

    @property
    def when(self) -> float:
        """When its latest mail was sent."""
        return max(mail.when for mail in self.mails)


def new_posting(mail: Mail) -> Posting:
    """An empty posting with the version and total a mail announces."""
    return Posting(revision=mail.subject.version or 1, total=mail.subject.total or 1)


def stem(mail: Mail) -> tuple[str, int | None]:
    """What the ids of mails sent by one command share, and the mail's counter in it."""
    for pattern in _COUNTED:
        if match := pattern.fullmatch(mail.message_id):
            return f"{match[1]}-{match[3]}", int(match[2]) if len(match[2]) < 6 else None
    if match := _GIT_THREAD.fullmatch(mail.message_id):
        return f"{match[1]}.{match[2]}", None
    return mail.message_id, None
