# SPDX-License-Identifier: GPL-2.0-only
"""The mails of a thread -> the wanted revision as a Series."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reviewbot.model.errors import UserError
from reviewbot.model.series import CoverLetter, Patch, Series, Trailer
from reviewbot.parse.diff import DamagedDiffError, scan_diff
from reviewbot.parse.followups import offers
from reviewbot.parse.mail import SYNTHETIC_DOMAIN, Mail
from reviewbot.parse.paths import unsafe_path
from reviewbot.parse.posting import Posting
from reviewbot.parse.thread import above, change_id, find_postings, related, unique

_BASE = re.compile(r"^base-commit:[ \t]*([0-9a-f]{12,64})\b", re.MULTILINE)
_PREREQUISITE = re.compile(r"^prerequisite-patch-id:[ \t]*([0-9a-f]{40,64})\b", re.MULTILINE)
_DEPENDS = re.compile(
    r"^(prerequisite-(?:change-id|message-id)|depends-on):[ \t]*(\S{1,200})",
    re.MULTILINE | re.IGNORECASE,
)
_SIGNATURE = re.compile(r"^-- $", re.MULTILINE)


class SeriesError(UserError, ValueError):
    """The mails do not hold what was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The posting to review, out of ``mails`` (each once); ``newest`` is the highest revision seen."""

    posting: Posting
    mails: tuple[Mail, ...]
    newest: int


def choose(
    mails: Sequence[Mail], *, message_id: str | None = None, revision: int | None = None
) -> Choice | None:
    """Find the series that is meant.

    With ``message_id``, the posting that mail belongs to (a reply belongs to what it replies to),
    else the newest revision of the only series there is; ``revision`` picks another revision of it.
    None when no mail carries a patch.  Raises SeriesError when several series could be meant, or the
    revision is not there.
    """
    mails = unique(mails)
    postings = find_postings(mails)
    wanted = _by_message_id(postings, mails, message_id) if message_id else None
    if wanted is None:
        postings = [posting for posting in postings if posting.patches] or postings
        if not postings:
            return None
        wanted = _only_series(postings)
    family = related(postings, wanted)
    newest = max(posting.revision for posting in family)
    if revision is not None:
        wanted = _revision(family, revision)
    elif not message_id:
        wanted = max(family, key=lambda posting: (posting.revision, posting.when))
    _reroll(wanted, family, mails)
    return Choice(posting=wanted, mails=tuple(mails), newest=newest)


def assemble(
    mails: Sequence[Mail],
    *,
    source: str,
    message_id: str | None = None,
    revision: int | None = None,
) -> Series | None:
    """choose() and build() in one step."""
    choice = choose(mails, message_id=message_id, revision=revision)
    return build(choice, source=source) if choice else None


def build(choice: Choice, *, source: str) -> Series:
    """The chosen posting as a Series.

    Raises SeriesError for mails that cannot be reviewed: binary or damaged patches, paths outside
    the tree, headers that are no text.  Each names the patch.
    """
    posting = choice.posting
    for mail in posting.mails:
        if mail.damage:
            raise SeriesError(
                f"{_what(posting, mail)}: {mail.damage}; resend it with git send-email, which encodes headers"
            )
    offered = offers(choice.posting, choice.mails)
    patches = tuple(
        _patch(posting, number, posting.patches[number], offered)
        for number in sorted(posting.patches)
    )
    bodies = [mail.body for mail in posting.mails]
    notes = list(dict.fromkeys([*posting.notes, *_notes(choice, bodies)]))
    return Series(
        title=posting.head.subject.text,
        revision=posting.revision,
        prefixes=tuple(
            dict.fromkeys(one for mail in posting.mails for one in mail.subject.prefixes)
        ),
        total=posting.total,
        cover=_cover(posting.cover) if posting.cover else None,
        patches=patches,
        missing=posting.missing,
        base_commit=next((found[1] for body in bodies if (found := _BASE.search(body))), None),
        prerequisites=tuple(
            dict.fromkeys(one for body in bodies for one in _PREREQUISITE.findall(body))
        ),
        change_id=change_id(posting),
        source=source,
        newest_revision=choice.newest,
        notes=tuple(notes),
    )


def summary(mail: Mail, *, source: str) -> Series:
    """A Series without patches, to name a mail that is declined."""
    return Series(
        title=mail.subject.text,
        revision=mail.subject.version or 1,
        prefixes=mail.subject.prefixes,
        total=mail.subject.total or 0,
        cover=_cover(mail),
        patches=(),
        missing=(),
        base_commit=None,
        prerequisites=(),
        change_id=None,
        source=source,
        newest_revision=mail.subject.version or 1,
    )


def _by_message_id(postings: list[Posting], mails: list[Mail], message_id: str) -> Posting | None:
    """The posting of a mail, or of the nearest mail above it in the thread."""
    home = {mail.message_id: posting for posting in postings for mail in posting.mails}
    by_id = {mail.message_id: mail for mail in mails}
    asked = by_id.get(message_id)
    if message_id in home or asked is None:
        return home.get(message_id)
    if asked.diff:
        return Posting(
            revision=asked.subject.version or 1,
            total=1,
            patches={1: asked},
            notes=["the patch was carried by a reply; it is reviewed by itself"],
        )
    return next((home[one] for one in reversed(asked.references) if one in home), None)


def _only_series(postings: list[Posting]) -> Posting:
    """The series of a mailbox: the one the rest of its thread was written about."""
    starts: dict[str, Posting] = {}
    for posting in postings:
        other = starts.setdefault(posting.thread, posting)
        if other.head.references and not posting.head.references:
            starts[posting.thread] = posting
    roots = list(starts.values())
    first = roots[0]
    others = [posting for posting in roots if posting not in related(postings, first)]
    if others:
        titles = "; ".join(
            f'"{posting.head.subject.text[:60]}" <{posting.head.message_id}>'
            for posting in [first, *others][:4]
        )
        raise SeriesError(
            f"several series in one mailbox: {titles}; put each into a mailbox of its own, "
            "or review one by its message-id"
        )
    return first


def _revision(family: list[Posting], revision: int) -> Posting:
    fitting = [posting for posting in family if posting.revision == revision]
    if not fitting:
        there = ", ".join(f"v{one}" for one in sorted({posting.revision for posting in family}))
        raise SeriesError(f"revision {revision} is not in this thread, only {there}")
    return fitting[-1]


def _reroll(wanted: Posting, family: list[Posting], mails: Sequence[Mail]) -> None:
    """Fill up a revision of which only the changed patches were sent, each in reply to its ancestor.

    b4 calls this a partial reroll.
    """
    before = [
        one for one in family if one.revision == wanted.revision - 1 and one.total == wanted.total
    ]
    if not wanted.missing or not wanted.patches or not before:
        return
    older = before[-1]
    by_id = {mail.message_id: mail for mail in mails}
    seen: dict[str, Mail | None] = {}
    if all(
        number in older.patches and above(mail, by_id, seen) is older.patches[number]
        for number, mail in wanted.patches.items()
    ):
        taken = [number for number in wanted.missing if number in older.patches]
        wanted.patches |= {number: older.patches[number] for number in taken}
        some = ", ".join(map(str, taken))
        wanted.notes.append(
            f"only changed patches were resent; {some} are taken from v{older.revision}"
        )
        wanted.cover = wanted.cover or older.cover


def _what(posting: Posting, mail: Mail) -> str:
    for number, patch in posting.patches.items():
        if patch is mail:
            return f'patch {number}/{posting.total} "{mail.subject.text[:60]}"'
    return f'cover letter "{mail.subject.text[:60]}"'


def _patch(posting: Posting, number: int, mail: Mail, replies: dict[str, list[Trailer]]) -> Patch:
    what = _what(posting, mail)
    try:
        files, diff = scan_diff(mail.diff)
    except DamagedDiffError as error:
        raise SeriesError(f"{what}: {error}") from error
    for change in files:
        for path in (change.old_path, change.new_path):
            if path is not None and (reason := unsafe_path(path)):
                raise SeriesError(f"{what}: path {path!a} {reason}; refused")
        if change.binary:
            raise SeriesError(
                f"{what}: {change.path!a} is a binary patch, which cannot be reviewed; send it as text"
            )
    offered = replies.get(mail.message_id, []) + replies.get("", [])
    own = mail.trailers
    known = {(one.name.lower(), one.value) for one in own}
    extra = {(one.name.lower(), one.value): one for one in reversed(offered)}
    return Patch(
        number=number,
        mailed_number=mail.subject.number,
        subject=mail.subject.text,
        full_subject=mail.subject.full,
        message_id=mail.message_id,
        references=mail.references,
        author=mail.author,
        sender=mail.sender,
        date=mail.date,
        to=mail.to,
        cc=mail.cc,
        changelog=mail.changelog,
        below_cut=mail.below_cut,
        trailers=own + tuple(one for key, one in reversed(extra.items()) if key not in known),
        files=files,
        diff=diff,
    )


def _cover(mail: Mail) -> CoverLetter:
    ends = [match.start() for match in _SIGNATURE.finditer(mail.body)]
    return CoverLetter(
        subject=mail.subject.text,
        full_subject=mail.subject.full,
        message_id=mail.message_id,
        references=mail.references,
        sender=mail.sender,
        date=mail.date,
        to=mail.to,
        cc=mail.cc,
        body=(mail.body[: ends[-1]] if ends else mail.body).strip("\n"),
    )


def _notes(choice: Choice, bodies: list[str]) -> list[str]:
    """Honest remarks about how the series was put together."""
    posting = choice.posting
    notes = []
    if posting.missing:
        some = ", ".join(map(str, posting.missing[:12])) + (
            " ..." if len(posting.missing) > 12 else ""
        )
        notes.append(
            f"incomplete: {len(posting.patches)} of {posting.total} patches found, missing {some}"
        )
    if choice.newest > posting.revision:
        notes.append(
            f"the thread also holds v{choice.newest}, which is newer than the reviewed v{posting.revision}"
        )
    if any(mail.message_id.endswith("@" + SYNTHETIC_DOMAIN) for mail in posting.mails):
        notes.append("some mails have no Message-ID; no report can be sent in reply to them")
    for body in bodies:
        notes += [
            f"depends on another series: {name} {value}" for name, value in _DEPENDS.findall(body)
        ]
    return notes
