# SPDX-License-Identifier: GPL-2.0-only
"""Children end when they should, take nothing of ours along, and never fill our memory."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reviewbot.model.errors import InfrastructureError
from reviewbot.tools import process


def gone(pid: int) -> bool:
    """True once the process no longer runs (a zombie nobody reaped counts as gone)."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_output_and_exit_status() -> None:
    done = process.run(["sh", "-c", "echo out; echo err >&2; exit 3"], timeout=10)
    assert (done.stdout, done.stderr, done.returncode, done.ok) == (b"out\n", b"err\n", 3, False)
    assert done.complaint() == "err"


def test_merged_output_keeps_its_order() -> None:
    done = process.run(["sh", "-c", "echo 1; echo 2 >&2; echo 3"], timeout=10, merge=True)
    assert done.stdout == b"1\n2\n3\n"


def test_environment_is_scrubbed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    said = process.run(["env"], timeout=10, env={"EXTRA": "1"}).text()
    assert "SECRET_TOKEN" not in said
    assert "HOME" not in said
    assert "EXTRA=1" in said


def test_time_limit_ends_the_whole_group() -> None:
    lines: list[str] = []
    script = "trap '' TERM; sleep 60 & echo $!; wait; sleep 60"
    done = process.run(["sh", "-c", script], timeout=0.5, on_line=lines.append)
    assert done.timed_out
    assert not done.ok
    assert gone(int(lines[0])), "a grandchild outlived the time limit"


def test_a_daemon_left_behind_is_ended_and_not_waited_for() -> None:
    lines: list[str] = []
    done = process.run(["sh", "-c", "sleep 60 & echo $!"], timeout=30, on_line=lines.append)
    assert done.ok
    assert done.seconds < 10
    assert gone(int(lines[0]))


def test_output_is_capped_but_the_child_is_not_blocked() -> None:
    done = process.run(["head", "-c", "3000000", "/dev/zero"], timeout=30, output_limit=1000)
    assert done.ok
    assert done.truncated
    assert len(done.stdout) == 1000


def test_large_input_and_a_reader_that_leaves_early() -> None:
    data = b"x" * 5_000_000
    assert process.run(["cat"], stdin=data, timeout=30).stdout == data
    assert process.run(["true"], stdin=data, timeout=30).ok


def test_every_line_is_seen_even_the_last_without_newline() -> None:
    lines: list[str] = []
    process.run(["printf", r"a\nb\nc"], timeout=10, on_line=lines.append)
    assert lines == ["a", "b", "c"]


def test_missing_program_says_so() -> None:
    with pytest.raises(InfrastructureError, match="no-such-program: not found"):
        process.run(["no-such-program"], timeout=1)


def test_children_die_with_their_parent(tmp_path: Path) -> None:
    script = (
        "import sys; from reviewbot.tools import process\n"
        "process.run(['sh', '-c', 'echo $$; exec sleep 60'], timeout=60,\n"
        f"            on_line=lambda line: open({str(tmp_path / 'pid')!r}, 'w').write(line))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    pid_file = tmp_path / "pid"
    for _ in range(200):
        if pid_file.exists() and pid_file.read_text():
            break
        time.sleep(0.05)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    child = int(pid_file.read_text())
    assert gone(child), "the child outlived a killed parent"
    assert child != os.getpid()


def test_a_child_of_a_parent_that_is_gone_already_starts_nothing(tmp_path: Path) -> None:
    # Killed between fork and the child's own prctl, which nobody can time: the child has another parent by then.
    code = (
        "import os, time\n"
        "from reviewbot.tools import process\n"
        "real = process._libc.prctl\n"
        "def late(*words):\n"
        "    os.kill(PARENT, 9)\n"
        "    time.sleep(0.5)\n"
        "    real(*words)\n"
        "class Slow:\n"
        "    prctl = staticmethod(late)\n"
        "PARENT = os.getpid()\n"
        "process._libc = Slow\n"
        f"process.run(['touch', {str(tmp_path / 'ran')!r}], timeout=10)\n"
    )
    ours = subprocess.Popen([sys.executable, "-c", code])
    assert ours.wait(20) == -signal.SIGKILL
    time.sleep(1.5)
    assert not (tmp_path / "ran").exists(), "a program was started for nobody"
