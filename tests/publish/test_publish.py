# SPDX-License-Identifier: GPL-2.0-only
"""Checks and submissions reach services that enforce their published APIs: once, late, or not at all."""

import json
import socket
import threading
import time
from dataclasses import replace

import pytest
import sample_runs
from web_services import LIST, TOKEN, KcidbService, PatchworkService

from reviewbot.model.config import ListConfig
from reviewbot.model.publication import PublicationState, Service
from reviewbot.stages import publish

DAY = 24 * 3600.0


@pytest.fixture
def patchwork():
    with PatchworkService(TOKEN) as service:
        yield service


@pytest.fixture
def kcidb():
    with KcidbService(TOKEN) as service:
        yield service


class Desk:
    """Rows of a database, a job, and somebody who tells what is due; time only goes on by hand."""

    def __init__(self, url, rows, job, tools):
        self.url, self.rows, self.job, self.tools = url, rows, job, tools
        self.now = time.time() + 60
        self.said = []

    def tell(self, config):
        request = publish.PublishRequest(
            database=self.url,
            say=lambda event, text, **_: self.said.append(f"{event}: {text}"),
            clock=lambda: self.now,
        )
        return publish.run(request, replace(self.tools, config=config))

    def states(self, service=Service.PATCHWORK):
        return {row.state for row in self.rows.entries() if row.service is service}


@pytest.fixture
def desk(url, rows, job, tools):
    return Desk(url, rows, job, tools)


def mails(run):
    return [patch.message_id for patch in run.series.patches]


def known(patchwork, run, project="kvm"):
    return [patchwork.add(name, project) for name in mails(run)]


def newest(patchwork, patch):
    return [check for check in patchwork.checks if check["patch"] == patch][-1]


def test_pending_when_queued_and_the_result_when_finished(patchwork, with_patchwork, desk):
    run = sample_runs.CASES["findings"]()
    config = with_patchwork(patchwork.url)
    ids = known(patchwork, run)

    assert publish.pending(desk.rows, desk.job, mails(run), config) == 8
    assert desk.tell(config) == 8
    assert [patchwork.states(n) for n in ids] == [["pending"]] * 8

    assert publish.finished(desk.rows, desk.job, run, config) == 8
    assert desk.tell(config) == 8
    said = {n: newest(patchwork, n) for n in ids}
    assert [said[n]["state"] for n in ids] == [
        *("success", "success", "success", "fail", "success", "warning", "success", "success")
    ]
    assert "KVM-MSR-003" in said[ids[3]]["description"]
    place = f"https://lore.kernel.org/kvm/{run.series.patches[3].message_id}/"
    assert said[ids[3]]["target_url"] == place


def test_published_reports_are_linked_to(patchwork, with_patchwork, desk):
    run = sample_runs.CASES["single_patch"]()
    config = with_patchwork(patchwork.url, report_url="https://bot.example.org/runs/%s.html")
    (number,) = known(patchwork, run)
    publish.finished(desk.rows, desk.job, run, config)
    desk.tell(config)
    assert newest(patchwork, number)["target_url"] == f"https://bot.example.org/runs/{run.id}.html"


def test_nothing_is_told_twice(patchwork, with_patchwork, desk):
    run = sample_runs.CASES["clean"]()
    config = with_patchwork(patchwork.url)
    known(patchwork, run)
    for _ in range(3):
        publish.pending(desk.rows, desk.job, mails(run), config)
        publish.finished(desk.rows, desk.job, run, config)
        desk.tell(config)
    assert len(patchwork.checks) == 8
    assert {check["state"] for check in patchwork.checks} == {"success"}


def test_a_check_that_is_there_already_is_not_made_again(patchwork, with_patchwork, desk):
    """The database was lost and what it knew with it."""
    run = sample_runs.CASES["single_patch"]()
    config = with_patchwork(patchwork.url)
    (number,) = known(patchwork, run)
    for again in range(3):
        publish.finished(desk.rows, replace(desk.job, again=again), run, config)
        assert desk.tell(config) == 1
    assert patchwork.states(number) == ["fail"]
    assert desk.said[-1].endswith("fail, as it was")


