# SPDX-License-Identifier: GPL-2.0-only
"""The bot's desk tells Patchwork: pending, the result, or why there is none; reports come first."""

import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import mails
import pytest
import sample_runs
from test_bot_desk import SERIES, Office
from watching import KVM

from reviewbot.engine.publisher import Publisher
from reviewbot.model.config import PatchworkConfig, PolicyConfig
from reviewbot.model.job import JobState
from reviewbot.stages import publish

sys.path.append(str(Path(__file__).parent.parent / "publish"))
from web_services import TOKEN, PatchworkService


class Bureau(Office):
    """An office whose clerk has a publisher, and a Patchwork that knows what the list brings."""

    def __init__(self, place, tools, service):
        super().__init__(place, tools, PolicyConfig(mode="send", delay_minutes=0))
        (place / "token").write_text(TOKEN)
        self.service = service
        self.config = replace(
            self.config,
            patchwork=PatchworkConfig(
                url=service.url,
                project="kvm",
                user="bot",
                token_file=str(place / "token"),
                lists=(KVM,),
            ),
        )
        self.publisher = Publisher(self.config, self.url, self.say)
        self.clerk._publisher = self.publisher
        self.clerk._config = self.config

    def close(self):
        self.publisher.close()
        super().close()

    def post(self, *raw):
        """A series comes over the list; Patchwork reads it as well."""
        before = {status.job.id for status in self.queue.jobs()}
        after = self.deliver(*raw)
        (job,) = (status for status in after if status.job.id not in before)
        for patch in self.patches(job):
            self.service.add(patch.message_id)
        return job

    def patches(self, status):
        return self.desk.ledger.find(status.job.series).patches

    def review(self, status):
        """What a worker finds: a warning in patch 1, nothing in the others."""
        run = sample_runs.CASES["clean"]()
        known = self.patches(status)
        patches = tuple(
            replace(patch, message_id=one.message_id)
            for one, patch in zip(known, run.series.patches, strict=False)
        )
        cover = replace(run.series.cover, message_id=status.job.series)
        series = replace(run.series, patches=patches, cover=cover, total=len(patches))
        found = sample_runs.checked(replace(sample_runs.BIT, patch=1))
        run = replace(run, series=series, check=found)
        self.finished.put(status.job.id, sample_runs.replace_verdict(run))
        self.clerk.report()

    def told(self):
        """Tell what is due; the states of every patch's checks."""
        request = publish.PublishRequest(database=self.url, say=self.say)
        publish.run(request, replace(self.tools, config=self.config))
        return [self.service.states(patch["id"]) for patch in self.service.patches]


@pytest.fixture
def bureau(tmp_path, tools):
    place = tmp_path / "state"
    place.mkdir()
    with PatchworkService(TOKEN) as service, closing(Bureau(place, tools, service)) as made:
        yield made


def test_pending_and_then_the_result(bureau):
    job = bureau.post(*mails.series(2))
    assert job.job.series == SERIES
    assert bureau.told() == [["pending"], ["pending"]]
    bureau.deliver(*mails.series(2))
    bureau.review(job)
    assert bureau.told() == [["pending", "warning"], ["pending", "success"]]
    bureau.review(job)
    assert bureau.told() == [["pending", "warning"], ["pending", "success"]]
    assert bureau.entries(), "the report is in the outbox as well"


def test_a_superseded_series_is_not_left_pending(bureau):
    bureau.post(*mails.series(2))
    bureau.told()
    bureau.post(*mails.series(2, tag="PATCH v2", stamp="20260302120000.1", start=600))
    assert bureau.told() == [["pending", "warning"]] * 2 + [["pending"]] * 2


def test_a_parked_job_is_not_left_pending(bureau, monkeypatch):
    job = bureau.post(*mails.series(2))
    parked = replace(job, state=JobState.PARKED)
    monkeypatch.setattr(bureau.queue, "jobs", lambda *_, **__: [parked])
    bureau.clerk.report()
    assert bureau.told() == [["warning"], ["warning"]]


def test_a_review_on_another_tree_is_no_verdict_on_the_series(bureau):
    job = bureau.post(*mails.series(2))
    bureau.publisher.finished(
        replace(job.job, tree="stable", again=1), sample_runs.CASES["regression"]()
    )
    assert bureau.told() == [["pending"], ["pending"]]


def test_a_mistake_of_ours_stops_no_report(bureau, monkeypatch):
    job = bureau.post(*mails.series(2))

    def mistake(*_, **__):
        raise ValueError("oops")

    monkeypatch.setattr(publish, "finished", mistake)
    bureau.review(job)
    assert bureau.entries()
    assert any("not published, our own mistake: ValueError: oops" in line for line in bureau.said)


def test_a_service_that_is_down_stops_no_report(bureau):
    job = bureau.post(*mails.series(2))
    bureau.service.faults = [500] * 9
    bureau.review(job)
    assert bureau.told() == [[], []]
    assert bureau.entries()
