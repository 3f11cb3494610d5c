# SPDX-License-Identifier: GPL-2.0-only
"""What an attacker or bad luck could make of the bot: series lost, mutes and limits dodged."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import mails
import pytest
import sample_runs
from mail_servers import Keeper, serving
from test_bot_desk import SERIES, Office
from watching import Desk

from reviewbot.engine.watch import FollowedList, Watcher
from reviewbot.model.config import PolicyConfig
from reviewbot.model.job import JobState
from reviewbot.model.mail import Mail
from reviewbot.model.outbox import Entry, EntryState, Sent
from reviewbot.model.watch import Batch
from reviewbot.parse.gather import Following
from reviewbot.stages import policy
from reviewbot.tools.context import Tools
from reviewbot.tools.ledger import Ledger


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


@pytest.mark.parametrize("name", ["author", "tagged", "thread"])
def test_who_is_muted_while_a_report_waits_does_not_get_it(office: Office, name: str) -> None:
    (status,) = office.deliver(*mails.series(2))
    office.finish(status, sample_runs.findings())
    author = office.entries(EntryState.READY)[0].author
    local, _, host = author.partition("@")
    silenced = {"author": author, "tagged": f"{local}+lists@{host}", "thread": SERIES}[name]
    office.outbox.mute(silenced, "a person")
    office.skew = 3600.0
    assert office.send() == 0
    assert not office.entries(EntryState.READY)
    assert {entry.note for entry in office.entries(EntryState.DROPPED)} == {"muted by a person"}


def test_a_tag_in_the_address_is_no_other_person() -> None:
    entry = Entry(
        mail=Mail(
            sender=None,
            to=(),
            cc=(),
            subject="",
            date="",
            message_id="a@x",
            in_reply_to="",
            references=(),
            body="",
        ),
        inbox="list@x",
        series="new@x",
        author="jo+2@example.org",
    )
    sent = [Sent(inbox="list@x", author="jo+1@example.org", series="old@x", when=1000.0)]
    rules = PolicyConfig(per_author=1)
    said = policy.within_limits(entry, rules, sent, now=1060.0, per_day=9)
    assert "per_author" in said


class Damaged:
    """A list whose clone is broken in a way nobody thought of."""

    def batches(self, cursor: str | None, begin: float) -> Iterator[Batch]:  # noqa: ARG002
        raise KeyError("object not found")
        yield


def test_a_list_that_breaks_us_does_not_keep_the_others_waiting() -> None:
    desk = Desk()
    lists = {
        "broken@x": FollowedList(source=Damaged(), following=Following()),
        **desk.watcher.lists,
    }
    desk.watcher = Watcher(desk.ledger, lists, clock=lambda: desk.now)
    desk.deliver(*mails.series(1))
    assert len(desk.series()) == 1
    assert "object not found" in desk.watcher.poll().troubles["broken@x"]


def test_others_on_the_host_cannot_read_what_a_private_list_says(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path / "state" / "ledger.sqlite")):
        mode = (tmp_path / "state").stat().st_mode
    assert mode & 0o077 == 0


def test_a_mail_that_cannot_be_composed_keeps_no_other_back(office: Office) -> None:
    (status,) = office.deliver(*mails.series(2))
    office.finish(status, sample_runs.findings())
    office.skew = 3600.0
    good, *_ = office.entries(EntryState.READY)
    bad = replace(good.mail, date="no date at all", message_id="bad@x")
    office.outbox.add(replace(good, mail=bad, due=0.0))
    keeper = Keeper()
    with serving(keeper) as port:
        assert office.send(port) > 0
    (left,) = office.entries(EntryState.READY)
    assert left.message_id == "bad@x"
    assert "our own mistake" in left.note