def test_checks_of_others_are_not_taken_for_ours(patchwork, with_patchwork, desk):
    run = sample_runs.CASES["single_patch"]()
    config = with_patchwork(patchwork.url)
    (number,) = known(patchwork, run)
    publish.pending(desk.rows, desk.job, mails(run), config)
    patchwork.made(number, "pending", user="someone", description="review is queued")
    patchwork.made(number, "pending", context="netdev", description="review is queued")
    assert desk.tell(config) == 1
    assert patchwork.states(number, user="bot") == ["pending", "pending"]


def test_an_unknown_series_gets_nothing_and_is_forgotten(patchwork, with_patchwork, desk):
    run = sample_runs.CASES["single_patch"]()
    config = with_patchwork(patchwork.url)
    patchwork.add("another@example.org")
    publish.finished(desk.rows, desk.job, run, config)
    for _ in range(6):
        assert desk.tell(config) == 0
        desk.now += DAY
    assert patchwork.checks == []
    assert desk.states() == {PublicationState.UNKNOWN}
    assert sum(path.startswith("/api/1.3/patches/?") for _, path in patchwork.calls) == 4


def test_a_series_that_patchwork_learns_of_later_gets_its_check(patchwork, with_patchwork, desk):
    run = sample_runs.CASES["single_patch"]()
    config = with_patchwork(patchwork.url)
    publish.finished(desk.rows, desk.job, run, config)
    assert desk.tell(config) == 0
    (number,) = known(patchwork, run)
    assert desk.tell(config) == 0, "not before its time"
    desk.now += publish.UNKNOWN_SECONDS[0]
    assert desk.tell(config) == 1
    assert patchwork.states(number) == ["fail"]


def test_only_our_project_gets_checks(patchwork, with_patchwork, desk):
    run = sample_runs.CASES["single_patch"]()
    config = with_patchwork(patchwork.url)
    other = known(patchwork, run, "linux-doc")
    ours = known(patchwork, run)
    publish.finished(desk.rows, desk.job, run, config)
    desk.tell(config)
    assert [check["patch"] for check in patchwork.checks] == ours
    assert other != ours


def test_an_instance_that_ignores_our_filter_gets_no_check_for_other_patches(
    patchwork, with_patchwork, desk
):
    run = sample_runs.CASES["single_patch"]()
    config = with_patchwork(patchwork.url)
    patchwork.add("another@example.org")
    answer = patchwork.answer
    patchwork.answer = lambda method, path, _query, *rest: answer(method, path, {}, *rest)
    publish.finished(desk.rows, desk.job, run, config)
    assert desk.tell(config) == 0
    assert patchwork.checks == []


@pytest.mark.parametrize("fault", [401, 403, 429, 500, 502, 503, "drop", "cut", "huge"])
def test_what_fails_is_tried_again(fault, patchwork, with_patchwork, desk):
    run = sample_runs.CASES["single_patch"]()
    config = with_patchwork(patchwork.url)
    (number,) = known(patchwork, run)
    patchwork.faults = [fault]
    publish.finished(desk.rows, desk.job, run, config)
    assert desk.tell(config) == 0
    (row,) = desk.rows.entries()
    assert row.state is PublicationState.WAITING
    assert "\n" not in row.note
    assert TOKEN not in row.note
    desk.now += publish.RETRY_SECONDS[0]
    assert desk.tell(config) == 1
    assert patchwork.states(number) == ["fail"]


def test_a_post_that_was_cut_off_is_looked_up_before_it_is_repeated(
    patchwork, with_patchwork, desk
):
    run = sample_runs.CASES["single_patch"]()
    config = with_patchwork(patchwork.url)
    (number,) = known(patchwork, run)
    patchwork.faults = [None, None, "drop after"]
    publish.finished(desk.rows, desk.job, run, config)
    assert desk.tell(config) == 0
    desk.now += publish.RETRY_SECONDS[0]
    assert desk.tell(config) == 1
    assert patchwork.states(number) == ["fail"]
    assert desk.rows.entries()[0].note == "fail, as it was"


