# SPDX-License-Identifier: GPL-2.0-only
"""A year of nightly sweeps of ten branches with 120 tests: how large the store gets, how fast the pages are.

Promised are 200 MB and 200 ms a page (median, the server on one core, over HTTP).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

sys.path.append(str(Path(__file__).parents[1] / "nights"))

from year import fill  # lies beside the tests of nights

from reviewbot.model.sweep import Kind
from reviewbot.tools.nights import Nights

MEGABYTES, MILLISECONDS, TIMES = 200, 200, 15


def main(program: str, scratch: Path) -> int:
    home = {"XDG_STATE_HOME": str(scratch), "XDG_CACHE_HOME": str(scratch / "cache"), "HOME": str(scratch)}  # fmt: skip
    place = scratch / "reviewbot" / "nights.sqlite"
    store = Nights(place)
    started = time.perf_counter()
    fill(store)
    took = time.perf_counter() - started
    nights = store.heads("", 100000)
    results = sum(sum(n for n, _ in one.counts.values()) for branch in store.branches() for one in store.totals(branch))  # fmt: skip
    last = store.nights("kvm/queue", 1)[0]
    started = time.perf_counter()
    store.record(last)
    once = time.perf_counter() - started
    started = time.perf_counter()
    known = store.histories("kvm/queue")
    history = time.perf_counter() - started
    assert any(kind is Kind.TEST for kind, _ in known)
    store.close()
    size = sum(one.stat().st_size for one in place.parent.glob("nights.sqlite*")) / 1e6
    print(
        f"store: {len(nights)} nights of 10 branches, {results} results, {size:.0f} MB; filled in {took:.0f} s"
    )
    print(
        f"store: a night is written in {1000 * once:.0f} ms, 90 nights' histories are read in {1000 * history:.0f} ms"
    )
    worst = _pages(program, {**os.environ, **home}, last.id)
    failed = size > MEGABYTES or worst > MILLISECONDS
    print("missed" if failed else "kept", f"what was promised: {MEGABYTES} MB, {MILLISECONDS} ms")
    return int(failed)


def _pages(program: str, environment: dict[str, str], night: str) -> float:
    """Time them; the slowest median, in milliseconds."""
    server = subprocess.Popen(
        ["taskset", "-c", "0", program, "serve", "--listen", "127.0.0.1:0"],
        stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    try:
        assert server.stderr
        line = server.stderr.readline()
        assert "http://" in line, f"the server did not start: {line}"
        place = line.partition("http://")[2].partition("/")[0]
        worst = 0.0
        for path in ("/sweeps", "/sweeps/kvm-queue", "/sweeps/kvm-queue?page=5", f"/sweeps/kvm-queue/{night}",
                     "/sweeps.atom", "/sweeps.json", "/sweeps/kvm-queue.json"):  # fmt: skip
            times, size = zip(*(_get(place, path) for _ in range(TIMES)), strict=True)
            middle = 1000 * median(times)
            worst = max(worst, middle)
            print(
                f"page:  {path:40} {middle:5.0f} ms (at most {1000 * max(times):.0f}), {size[0] / 1000:.0f} kB"
            )
        return worst
    finally:
        server.terminate()
        server.wait(20)


def _get(place: str, path: str) -> tuple[float, int]:
    started = time.perf_counter()
    connection = HTTPConnection(place, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, f"{path}: {answer.status}"
    return time.perf_counter() - started, len(body)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
