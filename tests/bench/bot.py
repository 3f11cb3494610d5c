# SPDX-License-Identifier: GPL-2.0-only
"""What the engine costs.  Prints rows; nothing is judged, but for jobs that are not done in the end.

bot.py [--jobs N] [--idle-seconds N] [--database sqlite|postgresql]
"""

import argparse
import contextlib
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path += [str(TESTS), str(TESTS / "engine")]

import mails  # noqa: E402
from postgres import server  # noqa: E402

from reviewbot.engine.durable import JobQueue  # noqa: E402
from reviewbot.engine.workers import STAGES  # noqa: E402
from reviewbot.model.job import Job, JobState, Need  # noqa: E402

LIST = "kvm@vger.kernel.org"
WORKER = TESTS / "engine/null_worker.py"


def row(name: str, value: str) -> None:
    print(f"{name:<44}{value}", flush=True)


def memory(process: int) -> tuple[float, float]:
    """MB that a process has now, and had at most."""
    status = Path(f"/proc/{process}/status").read_text()
    found = {
        line.partition(":")[0]: line.split()[1] for line in status.splitlines() if "kB" in line
    }
    return int(found["VmRSS"]) / 1000, int(found["VmHWM"]) / 1000


def processor(process: int) -> float:
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def database(kind: str, place: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{place / 'state/reviewbot/engine.sqlite'}"
        return
    with server() as running:
        yield running.database("bench")


def queued(url: str, place: Path, jobs: int) -> None:
    """Queue jobs that do nothing, list them, let one worker do them all."""
    queue = JobQueue(url)
    began = time.monotonic()
    for number in range(jobs):
        queue.add(Job(series=f"s{number}@bench.example", source=LIST, needs=frozenset(), title="KVM: x86: thing"))  # fmt: skip
    row("queue a job", f"{(time.monotonic() - began) / jobs * 1000:.1f} ms")
    began = time.monotonic()
    found = 0
    while page := queue.jobs([JobState.QUEUED], limit=1000, offset=found):
        found += len(page)
    row(f"list {found:,} queued jobs", f"{time.monotonic() - began:.1f} s")
    assert found == jobs
    settings = {
        "url": url,
        "state": str(place / "state"),
        "name": "bench",
        "log": "/dev/null",
        "seconds": 0,
        "can": [],
        "parallel": 8,
        "tree_limit": 0,
    }
    worker = subprocess.Popen(
        [sys.executable, WORKER, json.dumps(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert worker.stdin
    assert worker.stdout
    worker.stdout.readline()
    before, began = memory(worker.pid)[0], time.monotonic()
    open_states = [JobState.QUEUED, JobState.RUNNING, JobState.DELAYED]
    while queue.jobs(open_states, limit=1):
        time.sleep(2)
    seconds = time.monotonic() - began
    steps = jobs * (len(STAGES) + 1)
    spent = processor(worker.pid)
    row(f"drain {jobs:,} jobs, 8 at once", f"{seconds:.0f} s, {jobs / seconds:.1f} a second")
    row(f"engine overhead a stage ({len(STAGES) + 1} steps a job)", f"{seconds / steps * 1000:.1f} ms of time, {spent / steps * 1000:.1f} ms of processor")  # fmt: skip
    row("worker's memory: begin, most", f"{before:.0f} MB, {memory(worker.pid)[1]:.0f} MB")
    row("this process's memory, most", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB")  # fmt: skip
    done = [
        status.job.source
        for start in range(0, jobs + 1000, 1000)
        for status in queue.jobs([JobState.DONE], limit=1000, offset=start)
    ].count(LIST)
    assert done == jobs, f"{jobs - done} jobs are lost"
    worker.stdin.close()
    worker.wait(30)
    queue.close()


def alone(url: str, place: Path) -> None:
    """One job after the other: what a stage takes when nothing else goes on."""
    settings = {"url": url, "state": str(place / "state"), "name": "alone", "log": str(place / "log"), "seconds": 0, "can": ["nested"], "parallel": 1, "tree_limit": 0}  # fmt: skip
    worker = subprocess.Popen(
        [sys.executable, WORKER, json.dumps(settings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert worker.stdin
    assert worker.stdout
    worker.stdout.readline()
    queue = JobQueue(url)
    for number in range(20):
        queue.add(Job(series=f"alone{number}", source="bench", needs=frozenset({Need.NESTED})))
    while queue.jobs([JobState.QUEUED, JobState.RUNNING], limit=1):
        time.sleep(0.5)
    lines = [line.split(" ", 3) for line in (place / "log").read_text().splitlines()]
    spent = []
    for number in range(20):
        moments = [float(when) for when, _, series, what in lines if series == f"alone{number}" and what.startswith("begin")]  # fmt: skip
        spent += [after - before for before, after in itertools.pairwise(moments)]
    spent.sort()
    row("a stage when nothing else goes on", f"median {spent[len(spent) // 2] * 1000:.1f} ms, 95 of 100 below {spent[len(spent) * 95 // 100] * 1000:.1f} ms")  # fmt: skip
    worker.stdin.close()
    worker.wait(30)
    queue.close()


def idle(url: str, place: Path, seconds: int) -> None:
    """The bot, a worker and a sender with nothing to do, as they come."""
    box = place / "box"
    for name in ("new", "cur", "tmp"):
        (box / name).mkdir(parents=True)
    for number, raw in enumerate(mails.series(3)):
        (box / "new" / f"{number}.x").write_bytes(raw)
    configured = url.replace("+psycopg", "") if url.startswith("postgresql") else ""
    (place / "config.toml").write_text(
        f'[engine]\ndatabase = "{configured}"\n[lists."kvm@vger.kernel.example"]\nfollow = "maildir"\npath = "{box}"\n'
        '[mail]\nsender = "Bot <bot@example.org>"\nserver = "127.0.0.1"\n'
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(place), "XDG_STATE_HOME": str(place / "state")}  # fmt: skip
    words = {"bot": ["bot"], "worker": ["worker", "--can", "cross"], "sender": ["sender"]}
    running = {
        name: subprocess.Popen(
            [sys.executable, "-m", "reviewbot", "--config", str(place / "config.toml"), *line, "--listen", "127.0.0.1:0"],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for name, line in words.items()
    }  # fmt: skip
    time.sleep(15)
    before = {name: processor(child.pid) for name, child in running.items()}
    time.sleep(seconds)
    for name, child in running.items():
        share = (processor(child.pid) - before[name]) / seconds * 100
        row(f"idle {name}", f"{memory(child.pid)[0]:.0f} MB, {share:.2f} % of a core")
        child.kill()
        child.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--idle-seconds", type=int, default=60)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reviewbot-bench-") as name:
        place = Path(name)
        with database(wanted.database, place) as url:
            row("database", wanted.database)
            alone(url, place)
            queued(url, place, wanted.jobs)
            idle(url, place, wanted.idle_seconds)


if __name__ == "__main__":
    main()
