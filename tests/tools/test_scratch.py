# SPDX-License-Identifier: GPL-2.0-only
"""Scratch directories: gone with their process, never under a living one."""

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from reviewbot.tools import removal
from reviewbot.tools import scratch as module
from reviewbot.tools.scratch import scratch

KILLED = """
import os, signal, sys
from pathlib import Path
from reviewbot.tools.scratch import scratch
with scratch(Path(sys.argv[1])) as place:
    (place / "left").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def directories(root: Path) -> list[str]:
    return [entry.name for entry in root.iterdir() if entry.is_dir()]


def test_the_next_start_removes_what_a_killed_process_left(tmp_path: Path) -> None:
    root = tmp_path / "scratch"
    subprocess.run([sys.executable, "-c", KILLED, root], check=False)
    assert len(directories(root)) == 1
    with scratch(root) as place:
        assert directories(root) == [place.name]
    assert directories(root) == []


def test_a_living_neighbour_is_left_alone(tmp_path: Path) -> None:
    with scratch(tmp_path) as one, scratch(tmp_path) as two:
        assert one.is_dir()
        assert two.is_dir()


def test_nobody_sweeps_between_making_and_locking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The other start comes at the worst time: the owner file is there, the lock is not.
    lock, others = module.fcntl.flock, list[threading.Thread]()
    done = threading.Event()

    def start() -> None:
        with scratch(tmp_path):
            done.set()

    def flock(file: object, how: int) -> None:
        if getattr(file, "name", "").endswith("/.owner") and not others:
            others.append(threading.Thread(target=start))
            others[0].start()
            done.wait(0.3)
        lock(file, how)  # type: ignore[arg-type]

    monkeypatch.setattr(module.fcntl, "flock", flock)
    with scratch(tmp_path) as place:
        others[0].join(10)
        assert done.is_set(), "the other start never got its directory"
        assert place.is_dir(), "a directory in use was swept"


def test_stray_files_and_links_are_no_obstacle(tmp_path: Path) -> None:
    root, outside = tmp_path / "scratch", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "precious").write_text("x")
    (root / "stray").write_text("x")
    (root / "link").symlink_to(outside)
    (root / "without-owner").mkdir()
    with scratch(root) as place:
        assert {entry.name for entry in root.iterdir()} == {place.name, ".sweep"}
    assert (outside / "precious").exists()


def test_directories_that_nobody_may_enter_are_removed() -> None:
    nobody = 65534 if os.geteuid() == 0 else os.geteuid()  # root enters anyway
    with tempfile.TemporaryDirectory(prefix="reviewbot-test-") as parent:
        place = Path(parent, "place")
        closed = (place / "closed" / "inner", place / "closed", place)
        closed[0].mkdir(parents=True)
        for path in (*closed, Path(parent)):
            os.chown(path, nobody, -1)
        for path in closed:
            path.chmod(0)
        before = os.geteuid()
        os.seteuid(nobody)
        try:
            removal.remove(place)
        finally:
            os.seteuid(before)
        assert not place.exists()
