# SPDX-License-Identifier: GPL-2.0-only
"""What the user named -> the series, or why it is not for us."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reviewbot.model.errors import UserError
from reviewbot.model.run import Stage
from reviewbot.model.series import Declined, DeclineReason, Series
from reviewbot.parse.classify import decline
from reviewbot.parse.mail import Mail, MailError, parse_mail
from reviewbot.parse.series import build, choose, summary
from reviewbot.parse.thread import unique
from reviewbot.tools import b4, commits, mailbox
from reviewbot.tools.context import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """What to review.

    ``what`` is a message-id, a URL, the path of an mbox, maildir or folder of patches, or "-" for
    ``stdin``.  ``mails`` are the raw mails of the thread of the message-id ``what``, when they are
    at hand.  ``commit_range`` (A..B of ``tree_path``) takes its place, or ``paths``: several files
    that are one series.  ``revision`` picks another version of the same series.
    """

    what: str
    paths: tuple[str, ...] = ()
    stdin: bytes | None = None
    mails: tuple[bytes, ...] = ()
    revision: int | None = None
    tree_path: str | None = None
    commit_range: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The series, and why it is declined, if it is.

    A declined mail without any patch still has a ``series`` (with ``cover`` and no patches), so that
    a report can name it.
    """

    series: Series
    declined: Declined | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Thread:
    mails: tuple[Mail, ...]
    source: str
    asked: str | None = None


def run(request: FetchRequest, tools: Tools) -> Fetched:
    """Get the mails, put the series together, and recognise what is no kernel series.

    Raises UserError for whatever the user has to put right: unknown message-id, inbox that cannot
    be reached, empty or damaged files, binary or unsafe patches, a revision that is not there.
    """
    thread = _thread(request, tools)
    choice = choose(thread.mails, message_id=thread.asked, revision=request.revision)
    if choice is None and request.revision is not None and thread.asked:
        raise UserError(
            f"revision {request.revision} is not in this thread: no mail of it carries a patch"
        )
    if choice is None:
        return _without_patch(thread)
    posting = choice.posting
    declined = decline(posting.mails)
    if declined is None:
        return Fetched(series=build(choice, source=thread.source))
    return Fetched(series=summary(posting.head, source=thread.source), declined=declined)


def _thread(request: FetchRequest, tools: Tools) -> _Thread:
    if request.commit_range:
        tree = Path(request.tree_path or ".")
        raw = commits.format_range(tree, request.commit_range)
        return _Thread(mails=_parsed(raw), source=f"{request.commit_range} of {tree}")
    if request.paths:
        raw = tuple(one for path in request.paths for one in mailbox.read(Path(path)))
        return _Thread(mails=_parsed(raw), source=f"{len(request.paths)} files")
    if request.mails:
        return _at_hand(request)
    if request.what == "-":
        raw = mailbox.split(request.stdin or b"", "standard input")
        return _Thread(mails=_parsed(raw), source="standard input")
    path = Path(request.what)
    if mailbox.present(path):
        return _Thread(mails=_parsed(mailbox.read(path)), source=str(path))
    return _from_inbox(request, tools)


def _at_hand(request: FetchRequest) -> _Thread:
    """Mails of a list that were read before; the message-id needs no inbox, so any will do."""
    asked = request.what.removeprefix("id:")
    mails = tuple(unique(_parsed(request.mails)))
    if all(mail.message_id != asked for mail in mails):
        raise UserError("the mails at hand do not hold the one that was asked for")
    return _Thread(mails=mails, source="the list's mails", asked=asked)


def _from_inbox(request: FetchRequest, tools: Tools) -> _Thread:
    """The thread of a message-id.

    b4 leaves out everything above a lone [PATCH]; but that may be a patch whose number was
    forgotten, in the middle of a series (nSVM PAT v8 5/8), so the thread above it is fetched as well.
    """
    wanted = b4.parse_wanted(request.what)
    inbox = tools.config.inbox
    tools.progress(Stage.FETCH, f"fetching the thread of {wanted.message_id}")
    raw, source = b4.fetch_thread(wanted, inbox)
    mails = _parsed(raw)
    asked = next((mail for mail in mails if mail.message_id == wanted.message_id), None)
    known = {mail.message_id for mail in mails}
    if asked and asked.parent and asked.parent not in known:
        mails += _above(asked, wanted, tools)
    if request.revision is not None and not any(
        _is_revision(mail, request.revision) for mail in mails
    ):
        tools.progress(Stage.FETCH, f"looking for revision {request.revision}")
        raw, source = b4.fetch_thread(wanted, inbox, newer=True)
        mails += _parsed(raw)
    return _Thread(mails=tuple(unique(mails)), source=source, asked=wanted.message_id)


def _is_revision(mail: Mail, revision: int) -> bool:
    return not mail.subject.reply and (mail.subject.version or 1) == revision


def _above(asked: Mail, wanted: b4.Wanted, tools: Tools) -> tuple[Mail, ...]:
    """The thread above a mail; nothing when the archive does not have it."""
    for reference in (asked.references[0], asked.references[-1]):
        try:
            parent = b4.parse_wanted(reference)
            raw, _ = b4.fetch_thread(
                b4.Wanted(
                    message_id=parent.message_id, midmask=wanted.midmask, mirrored=wanted.mirrored
                ),
                tools.config.inbox,
            )
        except UserError:
            continue
        return _parsed(raw)
    return ()


def _parsed(raw: Sequence[bytes]) -> tuple[Mail, ...]:
    """Parse mails; one broken reply among many is left out, unless nothing else is there."""
    mails, broken = [], []
    for one in raw:
        try:
            mails.append(parse_mail(one))
        except MailError as error:
            broken.append(error)
    if broken and not mails:
        raise broken[0]
    return tuple(mails)


def _without_patch(thread: _Thread) -> Fetched:
    """A thread in which nothing can be reviewed: a question, a pull request, a bug report."""
    mails = thread.mails
    head = next((mail for mail in mails if mail.message_id == thread.asked), mails[0])
    declined = decline([head])
    if declined is None or (
        declined.reason is DeclineReason.NO_PATCH and any(mail.diff for mail in mails)
    ):
        declined = Declined(
            reason=DeclineReason.NO_PATCH,
            evidence=f'"{head.subject.full[:80]}" carries no patch; only replies in its thread do: '
            "give the message-id of one to have it looked at.",
        )
    return Fetched(series=summary(head, source=thread.source), declined=declined)
