# SPDX-License-Identifier: GPL-2.0-only
"""Run -> mails: one about the series, and one in reply to each patch that has something grave.

Pure.  Notes go into the first only; a maintainer must not get a mail because of a style hint.
"""

import email.utils
from collections.abc import Sequence
from datetime import datetime

import jinja2

from reviewbot.model.base import BaseRule
from reviewbot.model.codec import key_of
from reviewbot.model.mail import Mail
from reviewbot.model.run import Run, VerdictKind
from reviewbot.model.series import Address, CoverLetter, Patch
from reviewbot.model.test import Change
from reviewbot.stages.compose import PLACEHOLDER, is_identifier
from reviewbot.stages.printable import one_line
from reviewbot.stages.recipients import recipients
from reviewbot.stages.remarks import needs_reply
from reviewbot.stages.report_text import patch_section, summary
from reviewbot.stages.tally import Tally, tally

_NAMED_BY_SERIES = (BaseRule.BASE_COMMIT, BaseRule.PREREQUISITES)


def mails(
    run: Run, templates: jinja2.Environment, *, sender: Address | None, all_clear: bool
) -> tuple[Mail, ...]:
    """The mails worth sending, summary first; none when silence is the better answer.

    ``all_clear`` also reports a clean series, for lists that asked for it.
    """
    counted = tally(run)
    if run.series is None or not run.series.patches or not _worth_mail(run, counted, all_clear):
        return ()
    replies = [
        _reply(run, counted, patch, templates, sender)
        for patch in run.series.patches
        if patch.message_id != run.series.message_id and needs_reply(run, counted, patch)
    ]
    return (_summary(run, counted, templates, sender), *replies)


def _worth_mail(run: Run, counted: Tally, all_clear: bool) -> bool:
    """Silence is the default for success and for whatever may be our own fault.

    That includes a base that we guessed: "wrong tree" is the most common false report of robots.
    """
    kind = run.verdict.kind if run.verdict else VerdictKind.INFRA
    if kind is VerdictKind.CLEAN:
        return all_clear
    if kind in (VerdictKind.WRONG_BASE, VerdictKind.DOES_NOT_APPLY):
        return run.base is not None and run.base.rule in _NAMED_BY_SERIES
    return kind is VerdictKind.FINDINGS and counted.anything


def _summary(
    run: Run, counted: Tally, templates: jinja2.Environment, sender: Address | None
) -> Mail:
    assert run.series  # noqa: S101 - mails() looked
    root = run.series.cover or run.series.patches[0]
    first = run.series.patches[0]
    inline = ""
    if run.series.cover is None and needs_reply(run, counted, first):
        # Without a cover the summary answers patch 1: two mails to one would be one too many.
        inline = patch_section(run, counted, first, templates, as_mail=True)
    body = summary(run, counted, templates, as_mail=True, inline=inline)
    said = [
        run.verdict.kind if run.verdict else "",
        *_said_of_findings(run, 0),
        sorted(crash.fingerprint for crash in counted.crashes),
        [
            (d.test.name, d.change)
            for c in (Change.REGRESSION, Change.NEW_FAIL)
            for d in counted.of(c)
        ],
        [built.commit for built in counted.broken],
        *([one.name for one in counted.unbuilt],) * bool(counted.unbuilt),
    ]
    return _mail(root, first.author, run, said=said, body=body, sender=sender)


def _reply(
    run: Run, counted: Tally, patch: Patch, templates: jinja2.Environment, sender: Address | None
) -> Mail:
    body = patch_section(run, counted, patch, templates, as_mail=True)
    built = [b.status for b in counted.broken if b.number == patch.number]
    said = [_said_of_findings(run, patch.number), built]
    said += [(d.path, d.line, d.message) for b, d in counted.compiler if b.number == patch.number]
    return _mail(patch, patch.author, run, said=said, body=body, sender=sender)


def _said_of_findings(run: Run, patch: int) -> list[tuple[object, ...]]:
    """Findings of one patch, or of all for 0, without their wording."""
    found = run.check.findings if run.check else ()
    return [(f.code, f.patch, f.location) for f in found if patch in (0, f.patch)]


def _mail(
    parent: Patch | CoverLetter,
    author: Address,
    run: Run,
    *,
    said: Sequence[object],
    body: str,
    sender: Address | None,
) -> Mail:
    to, cc = recipients(parent.sender, author, (*parent.to, *parent.cc))
    host = (sender or PLACEHOLDER).email.rpartition("@")[2]
    tip = run.base.tip if run.base else ""
    identity = key_of(parent.message_id, tip, said)[:32]
    chain = tuple(dict.fromkeys((*parent.references, parent.message_id)))
    return Mail(
        sender=sender,
        to=to,
        cc=cc,
        subject=_re(parent.full_subject),
        date=_date(run.started),
        message_id=f"reviewbot-{identity}@{host}",
        in_reply_to=parent.message_id,
        references=tuple(name for name in chain if is_identifier(name)),
        body=body,
    )


def _re(subject: str) -> str:
    clean = one_line(subject)[:400]
    return clean if clean.lower().startswith("re:") else f"Re: {clean}"


def _date(started: str) -> str:
    """The run's start as RFC 5322 has it; '' when it is not a time."""
    try:
        return email.utils.format_datetime(datetime.fromisoformat(started))
    except ValueError:
        return ""
