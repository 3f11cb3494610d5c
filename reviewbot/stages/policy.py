# SPDX-License-Identifier: GPL-2.0-only
"""What a list's policy makes of a finished review: which mails, to whom, when, or why none.

Pure.  The default is that a person looks at every mail before it goes out.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from reviewbot.model.base import Confidence
from reviewbot.model.config import PolicyConfig
from reviewbot.model.finding import Severity
from reviewbot.model.mail import Mail
from reviewbot.model.outbox import Entry, EntryState, Kind, Sent
from reviewbot.model.run import Run
from reviewbot.model.series import Address
from reviewbot.stages import judge
from reviewbot.stages.printable import one_line
from reviewbot.stages.recipients import lists, sender_of

DAY = 24 * 3600.0
_SAID = (EntryState.SENT, EntryState.SENDING)
"""A mail whose sending was cut off is taken for sent: a second first report would be one too many."""

_SEVERITIES = (Severity.NOTE, Severity.WARNING, Severity.ERROR)
_CONFIDENCES = (Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH)


class Action(StrEnum):
    """What happens with a report."""

    NOTHING = "nothing"
    HOLD = "hold"
    SEND = "send"
    OWNER = "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """``entries`` go into the outbox; ``reason`` is kept, one line, whatever the action."""

    action: Action
    reason: str
    entries: tuple[Entry, ...] = ()


def worth_reporting(run: Run, policy: PolicyConfig) -> Run:
    """The run without findings below the policy's severity or confidence, judged again."""
    if run.check is None:
        return run
    severities = _SEVERITIES[_SEVERITIES.index(Severity(policy.severity)) :]
    confidences = _CONFIDENCES[_CONFIDENCES.index(Confidence(policy.confidence)) :]
    kept = tuple(
        finding
        for finding in run.check.findings
        if finding.severity in severities and finding.confidence in confidences
    )
    if kept == run.check.findings:
        return run
    fewer = replace(run, check=replace(run.check, findings=kept))
    return replace(fewer, verdict=judge.run(fewer))


def decide(
    run: Run,
    mails: Sequence[Mail],
    policy: PolicyConfig,
    *,
    inbox: str,
    now: float,
    muted: Mapping[str, str],
    earlier: Sequence[Entry] = (),
) -> Decision:
    """What to do with ``mails``, the report of ``run`` about a series seen on ``inbox``.

    ``muted`` maps addresses and message-ids that get no mail to who said so; ``earlier`` are the
    outbox's entries about the same series.  ``now`` is in seconds since the epoch.
    """
    series = run.series
    if series is None:
        return Decision(action=Action.NOTHING, reason="no series")
    if policy.mode == "off":
        return Decision(action=Action.NOTHING, reason="the list's policy is off")
    if not mails:
        line = run.verdict.line if run.verdict else "no verdict"
        return Decision(action=Action.NOTHING, reason=f"silence is the report: {line}")
    root = series.cover or series.patches[0]
    author = series.patches[0].author.email.lower()
    people, thread = (author, root.sender.email), (series.message_id, *root.references)
    if who := muted_by(people, thread, policy, muted):
        return Decision(action=Action.NOTHING, reason=f"muted by {who}")
    action = Action(policy.mode)
    said = [one for one in earlier if one.state in _SAID and one.kind is Kind.REPORT]
    if said and {mail.message_id for mail in mails} <= {one.message_id for one in earlier}:
        return Decision(action=Action.NOTHING, reason="already reported, with the same result")
    addressed = [_addressed(mail, policy, inbox) for mail in mails]
    if said:
        addressed = [_corrected(addressed[0], said[0])]
    state = EntryState.HELD if action is Action.HOLD else EntryState.READY
    delay = policy.delay_minutes * 60 if action is Action.SEND else 0.0
    entries = tuple(
        Entry(
            mail=mail,
            inbox=inbox,
            series=series.message_id,
            author=author,
            kind=_kind(action, corrected=bool(said)),
            state=state,
            created=now,
            due=now + delay,
        )
        for mail in addressed
        if mail.to or mail.cc
    )
    if not entries:
        return Decision(action=Action.NOTHING, reason="nobody to write to")
    reason = "corrects an earlier report" if said else f"policy {policy.mode}"
    return Decision(action=action, reason=reason, entries=entries)


def muted_by(
    people: Sequence[str], thread: Sequence[str], policy: PolicyConfig, muted: Mapping[str, str]
) -> str:
    """Who silenced one of these addresses or message-ids, one line; "" for nobody."""
    said = {name.lower(): "the settings" for name in policy.mute} | dict(muted)
    known = {_person(name): who for name, who in said.items()}
    found = [known.get(_person(name)) for name in people if name]
    found += [said.get(name.lower()) for name in thread]
    return next((one_line(who) for who in found if who), "")


def _person(name: str) -> str:
    """An address, to be compared: jo+kernel@example.org is jo@example.org (RFC 5233)."""
    local, at, host = name.lower().rpartition("@")
    return f"{local.partition('+')[0] or local}{at}{host}"


def within_limits(
    entry: Entry, policy: PolicyConfig, sent: Sequence[Sent], *, now: float, per_day: int
) -> str:
    """Which limit a mail must wait for; "" when it may go out now.

    Lists and authors are counted by series: the mails of one report go out together.  ``sent`` are the
    mails of the last day.
    """
    recent = [one for one in sent if one.when > now - DAY]
    if len(recent) >= per_day:
        return f"the limit of {per_day} mails a day is reached (mail.per_day)"
    if any(one.series == entry.series and one.inbox == entry.inbox for one in recent):
        return ""
    if len({one.series for one in recent if one.inbox == entry.inbox}) >= policy.per_day:
        return f"the list's limit of {policy.per_day} reports a day is reached (per_day)"
    author = _person(entry.author)
    mine = {one.series for one in recent if author and _person(one.author) == author}
    if len(mine) >= policy.per_author:
        return f"the author's limit of {policy.per_author} reports a day is reached (per_author)"
    return ""


def _kind(action: Action, *, corrected: bool) -> Kind:
    if action is Action.OWNER:
        return Kind.OWNER
    return Kind.CORRECTION if corrected else Kind.REPORT


def _addressed(mail: Mail, policy: PolicyConfig, inbox: str) -> Mail:
    """The mail to those whom the policy wants."""
    if policy.mode == "owner":
        owner = sender_of(policy.owner)
        return replace(mail, to=(owner,) if owner else (), cc=())
    everybody = (*mail.to, *mail.cc)
    if policy.recipients == "author":
        known = {address.email.lower() for address in lists(everybody)} | {inbox.lower()}
        people = tuple(a for a in everybody if a.email.lower() not in known)
        return replace(mail, to=people, cc=())
    if policy.recipients == "list":
        return replace(mail, to=(Address(name="", email=inbox),), cc=())
    return mail


def _corrected(mail: Mail, before: Entry) -> Mail:
    """The mail as a follow-up to the report that it corrects."""
    when = time.strftime("%Y-%m-%d", time.gmtime(before.changed))
    opening = (
        f"This corrects our report of {when}\n<{before.message_id}>\n"
        "The series was reviewed again, with another result:\n\n"
    )
    chain = (*before.mail.references, before.message_id)
    return replace(
        mail,
        in_reply_to=before.message_id,
        references=tuple(dict.fromkeys(chain)),
        body=opening + mail.body,
    )
