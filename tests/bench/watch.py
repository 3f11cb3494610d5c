# SPDX-License-Identifier: GPL-2.0-only
"""Replay an epoch through ``reviewbot bot --once`` and print what it found (``make bench-watch``).

Beside the bot's count stands one by a crude script of its own, which shares no code with it: it counts
(title, version, sender) over the subjects of mails that are no replies.

usage: watch.py REVIEWBOT SCRATCH    (the epoch is SCRATCH/0.git)
"""

import email
import email.header
import os
import random
import re
import resource
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

from review import measure

from reviewbot.engine.lists import followed
from reviewbot.engine.watch import FollowedList, Watcher
from reviewbot.model.watch import Arrival, Batch, WatchState
from reviewbot.parse.gather import Following
from reviewbot.tools import epoch, settings
from reviewbot.tools.ledger import Ledger

LIST = "kvm@vger.kernel.org"
PREFIX = re.compile(r"^\s*\[([^\]]*)\]((?:\s*\[[^\]]*\])*)\s*")
WANTED = {"mails a second": (2000, "at least"), "MiB at most": (250, "at most")}


def look(scratch: Path) -> None:
    """What the bot does before it queues reviews: read the list into a ledger."""
    config = settings.load(scratch / "config.toml")
    ledger = Ledger(scratch / "ledger.sqlite")
    polled = Watcher(ledger, followed(config, scratch)).poll()
    print(polled.mails)


