# SPDX-License-Identifier: GPL-2.0-only
"""One thing that breaks us must not stop all others, and a database that is away must not look like one."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import mails
import pytest
import sample_runs
import sqlalchemy as sa
from mail_servers import free_port
from test_bot_desk import Office

from reviewbot.model.config import PolicyConfig
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.outbox import EntryState
from reviewbot.tools.context import Tools

ONE = "1-1-ann@kernel.example"
TWO = "2-1-ann@kernel.example"


@pytest.fixture
def office(tmp_path: Path, tools: Tools) -> Iterator[Office]:
    with closing(
        Office(tmp_path / "state", tools, PolicyConfig(mode="send", delay_minutes=0))
    ) as made:
        yield made


def two_series(office: Office) -> dict:
    """Two series are queued; their jobs by series."""
    other = [raw.replace(b"step", b"piece").replace(b"file", b"part") for raw in mails.series(1, stamp="2", title="KVM: two")]  # fmt: skip
    jobs = office.deliver(*mails.series(1, stamp="1", title="KVM: one"), *other)
    return {status.job.series: status for status in jobs}


def sql(office: Office, statement: str, **values: object) -> None:
    engine = sa.create_engine(office.url)
    with engine.begin() as connection:
        connection.execute(sa.text(statement), values)
    engine.dispose()


def test_a_review_that_cannot_be_read_does_not_stop_the_next(office: Office) -> None:
    jobs = two_series(office)
    office.finished.put(jobs[ONE].job.id, sample_runs.findings())
    change = "UPDATE reviewbot_finished SET review = :junk"
    sql(office, change, junk=b"\x78\x9cjunk")
    office.finish(jobs[TWO], sample_runs.findings())
    assert list(office.finished.undecided(10)) == []
    assert {entry.series for entry in office.entries(EntryState.READY)} == {TWO}
    assert any("stored review is damaged" in line and ONE in line for line in office.said)


def test_a_series_that_breaks_us_does_not_stop_the_next(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = office.clerk._job

    def breaks(series):
        if series.message_id == ONE:
            raise KeyError("what nobody thought of")
        return whole(series)

    monkeypatch.setattr(office.clerk, "_job", breaks)
    assert set(two_series(office)) == {TWO}
    assert office.desk.ledger.untaken() == []
    assert any("our own mistake: KeyError" in line and ONE in line for line in office.said)


def test_a_database_that_is_away_loses_nothing(office: Office) -> None:
    office.desk.deliver(*mails.series(1))
    sql(office, "ALTER TABLE workflow_status RENAME TO away")
    with pytest.raises(InfrastructureError, match="the queue's database: no such table"):
        office.clerk.schedule()
    assert office.desk.ledger.untaken(), "the event was lost"
    sql(office, "ALTER TABLE away RENAME TO workflow_status")
    office.clerk.schedule()
    (status,) = office.queue.jobs()
    sql(office, "ALTER TABLE reviewbot_outbox RENAME TO away")
    with pytest.raises(InfrastructureError, match="the database: no such table"):
        office.finish(status, sample_runs.findings())
    assert list(office.finished.undecided(10)), "the review was lost"
    sql(office, "ALTER TABLE away RENAME TO reviewbot_outbox")
    office.clerk.report()
    assert len(office.entries(EntryState.READY)) == 3


@pytest.mark.slow
def test_the_running_bot_says_in_json_what_it_does_and_how_it_is(tmp_path: Path) -> None:
    box = tmp_path / "box"
    for name in ("new", "cur", "tmp"):
        (box / name).mkdir(parents=True)
    (box / "new/1.x").write_bytes(mails.mail("[PATCH] KVM: \x1b[31mred", body=mails.patch_body("arch/x86/kvm/a.c"), message_id="m@x"))  # fmt: skip
    config = tmp_path / "config.toml"
    config.write_text(f'[lists."kvm@vger.kernel.example"]\nfollow = "maildir"\npath = "{box}"\n')
    port = free_port()
    bot = subprocess.Popen(
        [sys.executable, "-m", "reviewbot", "--config", config, "bot", "--log", "json", "--listen", f"127.0.0.1:{port}"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        text = ""
        while 'reviewbot_jobs{state="queued"} 1.0' not in text:
            assert time.monotonic() < deadline, text
            time.sleep(0.3)
            with (
                suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as said,
            ):
                text = said.read().decode()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as said:
            assert said.read() == b"ok\n"
    finally:
        bot.send_signal(signal.SIGTERM)
        out, err = bot.communicate(timeout=30)
    assert bot.returncode == 0
    rows = [json.loads(line) for line in err.splitlines()]
    assert [row["event"] for row in rows] == ["listening", "series complete", "queued", "ended"]
    assert {row["component"] for row in rows} == {"bot"}
    assert rows[1]["series"] == "m@x"
    assert "\x1b" not in rows[1]["text"]
    assert out == ""
