# SPDX-License-Identifier: GPL-2.0-only
"""What an attacker or bad luck could make of the bot: series lost, mutes and limits dodged."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import mails
import pytest
import sample_runs
from test_bot_desk import SERIES, Office

from reviewbot.model.config import PolicyConfig
from reviewbot.model.job import JobState
from reviewbot.model.outbox import EntryState
from reviewbot.tools.context import Tools


@pytest.fixture
def office(tmp_path: Path, tools: Tools) -> Iterator[Office]:
    policy = PolicyConfig(mode="send", delay_minutes=30, per_author=1)
    with closing(Office(tmp_path / "state", tools, policy)) as made:
        yield made


def test_a_series_whose_successor_turns_out_to_be_none_is_reviewed_after_all(
    office: Office,
) -> None:
    office.deliver(*mails.series(2))
    second = mails.series(2, tag="PATCH v2", stamp="v2", start=60)
    office.deliver(*second[:2])
    assert [status.state for status in office.queue.jobs()] == [JobState.CANCELLED]
    office.deliver(b"X-Patchwork-Hint: ignore\n" + second[2])
    waiting = [s for s in office.queue.jobs() if s.state is not JobState.CANCELLED]
    assert [status.job.series for status in waiting] == [SERIES]
    office.clerk.schedule()
    assert len(office.queue.jobs()) == 2


@pytest.mark.parametrize("decided", ["before", "meanwhile"])
def test_its_report_is_written_after_all(office: Office, decided: str) -> None:
    (status,) = office.deliver(*mails.series(2))
    run = sample_runs.findings()
    second = mails.series(2, tag="PATCH v2", stamp="v2", start=60)
    if decided == "before":
        office.finish(status, run)
        assert office.entries(EntryState.READY)
    office.deliver(*second[:2])
    if decided == "meanwhile":
        office.finish(status, run)
    assert not office.entries(EntryState.READY)
    again = next(
        one
        for one in office.deliver(b"X-Patchwork-Hint: ignore\n" + second[2])
        if one.state is not JobState.CANCELLED and one.job.series == SERIES and one.job.again
    )
    office.finish(again, run)
    assert office.entries(EntryState.READY)