def measured(argv: list[str | Path]) -> tuple[float, float, float, str]:
    """Seconds, seconds of processor, MiB and output of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = measure(["sh", "-c", 'exec "$@" 2> "$0"', os.devnull, *argv])
    if done.returncode:
        sys.exit(f"bench-watch: {argv[0]} ended with {done.returncode}: {done.stdout[-500:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.seconds, spent, done.peak_mib, done.stdout


def home_of(scratch: Path) -> Path:
    """Settings that follow the epoch, in a home of their own; returns the settings file."""
    (scratch / "home").mkdir()
    config = scratch / "config.toml"
    config.write_text(
        f'[lists."{LIST}"]\nfollow = "git"\npath = "{scratch}"\nbacklog_days = 0\n',
        encoding="utf-8",
    )
    os.environ.update(HOME=str(scratch / "home"))
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        os.environ.pop(name, None)
    return config


def crude(scratch: Path) -> tuple[set[tuple[str, int]], int]:
    """(sender, version) of covers and lone patches by title, by git and the standard library only."""
    commits = subprocess.run(
        ["git", "-C", scratch / "0.git", "log", "--format=%H:m"], check=True, capture_output=True
    ).stdout
    stream = subprocess.run(
        ["git", "-C", scratch / "0.git", "cat-file", "--batch"],
        input=commits,
        check=True,
        capture_output=True,
    ).stdout
    heads: set[tuple[str, int]] = set()
    total = at = 0
    while at < len(stream):
        end = stream.index(b"\n", at)
        size = int(stream[at:end].split()[2])
        raw = stream[end + 1 : end + 1 + size]
        at = end + size + 2
        total += 1
        message = email.message_from_bytes(raw)
        pairs = email.header.decode_header(str(message["subject"] or ""))
        subject = "".join(
            part if isinstance(part, str) else part.decode(code or "latin-1", "replace")
            for part, code in pairs
        )
        subject = " ".join(subject.split())
        match = PREFIX.match(subject)
        words = match[1] + match[2] if match else ""
        if not match or not re.search(r"PATCH|\d/\d", words):
            continue
        number = re.search(r"(\d+)/(\d+)", words)
        version = re.search(r"(?:\b|PATCH)v(\d+)", words, re.IGNORECASE)
        is_patch = re.search(rb"^(?:diff --git |\+\+\+ b/)", raw, re.MULTILINE) or (
            b"base64" in raw[:8000].lower()
        )
        head = int(number[1]) == 0 if number else bool(is_patch)
        if head:
            heads.add((subject[match.end() :].lower(), int(version[1]) if version else 1))
    return heads, total


def shuffled(scratch: Path, seed: int) -> dict[str, object]:
    """The series when the same mails come in another order and in random portions; 0 is as they are."""
    arrivals = [
        Arrival(raw=one.raw, received=one.received, origin=one.commit)
        for one in epoch.read(scratch / "0.git")
    ]
    chance = random.Random(seed)  # noqa: S311 - no secret
    if seed:
        chance.shuffle(arrivals)
    ledger = Ledger(":memory:")
    watcher = Watcher(ledger, {LIST: FollowedList(source=None, following=Following())})  # type: ignore[arg-type]
    at = 0
    while at < len(arrivals):
        count = chance.choice((1, 3, 20, 100, 400)) if seed else 400
        watcher.record(LIST, Batch(arrivals=tuple(arrivals[at : at + count]), cursor=str(at)))
        at += count
    watcher.settle()
    return {one.message_id: one for one in ledger.series()}


def main() -> None:
    """Print it all."""
    if sys.argv[1] == "--look":
        look(Path(sys.argv[2]))
        return
    reviewbot, scratch = (Path(argument).absolute() for argument in sys.argv[1:3])
    config = home_of(scratch)
    seconds, spent, peak, said = measured([sys.executable, __file__, "--look", scratch])
    mails = int(said)
    database = scratch / "ledger.sqlite"
    values = {"mails": mails, "seconds, from the start of Python": seconds, "mails a second": mails / seconds,
              "mails a second of processor time": mails / spent, "MiB at most": peak,
              "MiB of database": database.stat().st_size / (1 << 20)}  # fmt: skip
    for what, value in values.items():
        wanted, which = WANTED.get(what, (None, ""))
        print(f"{value:10.1f} {what}" + (f" ({which} {wanted} wanted)" if wanted else ""))
    ledger = Ledger(database)
    for state, count in Counter(str(one.state) for one in ledger.series()).most_common():
        print(f"{count:10} series {state}")
    skipped = [one.skipped for one in ledger.series() if one.state is WatchState.SKIPPED]
    for reason, count in Counter(str(one.reason) for one in skipped if one).most_common():
        print(f"{count:10} skipped: {reason}")
    print(f"{sum(ledger.refused().values()):10} mails not read")
    seconds, _, peak, _ = measured([reviewbot, "--config", config, "bot", "--once"])
    print(
        f"{seconds:10.1f} seconds of 'reviewbot bot --once', which also queues all reviews; {peak:.0f} MiB"
    )
    series = [one for one in ledger.series() if one.state is not WatchState.SKIPPED]
    heads, total = crude(scratch)
    ours = {(one.subject.lower(), one.revision) for one in series}
    every = {(one.subject.lower(), one.revision) for one in ledger.series()}
    print(f"\n{total} mails in the epoch, {ledger.count_mails()} Message-IDs")
    print(f"{len(series)} series that are not skipped, {len(ours)} by (title, version)")
    print(f"{len(heads)} by subjects alone (covers and lone patches)")
    for name, some in (
        ("only by subjects", heads - every),
        ("only by the bot (no cover there)", ours - heads),
    ):
        print(f"{len(some):5} {name}")
        for title, version in sorted(some)[:40]:
            print(f"        v{version} {title[:90]}")
    doubled = [key for key, count in Counter(one.mails for one in series).items() if count > 1]
    print(f"{len(doubled):5} series found twice")
    order = [one for one in series if [each.number for each in one.patches] != sorted({each.number for each in one.patches})]  # fmt: skip
    print(f"{len(order):5} series with patches out of order")
    expected = shuffled(scratch, 0)
    for seed in (1, 2):
        other = shuffled(scratch, seed)
        same = other == expected
        print(
            f"shuffled and in random portions, seed {seed}: {'the same' if same else 'ANOTHER'} set"
        )
    with sqlite3.connect(database) as check:
        print("integrity of the database:", check.execute("PRAGMA integrity_check").fetchone()[0])


if __name__ == "__main__":
    main()
