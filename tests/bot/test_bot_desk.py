# SPDX-License-Identifier: GPL-2.0-only
"""From mails on a list to jobs, from finished jobs to mails on the wire: each once, whatever breaks."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import mails
import pytest
import sample_runs
from mail_servers import Keeper, Script, free_port, serving
from watching import HOUR, KVM, Desk

from reviewbot.engine.clerk import Clerk, list_of
from reviewbot.engine.durable import JobQueue
from reviewbot.engine.sender import (
    ARCHIVED_SECONDS,
    LIMITED_SECONDS,
    RETRY_SECONDS,
    UNCLEAR_SECONDS,
    Sender,
)
from reviewbot.model.config import Config, ListConfig, MailConfig, PolicyConfig
from reviewbot.model.errors import UnavailableError
from reviewbot.model.job import JobState, JobStatus
from reviewbot.model.outbox import Entry, EntryState
from reviewbot.model.run import Run
from reviewbot.tools.context import Tools
from reviewbot.tools.database import url_of
from reviewbot.tools.finished import Finished
from reviewbot.tools.outbox import Outbox

SERIES = f"{mails.STAMP}-1-ann@kernel.example"
BROKEN_OFF = ["220 hello", "250 hello", "250 sender", "250 rcpt", "250 rcpt", "354 go on"]


def _about(run: Run, root: str) -> Run:
    """The run as if it were about the series that ``root`` begins."""
    assert run.series
    assert run.series.cover
    patches = tuple(replace(p, message_id=f"{p.number}-{root}") for p in run.series.patches)
    cover = replace(run.series.cover, message_id=root)
    return replace(run, series=replace(run.series, patches=patches, cover=cover))


class Office:
    """A list, a clerk and a sender over one real database."""

    def __init__(self, place: Path, tools: Tools, policy: PolicyConfig) -> None:
        self.url = url_of("", place)
        self.tools = tools
        self.desk = Desk()
        self.queue = JobQueue(self.url)
        self.finished = Finished(self.url)
        self.outbox = Outbox(self.url)
        self.said: list[str] = []
        self.archive: set[str] = set()
        self.away = False
        self.skew = 0.0
        self.mail = MailConfig(
            sender="KVM reviewbot <bot@example.org>", server="127.0.0.1", timeout=5.0
        )
        self.config = Config(lists={KVM: ListConfig(report=policy)}, mail=self.mail)
        self.clerk = Clerk(
            self.config,
            ledger=self.desk.ledger,
            queue=self.queue,
            finished=self.finished,
            outbox=self.outbox,
            say=self.say,
            archive_seconds=0,
        )

    def say(self, event: str, text: str, **about: object) -> None:
        assert event
        self.said.append(" ".join([*map(str, about.values()), text]))

    def close(self) -> None:
        for each in (self.queue, self.finished, self.outbox, self.desk.ledger):
            each.close()

    def deliver(self, *raw: bytes) -> list[JobStatus]:
        """Mails come; the jobs that there are then, the newest first."""
        self.desk.deliver(*raw)
        self.clerk.schedule()
        return self.queue.jobs()

    def finish(self, status: JobStatus, run: Run) -> None:
        """A worker has done the job; the clerk looks at it."""
        about = _about(run, status.job.series)
        self.finished.put(status.job.id, about)
        self.clerk.report()

    def send(self, port: int = 1) -> int:
        mail = replace(self.mail, port=port)
        tools = replace(self.tools, config=replace(self.config, mail=mail))
        sender = Sender(
            tools,
            self.url,
            in_archive=self.in_archive,
            say=self.say,
            clock=lambda: time.time() + self.skew,
        )
        sender.reconcile()
        return sender.send()

    def in_archive(self, message_id: str) -> bool:
        if self.away:
            raise UnavailableError("the archive does not answer")
        return message_id in self.archive

    def entries(self, *states: EntryState) -> list[Entry]:
        return self.outbox.entries(states)


@pytest.fixture
def office(tmp_path: Path, tools: Tools, request: pytest.FixtureRequest) -> Iterator[Office]:
    policy = getattr(request, "param", PolicyConfig(mode="send", delay_minutes=0))
    with closing(Office(tmp_path / "state", tools, policy)) as made:
        yield made


def test_a_complete_series_is_queued_once(office: Office) -> None:
    first, *rest = mails.series(3)
    assert office.deliver(first) == []
    (status,) = office.deliver(*rest)
    assert status.job.series == SERIES
    assert status.job.source == KVM
    assert office.deliver(first, *rest) == [status]


def test_what_a_person_cancelled_stays_so_whatever_comes_later(office: Office) -> None:
    first, second, *last = mails.series(3)
    office.desk.deliver(first, second)
    office.desk.wait(3 * HOUR)
    office.clerk.schedule()
    (status,) = office.queue.jobs()
    office.queue.cancel(status.job.id, by_hand=True)
    (status,) = office.deliver(*last)
    assert (status.state, status.by_hand) == (JobState.CANCELLED, True)
    assert any("somebody cancelled it" in line for line in office.said)
    office.queue.retry(status.job.id)
    (status,) = office.queue.jobs()
    assert (status.state, status.by_hand) == (JobState.QUEUED, False)


def test_what_the_bot_cancelled_comes_back_with_the_rest_of_its_mails(office: Office) -> None:
    first, second, *last = mails.series(3)
    office.desk.deliver(first, second)
    office.desk.wait(3 * HOUR)
    office.clerk.schedule()
    (status,) = office.queue.jobs()
    office.queue.cancel(status.job.id)
    jobs = office.deliver(*last)
    assert sorted(str(one.state) for one in jobs) == ["cancelled", "queued"]


def test_fixes_come_before_features(office: Office) -> None:
    office.deliver(*mails.series(1, stamp="1", title="KVM: x86: Add a feature"))
    office.deliver(*mails.series(1, stamp="2", title="KVM: x86: Fix a leak"))
    urgency = {s.job.title: s.job.urgency for s in office.queue.jobs()}
    fix = next(urgency[title] for title in urgency if "Fix" in title)
    assert fix < next(urgency[title] for title in urgency if "Add" in title)


def test_a_new_revision_stops_the_old_review_and_its_mails(office: Office) -> None:
    (old,) = office.deliver(*mails.series(2))
    office.clerk.report()
    office.finish(old, sample_runs.findings())
    assert office.entries(EntryState.READY)
    jobs = office.deliver(*mails.series(2, tag="PATCH v2", stamp="20260302120000.1", start=600))
    states = {status.job.revision: status.state for status in jobs}
    assert states == {1: JobState.CANCELLED, 2: JobState.QUEUED}
    assert not office.entries(EntryState.READY)
    dropped = office.entries(EntryState.DROPPED)
    assert dropped
    assert {entry.note for entry in dropped} == {
        "superseded by 20260302120000.1-1-ann@kernel.example"
    }


def test_a_report_about_a_superseded_series_is_not_written(office: Office) -> None:
    (old,) = office.deliver(*mails.series(2))
    office.deliver(*mails.series(2, tag="PATCH v2", stamp="20260302120000.1", start=600))
    office.finish(old, sample_runs.findings())
    assert office.entries() == []
    assert any("nothing: superseded by" in line for line in office.said)


def test_a_report_is_sent_once_however_often_everything_is_done_again(office: Office) -> None:
    (status,) = office.deliver(*mails.series(2))
    keeper = Keeper()
    with serving(keeper) as port:
        for _ in range(3):
            office.finish(status, sample_runs.findings())
            office.send(port)
    assert len(keeper.mails) == 3
    assert len(office.entries(EntryState.SENT)) == 3
    assert sum("already reported" in line for line in office.said) == 2


@pytest.mark.parametrize("office", [PolicyConfig()], indirect=True)
def test_nothing_leaves_without_approval(office: Office) -> None:
    (status,) = office.deliver(*mails.series(2))
    office.finish(status, sample_runs.findings())
    keeper = Keeper()
    with serving(keeper) as port:
        assert office.send(port) == 0
        held = office.entries(EntryState.HELD)
        office.outbox.move(held[0].message_id, EntryState.READY, when=(EntryState.HELD,))
        assert office.send(port) == 1
    assert len(keeper.mails) == 1


@pytest.mark.parametrize(
    "office", [PolicyConfig(mode="send", delay_minutes=0, per_author=1)], indirect=True
)
def test_what_is_over_a_limit_waits_for_the_next_day(office: Office) -> None:
    for stamp in ("this", "that"):
        subject, body = f"[PATCH] KVM: x86: Do {stamp}", mails.patch_body(f"arch/x86/kvm/{stamp}.c")
        one = mails.mail(subject, body=body, message_id=f"{stamp}@kernel.example")
        status = office.deliver(one)[0]
        office.finish(status, sample_runs.findings())
    keeper = Keeper()
    with serving(keeper) as port:
        office.send(port)
        first = len(keeper.mails)
        office.skew += LIMITED_SECONDS + 1
        office.send(port)
        assert len(keeper.mails) == first
        assert {entry.note for entry in office.entries(EntryState.READY)} == {
            "the author's limit of 1 reports a day is reached (per_author)"
        }
        office.skew += 24 * 3600 + LIMITED_SECONDS
        office.send(port)
    assert len(keeper.mails) == 2 * first


@pytest.mark.parametrize("reply", ["451 try later", "550 go away"])
def test_a_refused_mail_waits_and_is_sent_later(office: Office, reply: str) -> None:
    (status,) = office.deliver(*mails.series(2))
    office.finish(status, sample_runs.findings())
    with serving(Keeper({"DATA": reply})) as port:
        assert office.send(port) == 0
    waiting = office.entries(EntryState.READY)
    assert all(reply in entry.note for entry in waiting)
    keeper = Keeper()
    with serving(keeper) as port:
        assert office.send(port) == 0, "tried again at once"
        office.skew += RETRY_SECONDS + 1
        assert office.send(port) == 3


def test_a_server_that_is_away_costs_nothing(office: Office) -> None:
    (status,) = office.deliver(*mails.series(2))
    office.finish(status, sample_runs.findings())
    assert office.send(free_port()) == 0
    office.skew += RETRY_SECONDS + 1
    keeper = Keeper()
    with serving(keeper) as port:
        assert office.send(port) == 3


def _cut_off(office: Office) -> str:
    """A mail whose connection broke after its text; its Message-ID."""
    (status,) = office.deliver(*mails.series(2))
    office.finish(status, sample_runs.findings())
    for entry in office.entries(EntryState.READY)[1:]:
        office.outbox.move(entry.message_id, EntryState.DROPPED, when=(EntryState.READY,))
    with Script(BROKEN_OFF, "read the text and hang up") as port:
        assert office.send(port) == 0
    (entry,) = office.entries(EntryState.SENDING)
    return entry.message_id


def test_a_mail_cut_off_that_the_archive_has_was_sent(office: Office) -> None:
    name = _cut_off(office)
    office.archive.add(name)
    office.skew += UNCLEAR_SECONDS + 1
    keeper = Keeper()
    with serving(keeper) as port:
        assert office.send(port) == 0
    assert [e.message_id for e in office.entries(EntryState.SENT)] == [name]
    assert keeper.mails == []


def test_a_mail_cut_off_that_the_archive_lacks_waits_for_a_person(office: Office) -> None:
    _cut_off(office)
    keeper = Keeper()
    with serving(keeper) as port:
        office.away = True
        office.skew += ARCHIVED_SECONDS * 2
        office.send(port)
        assert office.entries(EntryState.SENDING)[0].note == ""
        office.away = False
        office.send(port)
    (entry,) = office.entries(EntryState.SENDING)
    assert "reviewbot outbox resend" in entry.note
    assert keeper.mails == []


def test_a_crash_between_steps_loses_nothing(office: Office) -> None:
    """Events that were acted on but not taken, and reviews decided but not written down, come again."""
    office.desk.deliver(*mails.series(2))
    events = office.desk.ledger.untaken()
    for event in events:
        office.clerk._act(event)
    office.clerk.schedule()
    (status,) = office.queue.jobs()
    office.finish(status, sample_runs.findings())
    before = len(office.entries())
    office.finished.put(status.job.id, _first(office, status))
    office.clerk.report()
    assert len(office.entries()) == before == 3


def _first(office: Office, status: JobStatus) -> Run:
    run = office.finished.get(status.job.id)
    assert run
    return run


def test_reviews_go_when_their_time_is_over_and_not_before_they_are_decided(office: Office) -> None:
    (status,) = office.deliver(*mails.series(2))
    office.finish(status, sample_runs.findings())
    assert office.finished.forget(time.time() - 60) == 0
    assert office.finished.get(status.job.id)
    assert office.finished.forget(time.time() + 60) == 1
    office.finished.put(status.job.id, sample_runs.findings())
    assert office.finished.forget(time.time() + 60) == 0, "nobody has decided about it"


def test_a_private_lists_policy_comes_before_a_public_one() -> None:
    public, private = ListConfig(follow="git"), ListConfig(follow="maildir", path="/srv/private")
    config = Config(lists={KVM: public, "secret@lists.example": private})
    assert list_of(config, (KVM, "secret@lists.example")) == "secret@lists.example"
    assert list_of(config, (KVM,)) == KVM
    assert list_of(config, ("other@example.org",)) == "other@example.org"
