# SPDX-License-Identifier: GPL-2.0-only
"""Time the rules on series of 10, 22 and 60 patches beside checkpatch.pl (``make bench-rules``).

Nothing here passes or fails.  Cold: no cache of reviewbot at all.  Warm: the base was looked at for
another series.  Cached: the same series again.  Of the check stage alone and of the whole command, start
and all, it prints wall and processor seconds: on a busy machine only the latter can be compared.
Memory is the largest of its processes.

usage: rules.py REVIEWBOT TREE SCRATCH [dense]
"""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import made

LENGTHS = (10, 22, 60)
SLOWEST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One command: wall and processor seconds, the largest process in MiB, its output."""

    seconds: float
    processor: float
    peak_mib: float
    stdout: bytes


def measure(argv: list[str | Path], output: Path, **environment: Path) -> Measured:
    """Run to the end; what wait4 says covers the child and those it waited for itself."""
    started = time.monotonic()
    words = [str(word) for word in argv]
    errors = output.with_suffix(".errors")
    with output.open("wb") as stream, errors.open("wb") as complaints:
        where = [
            (os.POSIX_SPAWN_DUP2, stream.fileno(), 1),
            (os.POSIX_SPAWN_DUP2, complaints.fileno(), 2),
        ]
        variables = os.environ | {name: str(value) for name, value in environment.items()}
        pid = os.posix_spawnp(words[0], words, variables, file_actions=where)
        _, _, usage = os.wait4(pid, 0)
    return Measured(
        seconds=time.monotonic() - started,
        processor=usage.ru_utime + usage.ru_stime,
        peak_mib=usage.ru_maxrss / 1024,
        stdout=output.read_bytes(),
    )


def review(reviewbot: Path, mbox: Path, tree: Path, home: Path) -> tuple[Measured, dict]:
    """One ``reviewbot review --only-rules`` with caches below ``home``, and its report."""
    argv: list[str | Path] = [reviewbot, "--quiet", "review", mbox, "--tree", tree, "--only-rules"]
    measured = measure(
        [*argv, "--format", "json"],
        home / "report.json",
        XDG_CACHE_HOME=home / "cache",
        XDG_STATE_HOME=home / "state",
    )
    if not measured.stdout:
        raise SystemExit((home / "report.errors").read_text())
    return measured, json.loads(measured.stdout)


def row(name: str, measured: Measured, checked: dict, beside: Measured) -> str:
    """One line of the table."""
    return (
        f"  {name:<8}rules{checked['seconds']:6.2f} s{checked['processor']:6.2f} s CPU"
        f"   command{measured.seconds:6.2f} s{measured.processor:6.2f} s CPU{measured.peak_mib:5.0f} MiB"
        f"   {measured.processor / beside.processor:.2f} of checkpatch's CPU"
    )


def main() -> None:
    """Measure and print one table a length."""
    reviewbot, tree, scratch = (Path(word).absolute() for word in sys.argv[1:4])
    dense = sys.argv[4:] == ["dense"]
    repository = made.borrow(tree, scratch / "made.git")
    checkout = made.for_checkpatch(repository, scratch / "checkout")
    for length in LENGTHS:
        first, second = (
            made.series(
                repository,
                scratch / f"{name}-{length}.mbox",
                length=length,
                name=name,
                dense=dense,
            )
            for name in ("first", "second")
        )
        patches = made.split(repository, second, scratch / f"patches-{length}")
        os.chdir(checkout)
        argv: list[str | Path] = ["perl", "scripts/checkpatch.pl", "--strict", "-q", "--no-summary"]
        beside = measure([*argv, *patches], scratch / "checkpatch.out")
        home = scratch / f"home-{length}"
        home.mkdir()
        print(
            f"{length} patches; checkpatch.pl --strict: {beside.seconds:.2f} s, "
            f"{beside.processor:.2f} s CPU",
            flush=True,
        )
        report: dict = {}
        for name, mbox in (("cold", first), ("warm", second), ("cached", second)):
            measured, report = review(reviewbot, mbox, tree, home)
            checked = next(each for each in report["times"] if each["stage"] == "check")
            print(row(name, measured, checked, beside), flush=True)
        outcomes = sorted(report["check"]["outcomes"], key=lambda o: -o["seconds"])
        slow = ", ".join(f"{o['code']} {o['seconds']:.2f} s" for o in outcomes[:SLOWEST])
        print(f"  slowest (warm): {slow}; {len(report['check']['findings'])} findings")
        for outcome in outcomes:
            if outcome["status"] == "could not run":
                print(f"  {outcome['code']} could not run: {outcome['reason']}")


if __name__ == "__main__":
    main()
