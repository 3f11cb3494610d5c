# SPDX-License-Identifier: GPL-2.0-only
"""Ctrl-C and kill -9 leave no QEMU, mount or scratch behind, and the next run finishes the work."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kernel_history import never_built

pytestmark = pytest.mark.slow


@pytest.fixture
def topic(kernel_tree: Path, tmp_path: Path) -> Path:
    """A repository whose tip is one commit that was never built before."""
    clone = tmp_path / "linux.git"
    subprocess.run(["git", "clone", "-q", "--bare", "--shared", kernel_tree, clone], check=True)
    never_built(clone)
    return clone


def command(topic: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "reviewbot", "review", "--range", "HEAD..topic"),
        *("--tree", str(topic), "--format", "json"),
    ]


def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "REVIEWBOT_MARK": str(tmp_path),
    }


def scratch() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return cache / "reviewbot" / "scratch"


def leftovers(pid: int) -> list[str]:
    """Command lines that name the scratch directory of the run, and mounts below it."""
    mine = f"{scratch()}/{pid}-"
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if mine in line:
            found.append(line[:200])
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    return found + [mount for mount in mounts if mine in mount]


def gone(pid: int) -> list[str]:
    for _ in range(100):
        if not leftovers(pid):
            return []
        time.sleep(0.1)
    return leftovers(pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill-9"])
def test_interrupted_in_build_and_test(topic: Path, tmp_path: Path, number: signal.Signals) -> None:
    for moment in ("build   patch 1/1", "tip:"):
        with subprocess.Popen(
            command(topic),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(tmp_path),
            # Whoever runs the tests in the background makes them ignore it, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        ) as review:
            said = []
            for line in review.stderr:
                said.append(line)
                if moment in line:
                    break
            assert moment in said[-1], f"never came to {moment!r}:\n{''.join(said[-20:])}"
            time.sleep(1.0)
            review.send_signal(number)
            rest = review.stderr.read()
            review.wait(60)
        if number is signal.SIGINT:
            assert review.returncode == 130, rest
            assert "the same command continues" in rest
            assert "Traceback" not in rest
            assert not list(scratch().glob(f"{review.pid}-*")), "scratch was left behind"
        assert gone(review.pid) == []
    done = subprocess.run(
        command(topic), check=False, capture_output=True, env=environment(tmp_path), timeout=1800
    )
    assert not list(scratch().glob(f"{review.pid}-*")), "the next run sweeps what kill -9 left"
    run = json.loads(done.stdout)
    assert [patch["status"] for patch in run["build"]["patches"]] == ["pass"]
    changes = {delta["change"] for delta in run["tests"]["deltas"]}
    assert changes <= {"same", "flaky"}, changes
