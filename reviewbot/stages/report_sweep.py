# SPDX-License-Identifier: GPL-2.0-only
"""A sweep's report -> the mails it is worth: one to the owner, one to each culprit's author when allowed.

Pure.  Nothing is mailed about a night in which nothing moved.
"""

from __future__ import annotations

import email.utils
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewbot.model.codec import key_of
from reviewbot.model.mail import Mail
from reviewbot.model.outbox import Entry, EntryState, Kind
from reviewbot.model.series import Address
from reviewbot.model.sweep import Kind as Thing
from reviewbot.model.sweep import Reverted
from reviewbot.stages import sweep_text
from reviewbot.stages.compose import PLACEHOLDER, is_identifier
from reviewbot.stages.printable import one_line
from reviewbot.stages.recipients import is_mailbox, sender_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import jinja2

    from reviewbot.model.config import SweepConfig
    from reviewbot.model.sweep import Bisection, Culprit
    from reviewbot.model.sweep_report import SweepReport

SURE = 0.95
"""How probable a culprit must be for its author to be written to."""
_TELLING = (Thing.BUILD, Thing.BOOT, Thing.TEST, Thing.CONSOLE)
_DOUBTFUL = (Reverted.DOES_NOT_CURE,)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepMail:
    """A row for the outbox, and what is marked as said by it (each once, ever)."""

    entry: Entry
    says: str


def mails(
    report: SweepReport,
    settings: SweepConfig,
    templates: jinja2.Environment,
    sender: Address | None,
) -> tuple[SweepMail, ...]:
    """The owner's first.  Nothing for mode "off", or when nothing moved."""
    if settings.mode == "off" or not sweep_text.changed(report):
        return ()
    owner = sender_of(settings.owner)
    found = []
    if owner:
        body = sweep_text.text(report, templates, regzbot=settings.regzbot)
        found.append(_owners(report, body, owner, sender))
    if settings.mode in ("hold", "send"):
        for some in _by_culprit(report.bisections):
            cured = all(one.culprit and one.culprit.reverted is Reverted.CURES for one in some)
            # A person looks first at what no revert has proved.
            state = EntryState.READY if settings.mode == "send" and cured else EntryState.HELD
            body = sweep_text.culprit_text(report, some, templates, regzbot=settings.regzbot)
            one = _culprits(report, some, body, people=(owner, sender), state=state)
            if one:
                found.append(one)
    return tuple(found)


def _owners(report: SweepReport, body: str, owner: Address, sender: Address | None) -> SweepMail:
    night = report.night
    # Not the night's id: a sweep that was cut off and made again has nothing new to say.
    said: list[tuple[str, ...]] = sorted(
        (str(one.kind), one.name, one.move)
        for one in sweep_text.decisive(report)
        if one.move in sweep_text.WORTH_A_MAIL
    )
    said += [(str(one.kind), one.name, "culprit found") for one in sweep_text.late(report)]
    name = _message_id(sender, "owner", night.branch, night.commit, said)
    mail = Mail(
        sender=sender,
        to=(owner,),
        cc=(),
        subject=sweep_text.subject(report),
        date=email.utils.formatdate(night.ended, usegmt=True),
        message_id=name,
        in_reply_to="",
        references=(),
        body=body,
    )
    entry = Entry(
        mail=mail,
        inbox=_inbox(report),
        author=owner.email.lower(),
        kind=Kind.OWNER,
        state=EntryState.READY,
        note=f"sweep {night.id}",
    )
    return SweepMail(entry=entry, says=f"owner/{name}")


def _by_culprit(found: Sequence[Bisection]) -> list[tuple[Bisection, ...]]:
    """Searches that ended surely, by the commit they ended at."""
    groups: dict[str, list[Bisection]] = {}
    for one in found:
        who = one.culprit
        if (
            who
            and one.confidence >= SURE
            and one.kind in _TELLING
            and who.reverted not in _DOUBTFUL
        ):
            groups.setdefault(_patch(who), []).append(one)
    return [tuple(some) for some in groups.values()]


def _culprits(
    report: SweepReport,
    some: tuple[Bisection, ...],
    body: str,
    *,
    people: tuple[Address | None, Address | None],
    state: EntryState,
) -> SweepMail | None:
    owner, sender = people
    culprit = some[0].culprit
    author = _author(culprit) if culprit else None
    if culprit is None or author is None:
        return None
    thread = (culprit.message_id,) if is_identifier(culprit.message_id) else ()
    copies = (owner,) if owner and owner.email.lower() != author.email.lower() else ()
    mail = Mail(
        sender=sender,
        to=(author,),
        cc=copies,
        subject=_title(report, culprit, replies=bool(thread)),
        date=email.utils.formatdate(report.night.ended, usegmt=True),
        # Without the branch: of two that are swept at once, one writes to its author.
        message_id=_message_id(sender, "culprit", "", _patch(culprit), []),
        in_reply_to=thread[0] if thread else "",
        references=thread,
        body=body,
    )
    entry = Entry(
        mail=mail,
        inbox=_inbox(report),
        series=culprit.message_id or culprit.commit,
        author=author.email.lower(),
        kind=Kind.REPORT,
        state=state,
        note=f"sweep {report.night.id}",
    )
    return SweepMail(entry=entry, says=f"culprit/{_patch(culprit)}")


def _patch(culprit: Culprit) -> str:
    """What an author is told of once: a patch that is rebased, or is on two branches, is the same one."""
    return culprit.patch_id or culprit.commit


def _title(report: SweepReport, culprit: Culprit, *, replies: bool) -> str:
    title = one_line(culprit.subject)[:300]
    return f"Re: [PATCH] {title}" if replies else f"[{report.night.branch}] broken by: {title}"


def _author(culprit: Culprit) -> Address | None:
    # git's "Name <address>", which is no header: a name with a comma would be read as two people.
    name, _, rest = culprit.author.rpartition("<")
    found = Address(name=one_line(name.strip()), email=rest.removesuffix(">").strip())
    return found if is_mailbox(found) else None


def _inbox(report: SweepReport) -> str:
    """What the outbox has in place of a list."""
    return f"sweep/{report.sweep}"


def _message_id(
    sender: Address | None, what: str, branch: str, about: str, said: Sequence[tuple[str, ...]]
) -> str:
    host = (sender or PLACEHOLDER).email.rpartition("@")[2]
    return f"reviewbot-sweep-{key_of(what, branch, about, said)[:32]}@{host}"
