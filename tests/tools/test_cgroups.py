# SPDX-License-Identifier: GPL-2.0-only
"""Control groups v2 where they are delegated: what is there moves down, groups come and go.

Run in a group of the test's own, with those controllers that v2 has on this machine; what they enforce is
shown by tests/build/test_sandbox.py.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

DELEGATED = """
import json, os, sys
from pathlib import Path
from reviewbot.tools import cgroups, sandbox

own, controllers = Path(sys.argv[1]), sys.argv[2].split()
(own / "cgroup.procs").write_text("0")
cgroups._NEEDED = cgroups._WANTED = tuple(controllers)
where = cgroups.place()
def groups():
    return [place.name for place in own.glob("reviewbot-sandbox-*")]
with cgroups.group(memory=1 << 30, processes=100, processors=1) as made:
    during = groups()
done = sandbox.run(["sh", "-c", "sleep 0.1"], timeout=10)
print(json.dumps({
    "version": where.version,
    "why": where.why,
    "supervisor": Path("/proc/self/cgroup").read_text().strip().endswith(cgroups.SUPERVISOR),
    "during": len(during),
    "after": len(groups()),
    "ok": done.ok,
    "pids": (own / cgroups.SUPERVISOR / "cgroup.procs").read_text().split() if where.parents else [],
}))
"""


def hierarchy() -> Path | None:
    """Where v2 is mounted."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if " - cgroup2 " in line:
            return Path(line.split(" ")[4])
    return None


@pytest.fixture
def own() -> Iterator[Path]:
    """A group below the root, removed with what is below it."""
    root = hierarchy()
    if os.geteuid() != 0 or root is None or not os.access(root, os.W_OK):
        pytest.skip("needs root and control groups v2")
    try:
        place = Path(tempfile.mkdtemp(prefix="reviewbot-test-", dir=root))
    except OSError as error:
        pytest.skip(f"needs control groups v2 that may be made: {error}")
    yield place
    for group in (*place.iterdir(), place):
        if group.is_dir():
            group.rmdir()


def delegated(own: Path) -> dict[str, object]:
    """What a process in that group finds."""
    controllers = (own / "cgroup.controllers").read_text().strip()
    if not controllers:
        pytest.skip("v2 has no controllers here, or its root enables none")
    done = subprocess.run(
        [sys.executable, "-c", DELEGATED, str(own), controllers.split()[0]],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.fixture
def controlled(own: Path) -> Iterator[Path]:
    """The group with one of the controllers that the root has."""
    control = own.parent / "cgroup.subtree_control"
    there = (own.parent / "cgroup.controllers").read_text().split()
    enable = there[:1] if not control.read_text().split() else []
    for name in enable:
        control.write_text(f"+{name}")
    yield own
    # Ours enabled it in the group, which must let go first.
    for name in (own / "cgroup.subtree_control").read_text().split():
        (own / "cgroup.subtree_control").write_text(f"-{name}")
    for name in enable:
        control.write_text(f"-{name}")


def test_a_delegated_group_is_used(controlled: Path) -> None:
    os.setxattr(controlled, "trusted.delegate", b"1")
    found = delegated(controlled)
    assert found["version"] == 2, found["why"]
    assert found["supervisor"], "a group with groups below it may hold no processes"
    assert len(found["pids"]) == 1
    assert (found["during"], found["after"]) == (1, 0)
    assert found["ok"]


def test_a_group_that_is_not_delegated_is_left_alone(controlled: Path) -> None:
    found = delegated(controlled)
    assert found["version"] != 2
    assert not found["supervisor"]
    assert list(controlled.glob("reviewbot-*")) == []
    assert found["ok"], "limits of each process are enough to run"
