# SPDX-License-Identifier: GPL-2.0-only
"""/metrics and /healthz, asked over HTTP."""

import contextlib
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sample_runs
from prometheus_client.parser import text_string_to_metric_families

from reviewbot.engine.durable import JobQueue
from reviewbot.engine.metrics import MOST_RULES, BotMeters, SenderMeters, WorkerMeters
from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.job import Done, Job
from reviewbot.model.mail import Mail
from reviewbot.model.outbox import Entry, EntryState
from reviewbot.model.run import Stage
from reviewbot.tools.finished import Finished
from reviewbot.tools.monitoring import serving
from reviewbot.tools.outbox import Outbox
from reviewbot.tools.pulse import GRACE_SECONDS, START_SECONDS, TURNS, Pulse, notify

KVM = "kvm@vger.kernel.org"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state' / 'engine.sqlite'}"


@pytest.fixture
def meters(url: str, clock: Clock) -> Iterator[BotMeters]:
    with closing(BotMeters(url, Pulse(60, clock=clock), [KVM, "x"], clock=clock)) as made:
        yield made


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def samples(meters, name: str) -> dict[tuple[str, ...], float]:
    """Values by labels, as Prometheus reads them."""
    with serving("127.0.0.1:0", meters.registry, meters.trouble) as port:
        status, text = get(port, "/metrics")
    assert status == 200
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def health(meters) -> tuple[int, str]:
    with serving("127.0.0.1:0", meters.registry, meters.trouble) as port:
        return get(port, "/healthz")


def mail(name: str) -> Mail:
    return Mail(
        message_id=name,
        subject="s",
        body="b",
        sender=None,
        to=(),
        cc=(),
        date="",
        in_reply_to="",
        references=(),
    )


def test_what_waits_is_told_by_state(meters: BotMeters, url: str) -> None:
    with (
        closing(JobQueue(url)) as queue,
        closing(Outbox(url)) as box,
        closing(Finished(url)) as done,
    ):
        for number in range(3):
            queue.add(Job(series=f"s{number}", source=KVM))
        queue.cancel(f"{KVM}/s0")
        queue.add(Job(series="later", source=KVM), delay=60)
        box.add(Entry(mail=mail("one@x"), inbox=KVM))
        box.add(Entry(mail=mail("two@x"), inbox=KVM, state=EntryState.READY))
        done.put("job", sample_runs.findings())
    time.sleep(0.05)
    assert samples(meters, "reviewbot_jobs") == {
        ("delayed",): 1, ("queued",): 2, ("running",): 0, ("done",): 0, ("parked",): 0, ("cancelled",): 1,
    }  # fmt: skip
    assert samples(meters, "reviewbot_outbox_mails") == {
        ("held",): 1, ("ready",): 1, ("sending",): 0, ("sent",): 0, ("dropped",): 0,
    }  # fmt: skip
    assert 0 < samples(meters, "reviewbot_oldest_queued_seconds")[()] < 60
    assert samples(meters, "reviewbot_undecided_reviews") == {(): 1}
    assert samples(meters, "reviewbot_database_up") == {(): 1}


def test_reviews_and_findings_are_counted(meters: BotMeters) -> None:
    run = sample_runs.findings()
    assert run.check
    for _ in range(2):
        meters.finished(run)
    assert samples(meters, "reviewbot_reviews_total")["findings",] == 2
    found = samples(meters, "reviewbot_findings_total")
    assert sum(found.values()) == 2 * len(run.check.findings)
    assert {rule for rule, _ in found} == {one.code for one in run.check.findings}


def test_the_number_of_rules_has_a_limit(meters: BotMeters) -> None:
    run = sample_runs.findings()
    assert run.check
    many = tuple(replace(run.check.findings[0], code=f"X-{n}") for n in range(MOST_RULES + 50))
    meters.finished(replace(run, check=replace(run.check, findings=many)))
    found = samples(meters, "reviewbot_findings_total")
    assert len(found) == MOST_RULES + 1
    assert sum(v for (rule, _), v in found.items() if rule == "other") == 50


def test_a_lists_lag_grows_until_it_is_read(meters: BotMeters, clock: Clock) -> None:
    clock.now += 100
    meters.polled(7, ["x"])
    clock.now += 5
    assert samples(meters, "reviewbot_watch_lag_seconds") == {(KVM,): 5, ("x",): 105}
    assert samples(meters, "reviewbot_mails_read_total") == {(): 7}


