# SPDX-License-Identifier: GPL-2.0-only
"""A real worker does real reviews from the queue, in processes that die with it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
Command = Callable[..., Any]


@pytest.fixture
def settings(tree: Any, tmp_path: Path) -> Path:
    place = tmp_path / "config.toml"
    place.write_text(f'[trees.linux]\npath = "{tree.path}"\n')
    return place


def test_a_queued_review_is_done_and_kept(reviewbot: Command, settings: Path, series: Path) -> None:
    queued = reviewbot("--config", settings, "queue", "add", series, "--until", "check")
    assert queued.out == f"asked/{series}\n"
    again = reviewbot("--config", settings, "queue", "add", series, "--until", "check")
    assert "is known already; --again queues it once more" in again.out
    assert reviewbot("--config", settings, "worker", "--drain", "--name", "w").code == 0
    shown = reviewbot("--config", settings, "queue", "inspect", "asked/")
    assert "state    done" in shown.out, shown.out
    assert "stages   fetch, base, apply, check" in shown.out
    assert "verdict" in shown.out, shown.out
    run = next(line.split()[1] for line in shown.out.splitlines() if line.startswith("run "))
    assert reviewbot("--config", settings, "show", run).code == 0
    listed = reviewbot("--config", settings, "queue", "list", "--all", "--format", "json")
    assert [job["state"] for job in json.loads(listed.out)] == ["done"]
    assert "nothing is queued" in reviewbot("--config", settings, "queue", "list").err


def test_what_cannot_be_reviewed_is_not_tried_again(
    reviewbot: Command, settings: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.mbox").write_text("")
    reviewbot("--config", settings, "queue", "add", tmp_path / "empty.mbox", "--until", "check")
    reviewbot("--config", settings, "worker", "--drain", "--name", "w")
    shown = reviewbot("--config", settings, "queue", "inspect", "asked/").out
    assert "state    done" in shown
    assert "tries    1" in shown
    assert "empty.mbox" in next(line for line in shown.splitlines() if line.startswith("verdict"))


def test_a_killed_worker_takes_its_review_with_it(
    reviewbot: Command, settings: Path, home: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # an inbox that never answers
        port = silent.getsockname()[1]
        with settings.open("a") as more:
            more.write(f'[inbox]\nmidmask = "http://127.0.0.1:{port}/%s"\n')
        reviewbot("--config", settings, "queue", "add", "a@example.org", "--until", "check")
        worker = subprocess.Popen(
            [sys.executable, "-m", "reviewbot", "--config", settings, "worker", "--name", "w"],
            env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"},
            stderr=subprocess.DEVNULL,
        )
        child = _child_of(worker.pid)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists():
        assert time.monotonic() < deadline, "the review outlives its worker"
        time.sleep(0.1)


def _child_of(pid: int) -> int:
    deadline = time.monotonic() + 30
    while True:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                if b"\0job\0" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
        assert time.monotonic() < deadline, "the worker starts no review"
        time.sleep(0.1)
