# SPDX-License-Identifier: GPL-2.0-only
"""Print how fast the web pages are with 2,000 series, and the export of 500 (``make bench-web``).

The server runs on one core.  Nothing here passes or fails but what issue 6 promises is beside each number.

usage: web.py REVIEWBOT SCRATCH
"""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path += [str(TESTS / "report"), str(TESTS / "web")]

from large_runs import large  # noqa: E402 - lies beside this file
from sample_runs import CASES  # noqa: E402 - lies beside the reports' tests
from shelves import named  # noqa: E402 - see above

from reviewbot.model.codec import to_json  # noqa: E402
from reviewbot.model.run import Run  # noqa: E402

SECONDS = 10
CLIENTS = 4


def fill(state: Path, series: int) -> None:
    """Reviews of all kinds, one a series."""
    kinds = [(name, make()) for name, make in CASES.items() if make().series]
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(series):
        name, run = kinds[number % len(kinds)]
        made = named(run, f"{name}-{number}", number)
        made = replace(made, started=(start + timedelta(minutes=number)).isoformat())
        keep(state, made)


def keep(state: Path, run: Run) -> None:
    place = state / "reviewbot" / "runs" / run.id
    place.mkdir(parents=True)
    (place / "run.json").write_bytes(to_json(run))


def fill_large(state: Path) -> dict[str, list[str]]:
    """A review of 100 patches and one of 17 MB; where their pages are."""
    many = large("many", 900_001, patches=100, files=3, hunks=4, lines=30)
    long = large("long", 900_002, patches=60, files=4, hunks=12, lines=165)
    for one in (many, long):
        keep(state, one)
    return {
        "review of 100 patches": [f"/review/{many.id}"],
        "patch of it": [f"/review/{many.id}/patch/{at}" for at in range(1, 100)],
        "review of 17 MB": [f"/review/{long.id}"],
        "patch of it, 8,000 lines": [f"/review/{long.id}/patch/{at}" for at in range(1, 61)],
    }


def homes(scratch: Path, name: str) -> dict[str, str]:
    """State and cache of their own."""
    place = scratch / name
    return {
        **os.environ,
        "XDG_STATE_HOME": str(place / "state"),
        "XDG_CACHE_HOME": str(place / "cache"),
        "REVIEWBOT_CONFIG": os.devnull,
    }


def started(reviewbot: Path, home: dict[str, str]) -> tuple[subprocess.Popen[str], str, float]:
    """The server on one core, where it is, and how long it took to answer."""
    begin = time.monotonic()
    argv = ["taskset", "-c", "0", reviewbot, "serve", "--listen", "127.0.0.1:0"]
    server = subprocess.Popen(argv, env=home, stderr=subprocess.PIPE, text=True)
    assert server.stderr
    line = server.stderr.readline()
    assert "http://" in line, line
    return server, line.split("http://")[1].split("/")[0], time.monotonic() - begin


def get(connection: HTTPConnection, path: str) -> tuple[float, bytes]:
    begin = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, f"{path}: {answer.status}"
    return time.perf_counter() - begin, body


def pages_of(place: str) -> dict[str, list[str]]:
    """Pages of each kind, enough of them that nothing is answered from memory."""
    connection = HTTPConnection(place)
    found = [
        json.loads(get(connection, f"/index.json?state=all&page={page}")[1])["series"]
        for page in range(1, 3)
    ]
    rows = [one for page in found for one in page]
    runs = [one["review"]["run"] for one in rows if one["review"]]
    return {
        "list": [f"/?state=all&page={page}" for page in range(1, 41)],
        "list, filtered and sorted": [
            f"/?state=all&q=severity:error,warning+improve&sort=findings&page={page}"
            for page in range(1, 5)
        ],
        "series": [one["page"] for one in rows[:60]],
        "review": [f"/review/{run}" for run in runs[:60]],
        "patch": [f"/review/{run}/patch/6" for run in runs[:60] if "single" not in run],
        "rules": ["/rules"],
        "rule": ["/rules/KVM-ABI-005", "/rules/KVM-ABI-011"],
        "feed": ["/feed.atom"],
        "JSON of the list": ["/index.json?state=all"],
        "JSON of a review": [f"/review/{run}.json" for run in runs[:30]],
    }


def one_by_one(place: str, pages: dict[str, list[str]]) -> None:
    connection = HTTPConnection(place)
    for kind, paths in pages.items():
        good = []
        for path in (paths * 60)[: max(60, len(paths))]:
            try:
                good.append(get(connection, path))
            except AssertionError:  # a series with fewer patches
                connection = HTTPConnection(place)
        times = sorted(seconds * 1000 for seconds, _ in good)
        size = statistics.median(len(body) for _, body in good) / 1024
        print(
            f"{kind:<28}{statistics.median(times):7.1f} ms median {times[-1]:7.1f} ms worst"
            f"{size:8.0f} KiB   (at most 100 ms)"
        )


def under_load(server: subprocess.Popen[str], place: str, pages: dict[str, list[str]]) -> None:
    """All kinds of pages by several clients at once."""
    paths = [path for some in pages.values() for path in some[:20] if "/patch/" not in path]
    end = time.monotonic() + SECONDS
    times: list[float] = []

    def client(offset: int) -> None:
        connection = HTTPConnection(place)
        number = offset
        while time.monotonic() < end:
            times.append(get(connection, paths[number % len(paths)])[0])
            number += 7

    before = processor(server.pid)
    clients = [threading.Thread(target=client, args=(one * 11,)) for one in range(CLIENTS)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    spent = processor(server.pid) - before
    worst = sorted(times)[int(len(times) * 0.99)] * 1000
    print(
        f"{CLIENTS} clients, all kinds        {len(times) / SECONDS:7.0f} a second on one core"
        f" ({len(times) / spent:.0f} a second of processor), 99 % within {worst:.0f} ms   (at least 50)"
    )


def processor(pid: int) -> float:
    """Seconds of processor a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def exported(reviewbot: Path, scratch: Path) -> None:
    fill(scratch / "small" / "state", 500)
    for word in ("first", "again"):
        begin = time.monotonic()
        subprocess.run(
            [reviewbot, "-q", "export", scratch / "site"], env=homes(scratch, "small"), check=True
        )
        print(f"export of 500 series, {word:<6}{time.monotonic() - begin:7.1f} s   (at most 20 s)")
    files = sum(1 for one in (scratch / "site").rglob("*") if one.is_file())
    print(f"{'files':<28}{files:7}")


def main() -> None:
    """Measure and print."""
    reviewbot, scratch = (Path(word).absolute() for word in sys.argv[1:3])
    fill(scratch / "large" / "state", 2000)
    more = fill_large(scratch / "large" / "state")
    home = homes(scratch, "large")
    for word in ("first", "again"):
        server, place, took = started(reviewbot, home)
        print(f"start with 2,000 series, {word:<6}{took:5.1f} s", flush=True)
        if word == "again":
            pages = pages_of(place)
            one_by_one(place, pages | more)
            under_load(server, place, pages)
        server.terminate()
        server.wait(20)
    exported(reviewbot, scratch)


if __name__ == "__main__":
    main()