def test_a_service_that_is_down_is_given_up_after_days(patchwork, with_patchwork, desk):
    run = sample_runs.CASES["clean"]()
    config = with_patchwork(patchwork.url)
    patchwork.faults = ["drop"] * 1000
    publish.finished(desk.rows, desk.job, run, config)
    for _ in range(200):
        before = len(patchwork.calls)
        desk.tell(config)
        assert len(patchwork.calls) - before <= 1, "one look is enough to see that it is down"
        desk.now += DAY
    assert desk.states() == {PublicationState.REFUSED}


def test_a_no_is_taken_for_a_no(patchwork, with_patchwork, desk):
    run = sample_runs.CASES["single_patch"]()
    config = with_patchwork(patchwork.url)
    known(patchwork, run)
    patchwork.faults = [None, None, 400]
    publish.finished(desk.rows, desk.job, run, config)
    desk.tell(config)
    desk.now += DAY
    desk.tell(config)
    assert patchwork.checks == []
    assert desk.states() == {PublicationState.REFUSED}


def test_a_wrong_token_is_said_and_shown_to_nobody_else(patchwork, with_patchwork, tmp_path, desk):
    run = sample_runs.CASES["single_patch"]()
    (tmp_path / "wrong").write_text("wrong-token\n")
    config = with_patchwork(patchwork.url, token_file=str(tmp_path / "wrong"))
    known(patchwork, run)
    publish.finished(desk.rows, desk.job, run, config)
    assert desk.tell(config) == 0
    assert "HTTP 403" in desk.said[0]
    assert "wrong-token" not in "".join(desk.said)


@pytest.mark.parametrize("content", [None, "", "two words", "a\x01b"])
def test_a_token_file_that_is_none_stops_nothing_else(
    content, patchwork, with_patchwork, tmp_path, desk
):
    place = tmp_path / "odd"
    if content is not None:
        place.write_text(content)
    config = with_patchwork(patchwork.url, token_file=str(place))
    publish.finished(desk.rows, desk.job, sample_runs.CASES["clean"](), config)
    assert desk.tell(config) == 0
    assert "patchwork.token_file" in desk.said[0]
    assert patchwork.calls == []


def test_a_redirect_to_another_host_is_not_followed(patchwork, with_patchwork, desk):
    run = sample_runs.CASES["single_patch"]()
    known(patchwork, run)
    with PatchworkService(TOKEN) as other:
        for faults in (
            [other.url + "/api/1.3/patches/"],
            [None, None, patchwork.url + "/api/1.3/patches/100/checks/"],
        ):
            patchwork.faults = faults
            config = with_patchwork(patchwork.url)
            publish.finished(desk.rows, replace(desk.job, again=len(faults)), run, config)
            assert desk.tell(config) == 0
            assert "redirects to" in desk.said[-1]
        assert other.calls == []
    assert patchwork.checks == []


def test_a_trickling_answer_ends_at_the_time_limit(patchwork, with_patchwork, desk):
    run = sample_runs.CASES["single_patch"]()
    known(patchwork, run)
    config = with_patchwork(patchwork.url, timeout=0.5)
    patchwork.faults = ["slow"]
    publish.finished(desk.rows, desk.job, run, config)
    assert desk.tell(config) == 0
    assert "takes too long" in desk.said[0]


def test_lists_that_are_not_named_are_never_told_about(
    patchwork, kcidb, with_patchwork, config, desk
):
    run = sample_runs.CASES["clean"]()
    private = replace(desk.job, source="private@example.org")
    config = replace(
        with_patchwork(patchwork.url),
        kcidb=replace(config.kcidb, url=kcidb.url),
        lists={LIST: ListConfig(), "private@example.org": ListConfig(follow="maildir")},
    )
    assert publish.pending(desk.rows, private, mails(run), config) == 0
    assert publish.finished(desk.rows, private, run, config) == 0
    assert publish.finished(desk.rows, replace(desk.job, source="cli"), run, config) == 0
    assert desk.tell(config) == 0
    assert patchwork.calls == kcidb.calls == []


