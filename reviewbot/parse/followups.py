# SPDX-License-Identifier: GPL-2.0-only
"""Trailers that replies offer to the patches of a series."""

from collections.abc import Sequence

from reviewbot.model.series import Trailer
from reviewbot.parse.mail import Mail
from reviewbot.parse.posting import Posting
from reviewbot.parse.trailers import offered_trailers

_DEEPEST = 50  # replies between a tag and the patch it is for


def offers(posting: Posting, mails: Sequence[Mail]) -> dict[str, list[Trailer]]:
    """Reviewed-by and the like from replies, by patch; under "" those given for the whole series."""
    patches = {mail.message_id for mail in posting.patches.values()}
    cover = posting.cover.message_id if posting.cover else ""
    by_id = {mail.message_id: mail for mail in mails}
    found: dict[str, list[Trailer]] = {}
    for mail in mails:
        if mail.diff or mail.message_id in patches or mail.message_id == cover:
            continue
        given = offered_trailers(mail.body, mail.sender.email, mail.sender.name)
        place = _answered(mail, by_id, patches | {cover}) if given else None
        if place is not None:
            found.setdefault("" if place == cover else place, []).extend(
                Trailer(name=name, value=value, message_id=mail.message_id) for name, value in given
            )
    return found


def _answered(mail: Mail, by_id: dict[str, Mail], ours: set[str]) -> str | None:
    """The mail of our series that a reply is about; None when it is about some other patch.

    Mailers drop old references, so those of the mails in between count as well.
    """
    at: Mail | None = mail
    for _ in range(_DEEPEST):
        if at is None:
            return None
        for reference in reversed(at.references):
            if reference in ours:
                return reference
            other = by_id.get(reference)
            if other is not None and not other.subject.reply and _starts_something(other):
                return None
        at = by_id.get(at.references[0]) if at.references else None
    return None


def _starts_something(mail: Mail) -> bool:
    return bool(mail.diff) or mail.subject.number == 0
