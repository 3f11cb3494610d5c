# SPDX-License-Identifier: GPL-2.0-only
"""Enter the mails of a sweep into the outbox, each once."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from reviewbot.model.outbox import EntryState
from reviewbot.stages import report, report_sweep
from reviewbot.tools.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewbot.model.config import Config, SweepConfig
    from reviewbot.model.sweep_report import SweepReport
    from reviewbot.tools.nights import Nights


def enter(
    found: SweepReport, settings: SweepConfig, nights: Nights, config: Config, database: str
) -> Iterator[str]:
    """Yields a line for each mail that waits now.  Raises UserError for a bad mail.sender or database."""
    rendering = report.settings(config)
    mails = report_sweep.mails(found, settings, report.plain(rendering), rendering.sender)
    if not mails:
        return
    now = time.time()
    with contextlib.closing(Outbox(database)) as outbox:
        for mail in mails:
            entry = replace(mail.entry, created=now, due=now)
            if nights.said(mail.says) is not None:
                continue
            # The outbox takes a Message-ID once, so that a mark after it cannot make a mail go twice; one
            # before it would make a mail that a full disk kept out go never.
            added = outbox.add(entry)
            nights.say(mail.says, entry.message_id, now)
            if not added:
                continue
            held = (
                "waits for 'reviewbot outbox approve'"
                if entry.state is EntryState.HELD
                else "waits"
            )
            people = ", ".join(address.email for address in entry.mail.to)
            yield f"mail to {people} {held}: {entry.mail.subject}"