def test_a_superseded_series_is_not_left_pending(patchwork, with_patchwork, desk):
    run = sample_runs.CASES["clean"]()
    config = with_patchwork(patchwork.url)
    ids = known(patchwork, run)
    publish.pending(desk.rows, desk.job, mails(run), config)
    desk.tell(config)
    assert publish.withdrawn(desk.rows, desk.job, "superseded by v3", config) == 8
    assert publish.withdrawn(desk.rows, desk.job, "superseded by v3", config) == 0
    desk.tell(config)
    assert [patchwork.states(n) for n in ids] == [["pending", "warning"]] * 8
    assert newest(patchwork, ids[0])["description"] == "not reviewed: superseded by v3"


def test_a_result_stays_when_the_series_is_superseded(patchwork, with_patchwork, desk):
    run = sample_runs.CASES["clean"]()
    config = with_patchwork(patchwork.url)
    ids = known(patchwork, run)
    publish.finished(desk.rows, desk.job, run, config)
    assert publish.withdrawn(desk.rows, desk.job, "superseded by v3", config) == 0
    desk.tell(config)
    assert [patchwork.states(n) for n in ids] == [["success"]] * 8


def test_a_patch_that_was_sent_again_is_not_left_pending(patchwork, with_patchwork, desk):
    run = sample_runs.CASES["single_patch"]()
    config = with_patchwork(patchwork.url)
    old = patchwork.add("old@example.org")
    known(patchwork, run)
    publish.pending(desk.rows, desk.job, ["old@example.org", *mails(run)], config)
    desk.tell(config)
    publish.finished(desk.rows, desk.job, run, config)
    desk.tell(config)
    assert patchwork.states(old) == ["pending", "warning"]


def test_a_declined_series_is_not_left_pending(patchwork, with_patchwork, desk):
    config = with_patchwork(patchwork.url)
    number = patchwork.add("qemu@example.org")
    publish.pending(desk.rows, desk.job, ["qemu@example.org"], config)
    publish.finished(desk.rows, desk.job, sample_runs.CASES["declined"](), config)
    desk.tell(config)
    assert patchwork.states(number) == ["warning"]


def test_a_review_asked_for_again_is_told_again(patchwork, with_patchwork, desk):
    run = sample_runs.CASES["single_patch"]()
    config = with_patchwork(patchwork.url)
    (number,) = known(patchwork, run)
    again = replace(desk.job, again=1)
    for one in (desk.job, again):
        publish.pending(desk.rows, one, mails(run), config)
        desk.tell(config)
        publish.finished(desk.rows, one, run, config)
        desk.tell(config)
    assert patchwork.states(number) == ["pending", "fail", "pending", "fail"]