def test_a_worker_counts_its_jobs(url: str, clock: Clock) -> None:
    class Done1:
        def until(self, stage: Stage) -> None: ...
        def close(self) -> None: ...
        def result(self) -> Done:
            return Done(verdict="fine")

    class Fails(Done1):
        def result(self) -> Done:
            raise InfrastructureError("killed")

    with closing(WorkerMeters(url, Pulse(5, clock=clock))) as mine:
        one, two = mine.counted(Done1()), mine.counted(Fails())
        assert samples(mine, "reviewbot_jobs_running") == {(): 2}
        one.until(Stage.FETCH)
        one.result()
        one.close()
        with contextlib.suppress(InfrastructureError):
            two.result()
        two.close()
        assert samples(mine, "reviewbot_jobs_running") == {(): 0}
        assert samples(mine, "reviewbot_jobs_ended_total") == {
            ("reviewed",): 1,
            ("interrupted",): 1,
        }


def test_errors_and_mails_are_counted_and_the_process_measured(url: str, clock: Clock) -> None:
    with closing(SenderMeters(url, Pulse(5, clock=clock))) as mine:
        mine.failed("turn")
        mine.sent(3)
        assert samples(mine, "reviewbot_errors_total") == {("turn",): 1}
        assert samples(mine, "reviewbot_mails_sent_total") == {(): 3}
        assert samples(mine, "process_resident_memory_bytes")[()] > 1e6


def test_health_follows_the_loop(meters: BotMeters, url: str, clock: Clock) -> None:
    JobQueue(url).close()
    assert health(meters) == (200, "ok\n")
    clock.now += START_SECONDS + 1
    assert health(meters)[0] == 503, "it never began"
    meters._pulse.turned()
    assert health(meters) == (200, "ok\n")
    clock.now += TURNS * 60 + GRACE_SECONDS + 1
    status, said = health(meters)
    assert status == 503
    assert said == "the loop has not turned for 301 s, 300 s are normal\n"


def test_health_follows_the_database(clock: Clock) -> None:
    away = "postgresql+psycopg://bot:secret@127.0.0.1:1/none"
    with closing(BotMeters(away, Pulse(60, clock=clock), [], clock=clock)) as meters:
        status, said = health(meters)
        assert status == 503
        assert said.startswith("no connection to postgresql")
        assert "secret" not in said
        assert samples(meters, "reviewbot_database_up") == {(): 0}
        assert samples(meters, "reviewbot_jobs") == {}


def test_nothing_else_is_served_and_bad_addresses_are_named(meters: BotMeters) -> None:
    with serving("127.0.0.1:0", meters.registry, meters.trouble) as port:
        assert get(port, "/")[0] == 404
        assert get(port, "/metrics/../etc/passwd")[0] == 404
        with (
            pytest.raises(UserError, match=rf"--listen 127\.0\.0\.1:{port}: .*in use"),
            serving(f"127.0.0.1:{port}", meters.registry, meters.trouble),
        ):
            pass
    for wrong in (
        "9105",
        "127.0.0.1",
        "127.0.0.1:99999",
        "example.org:1",
        "*:1",
        "127.0.0.1:9105\n",
    ):
        with (
            pytest.raises(UserError, match="--listen: expected"),
            serving(wrong, meters.registry, meters.trouble),
        ):
            pass


def test_those_who_only_connect_do_not_keep_others_out_for_long(meters: BotMeters) -> None:
    with (
        serving("127.0.0.1:0", meters.registry, meters.trouble) as port,
        contextlib.ExitStack() as open_,
    ):
        for _ in range(20):
            open_.enter_context(socket.create_connection(("127.0.0.1", port)))
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                if get(port, "/healthz")[0]:
                    break
            assert time.monotonic() < deadline, "idle connections keep everybody out"
            time.sleep(0.2)


def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    place = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(place))
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(place))
        pulse = Pulse(60, clock=clock)
        pulse.turned()
        pulse.turned()
        said = [listener.recv(100) for _ in range(3)]
    assert said == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
    notify("nobody listens any more")
    monkeypatch.setenv("NOTIFY_SOCKET", "relative")
    notify("an address that is none")
