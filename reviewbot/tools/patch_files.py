# SPDX-License-Identifier: GPL-2.0-only
"""Files of ``git format-patch``: which belong to one series, and which commits they were made of."""

import re
from collections.abc import Iterable
from pathlib import Path

from reviewbot.model.errors import UserError
from reviewbot.parse.mail import Mail, parse_mail
from reviewbot.tools import mailbox

MOST_BESIDE = 1000
"""Files of one folder that are looked at."""

_NAME = re.compile(r"(?:v[\w.]{1,20}-)?\d{4,}-.*\.(?:patch|eml|txt)")
_FROM = re.compile(rb"From ([0-9a-f]{40}|[0-9a-f]{64}) Mon Sep 17 00:00:00 2001\n")


def series_beside(file: Path) -> tuple[tuple[Path, int], ...]:
    """The files beside ``file`` that are of the same series, itself included, with their numbers.

    Sorted by number; the cover letter is 0.  Only names such as git format-patch gives are looked
    at.  Without --from it names the author of each patch as its sender, and the committer for the cover
    letter: what others wrote fills the gaps.  Raises UserError when ``file`` is no patch, or two files
    are the same patch of the series.
    """
    mails = mailbox.read(file)
    if len(mails) > 1:
        raise UserError(f"{file} holds {len(mails)} mails; give one file of git format-patch")
    mail = parse_mail(mails[0])
    number, key = mail.subject.number, _key(mail)
    if number is None or not _NAME.fullmatch(file.name):
        return ((file, number or 1),)
    found: dict[int, Path] = {number: file}
    others: dict[str, dict[int, Path]] = {}
    names = sorted(other.name for other in file.parent.iterdir() if _NAME.fullmatch(other.name))
    for other in (file.parent / name for name in names[:MOST_BESIDE] if name != file.name):
        sibling = _only_mail(other)
        if sibling is None or _key(sibling) != key or sibling.subject.number is None:
            continue
        if (sender := sibling.sender.email.lower()) != mail.sender.email.lower():
            others.setdefault(sender, {})[sibling.subject.number] = other
            continue
        known = found.setdefault(sibling.subject.number, other)
        if known not in (other, file):
            raise UserError(
                f"{known} and {other.name} are both patch {sibling.subject.number} of a series; "
                "remove the old one"
            )
    for theirs in others.values():
        if not found.keys() & theirs.keys():  # else it is another series
            found |= theirs
    return tuple((found[each], each) for each in sorted(found))


def commits_of(files: Iterable[Path]) -> tuple[str, ...]:
    """The commits that git format-patch named in the first lines, in the order of the files."""
    found = []
    for file in files:
        try:
            with file.open("rb") as stream:
                match = _FROM.match(stream.read(100))
        except OSError:
            continue  # mailbox.read() says what is wrong with it
        if match:
            found.append(match[1].decode())
    return tuple(found)


def _only_mail(file: Path) -> Mail | None:
    """The mail in a file; None for whatever is not one: it only happens to lie there."""
    if not file.is_file():
        return None
    try:
        mails = mailbox.read(file)
        return parse_mail(mails[0]) if len(mails) == 1 else None
    except UserError:
        return None


def _key(mail: Mail) -> tuple[object, ...]:
    subject = mail.subject
    return subject.version or 1, subject.total
