# SPDX-License-Identifier: GPL-2.0-only
"""Our answers to commands: what they say, and to whom.  Pure.

An answer goes to the person who asked.  The list gets a copy of what concerns everybody - tests and
objections - when it got the question as well.
"""

import email.utils
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from reviewbot.model.codec import key_of
from reviewbot.model.command import Word
from reviewbot.model.config import PolicyConfig
from reviewbot.model.mail import Mail
from reviewbot.model.outbox import Entry, EntryState, Kind
from reviewbot.model.series import Address
from reviewbot.parse.mail import Mail as Read
from reviewbot.stages.compose import PLACEHOLDER, is_identifier
from reviewbot.stages.printable import one_line, wrap
from reviewbot.stages.recipients import recipients, sender_of

PUBLIC = frozenset({Word.TEST, Word.RERUN, Word.INVALID, Word.UNRELATED})
HELP = """\
Begin a line of your reply with one of these, outside of quotes:

  #reviewbot test [TREE [BRANCH]]   review the series again, on another tree
  #reviewbot rerun                  review it again, as it was
  #reviewbot invalid CODE REASON    that finding is wrong; a person reads it
  #reviewbot unrelated [REASON]     the failures are not the series' fault
  #reviewbot mute | unmute          no mail about this series | again
  #reviewbot mute me | unmute me    no mail about your series | again
  #reviewbot help                   this text
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A command as it was given, and what we say to it."""

    word: Word
    command: str
    text: str


def answer_id(series: str, message_id: str, sender: Address | None, about: str = "") -> str:
    """The Message-ID of the answer to a mail; ``about`` tells several apart."""
    host = (sender or PLACEHOLDER).email.rpartition("@")[2]
    return f"reviewbot-answer-{key_of(series, message_id, about)[:32]}@{host}"


def answer(
    asked: Read, said: Sequence[Said], *, series: str, sender: Address | None, now: float
) -> Mail:
    """The answer to the mail ``asked``, which is about ``series``; ``now`` in seconds since 1970."""
    to, cc = recipients(asked.sender, asked.sender, (*asked.to, *asked.cc))
    public = any(one.word in PUBLIC for one in said)
    subject = one_line(asked.subject.full)[:400]
    chain = tuple(dict.fromkeys((*asked.references, asked.message_id)))
    parts = [f"> {one_line(one.command)}\n\n{_worded(one.text)}" for one in said]
    return Mail(
        sender=sender,
        to=to,
        cc=cc if public else (),
        subject=subject if subject.lower().startswith("re:") else f"Re: {subject}",
        date=_date(now),
        message_id=answer_id(series, asked.message_id, sender),
        in_reply_to=asked.message_id,
        references=tuple(name for name in chain if is_identifier(name)),
        body="\n".join(parts),
        answer=True,
    )


def result(before: Mail, text: str, *, message_id: str, now: float) -> Mail:
    """What came of a review that ``before`` promised, as a reply to it, to the person alone."""
    chain = tuple(dict.fromkeys((*before.references, before.message_id)))
    return replace(
        before,
        cc=(),
        date=_date(now),
        message_id=message_id,
        in_reply_to=before.message_id,
        references=chain,
        body=_worded(text),
    )


def entry(mail: Mail, policy: PolicyConfig, *, inbox: str, series: str, now: float) -> Entry | None:
    """The mail as the list's policy lets it out, or not at all.

    It has no author: who asks has a limit of his own, and that of reports is for authors of series.
    """
    if policy.mode == "off":
        return None
    if policy.mode == "owner":
        owner = sender_of(policy.owner)
        mail = replace(mail, to=(owner,) if owner else (), cc=())
    elif policy.recipients == "author":
        mail = replace(mail, cc=())
    if not mail.to:
        return None
    return Entry(
        mail=mail,
        inbox=inbox,
        series=series,
        kind=Kind.ANSWER,
        state=EntryState.HELD if policy.mode == "hold" else EntryState.READY,
        created=now,
        due=now,
    )


def _worded(text: str) -> str:
    """Paragraphs wrapped; what is indented stays as it is."""
    return (
        "\n\n".join(
            paragraph if paragraph.startswith("  ") else wrap(paragraph)
            for paragraph in text.strip("\n").split("\n\n")
        )
        + "\n"
    )


def _date(now: float) -> str:
    return email.utils.format_datetime(datetime.fromtimestamp(int(now), UTC))