def test_several_senders_tell_everything_once(patchwork, with_patchwork, desk):
    run = sample_runs.CASES["clean"]()
    config = with_patchwork(patchwork.url)
    ids = known(patchwork, run)
    publish.finished(desk.rows, desk.job, run, config)
    senders = [threading.Thread(target=desk.tell, args=(config,)) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert [patchwork.states(n) for n in ids] == [["success"]] * 8
    assert desk.states() == {PublicationState.DONE}


def test_a_slow_service_does_not_keep_the_mails_waiting(
    patchwork, with_patchwork, desk, monkeypatch
):
    run = sample_runs.CASES["clean"]()
    config = with_patchwork(patchwork.url)
    known(patchwork, run)
    publish.finished(desk.rows, desk.job, run, config)
    monkeypatch.setattr(publish, "ROUND_SECONDS", 0.0)
    assert desk.tell(config) == 0
    monkeypatch.undo()
    assert desk.tell(config) == 8


def test_a_row_of_a_dead_sender_is_free_again(patchwork, with_patchwork, desk):
    run = sample_runs.CASES["single_patch"]()
    config = with_patchwork(patchwork.url)
    (number,) = known(patchwork, run)
    publish.finished(desk.rows, desk.job, run, config)
    assert desk.rows.take(Service.PATCHWORK, desk.now) is not None
    assert desk.tell(config) == 0
    desk.now += 700.0
    assert desk.tell(config) == 1
    assert patchwork.states(number) == ["fail"]


def test_what_changes_while_it_is_told_is_told_next(config, desk):
    run = sample_runs.CASES["single_patch"]()
    config = replace(config, patchwork=replace(config.patchwork, url="https://p.example.org"))
    publish.pending(desk.rows, desk.job, mails(run), config)
    taken = desk.rows.take(Service.PATCHWORK, desk.now)
    publish.finished(desk.rows, desk.job, run, config)
    assert desk.rows.take(Service.PATCHWORK, desk.now) is None, "the first sender has it"
    assert not desk.rows.settle(taken, PublicationState.DONE)
    row = desk.rows.take(Service.PATCHWORK, desk.now)
    assert json.loads(row.content)["state"] == "fail"
    assert desk.rows.settle(row, PublicationState.DONE)


def test_results_reach_kcidb_once(kcidb, with_kcidb, desk):
    run = sample_runs.CASES["regression"]()
    config = with_kcidb(kcidb.url)
    assert publish.finished(desk.rows, desk.job, run, config) == 1
    assert publish.finished(desk.rows, desk.job, run, config) == 0
    assert desk.tell(config) == 1
    assert desk.tell(config) == 0
    assert publish.finished(desk.rows, desk.job, run, config) == 0, "it is known by the run's id"
    (submission,) = kcidb.submissions
    assert {one["origin"] for one in submission["tests"]} == {"kvm_bot"}
    (row,) = desk.rows.entries()
    assert (row.state, row.note) == (PublicationState.DONE, "submitted, id submission1")
    assert len(row.content) == 64, "the digest is kept, not the submission"


@pytest.mark.parametrize("name", sample_runs.CASES)
def test_kcidb_takes_every_kind_of_run(name, kcidb, with_kcidb, desk):
    run = sample_runs.CASES[name]()
    config = with_kcidb(kcidb.url)
    assert (
        publish.finished(desk.rows, desk.job, run, config)
        == desk.tell(config)
        == len(kcidb.submissions)
    )
    assert bool(kcidb.submissions) == (run.base is not None)


@pytest.mark.parametrize("fault", [401, 429, 500, 503, "drop", "drop after", "cut", "huge"])
def test_kcidb_gets_it_when_it_is_back(fault, kcidb, with_kcidb, desk):
    config = with_kcidb(f"{kcidb.url}/submit")
    kcidb.faults = [fault]
    publish.finished(desk.rows, desk.job, sample_runs.CASES["clean"](), config)
    assert desk.tell(config) == 0
    assert TOKEN not in "".join(desk.said)
    desk.now += publish.RETRY_SECONDS[0]
    assert desk.tell(config) == 1
    assert all(one == kcidb.submissions[0] for one in kcidb.submissions)


def test_what_kcidb_refuses_is_not_repeated(kcidb, with_kcidb, desk):
    config = with_kcidb(kcidb.url)
    kcidb.faults = [400]
    publish.finished(desk.rows, desk.job, sample_runs.CASES["clean"](), config)
    desk.tell(config)
    desk.now += DAY
    assert desk.tell(config) == 0
    assert kcidb.submissions == []
    assert desk.states(Service.KCIDB) == {PublicationState.REFUSED}


def test_one_service_that_is_down_does_not_stop_the_other(kcidb, with_kcidb, config, desk):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    run = sample_runs.CASES["clean"]()
    both = replace(
        with_kcidb(kcidb.url),
        patchwork=replace(config.patchwork, url=f"http://127.0.0.1:{port}"),
    )
    publish.finished(desk.rows, desk.job, run, both)
    assert desk.tell(both) == 1
    assert "connection refused" in desk.said[0]
    assert len(kcidb.submissions) == 1


def test_the_token_is_ours_and_not_that_of_netrc(kcidb, with_kcidb, tmp_path, monkeypatch, desk):
    place = tmp_path / "netrc"
    place.write_text("machine 127.0.0.1 login somebody password secret\n")
    place.chmod(0o600)
    monkeypatch.setenv("NETRC", str(place))
    config = with_kcidb(kcidb.url)
    publish.finished(desk.rows, desk.job, sample_runs.CASES["clean"](), config)
    assert desk.tell(config) == 1
    assert kcidb.tokens == [f"Bearer {TOKEN}"]


def test_without_services_nothing_happens(config, desk):
    run = sample_runs.CASES["clean"]()
    assert publish.pending(desk.rows, desk.job, mails(run), config) == 0
    assert publish.finished(desk.rows, desk.job, run, config) == 0
    assert desk.tell(config) == 0
    assert desk.rows.entries() == []
