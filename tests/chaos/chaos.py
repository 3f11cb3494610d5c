# SPDX-License-Identifier: GPL-2.0-only
"""Everything goes wrong, over and over, while a list is watched, reviewed and answered.  Then: is it all there?

chaos.py [--kills N] [--seed N] [--database sqlite|postgresql] [--keep]; prints what was done and found.

The seed decides what is broken in which order; how far the processes are then is the machine's business.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiosmtpd.controller import Controller

TESTS = Path(__file__).resolve().parent.parent
sys.path += [str(TESTS), str(TESTS / "engine"), str(TESTS / "report")]

import epochs  # noqa: E402
import mails  # noqa: E402
from farm import Farm  # noqa: E402
from mail_servers import free_port  # noqa: E402
from outside import Post, archive, mail_server  # noqa: E402
from postgres import Server, server  # noqa: E402
from verdict import Complaints, open_ends, verdict  # noqa: E402

DISK_MIB = 48
SETTLE_SECONDS = 240.0
_OWN_MOUNTS = "REVIEWBOT_CHAOS_OWN_MOUNTS"
_DAY = 86400.0


def posted(chance: random.Random, count: int) -> list[list[bytes]]:
    """What comes over the list, in the lots in which it comes; every third series has a second revision."""
    found: list[bytes] = []
    for number in range(count):
        title = f"KVM: x86: thing {number}"
        total = chance.randint(1, 3)
        old = f"20260301{number:06}.1"
        found += mails.series(total, stamp=old, title=title)
        if number % 3 == 0:
            new = f"20260302{number:06}.1"
            parent = f"{old}-1-ann@kernel.example"
            found += mails.series(
                total, tag="PATCH v2", stamp=new, title=title, parent=parent, start=90
            )
    unlike = [raw.replace(b"step", b"step %d of" % place) for place, raw in enumerate(found)]
    lots: list[list[bytes]] = []
    while unlike:
        size = chance.randint(1, 8)
        lots.append(unlike[:size])
        unlike = unlike[size:]
    return lots


class Chaos:
    """What can be broken.  ``done`` counts it."""

    def __init__(self, farm: Farm, chance: random.Random, database: Server | None) -> None:
        self.farm = farm
        self.chance = chance
        self.database = database
        self.post = Post(random.Random(chance.random()))  # noqa: S311 - no secret
        self.mail_port = free_port()
        self.mail: Controller | None = mail_server(self.post, self.mail_port)
        self.archive = archive(self.post)
        self.done: Counter[str] = Counter()
        self.faults: dict[Callable[[], None], int] = {
            self.kill: 80,
            self.pause: 4,
            self.turn_clock: 5,
            self.close_mail_server: 3,
            self.restart_database if database else self.lock_database: 4,
        }
        if (farm.place / "disk").is_mount():
            self.faults[self.fill_disk] = 4

    def strike(self) -> None:
        """Break one thing."""
        (fault,) = self.chance.choices([*self.faults], weights=[*self.faults.values()])
        self.done[fault.__name__.replace("_", " ")] += 1
        fault()

    def kill(self) -> None:
        self.farm.kill(self.chance.choice(self.farm.roles))

    def pause(self) -> None:
        self.farm.pause(self.chance.choice(self.farm.roles), self.chance.uniform(0.5, 2))

    def turn_clock(self) -> None:
        """Set wrong for a while; what was written then stays written."""
        self.farm.set_clock(self.chance.choice([-_DAY, -600, 600, _DAY]))
        time.sleep(self.chance.uniform(0.5, 3))
        self.farm.set_clock(0)

    def close_mail_server(self) -> None:
        if self.mail:
            self.mail.stop()
        time.sleep(self.chance.uniform(0.5, 2))
        self.mail = mail_server(self.post, self.mail_port)

    def restart_database(self) -> None:
        assert self.database
        self.database.stop()
        time.sleep(self.chance.uniform(0.2, 1.5))
        self.database.start()

    def lock_database(self) -> None:
        """As a backup that takes its time does."""
        place = self.farm.state / "engine.sqlite"
        if not place.exists():
            return
        holder = sqlite3.connect(place, timeout=5, isolation_level=None)
        with contextlib.suppress(sqlite3.Error):
            holder.execute("BEGIN EXCLUSIVE")
            time.sleep(self.chance.uniform(0.5, 3))
            holder.execute("ROLLBACK")
        holder.close()

    def fill_disk(self) -> None:
        ballast = self.farm.place / "disk/ballast"
        with contextlib.suppress(OSError), ballast.open("wb") as stream:
            while True:
                stream.write(bytes(1 << 16))
                stream.flush()
        time.sleep(self.chance.uniform(0.5, 2))
        ballast.unlink()

    def calm(self) -> None:
        """Nothing breaks any more.  The clock stays beyond anything that was ever written down."""
        self.farm.set_clock(2 * _DAY)
        self.post.calm = True

    def close(self) -> None:
        if self.mail:
            self.mail.stop()
        self.archive.shutdown()
        self.archive.server_close()


@contextlib.contextmanager
def _database(kind: str) -> Iterator[Server | None]:
    if kind == "sqlite":
        yield None
        return
    with server() as running:
        yield running


def run(kind: str, seed: int, kills: int, place: Path) -> tuple[dict[str, object], Complaints]:
    """One whole storm, and the calm after it."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    began = time.monotonic()
    _mount(place / "disk")
    with _database(kind) as database, contextlib.ExitStack() as stack:
        address = database.database("chaos") if database else ""
        configured = address.replace("+psycopg", "")
        file = f"sqlite:///{place / 'disk/state/reviewbot/engine.sqlite'}"
        farm = Farm(place, address or file, workers=3 if database else 2)
        stack.callback(farm.end)
        chaos = Chaos(farm, chance, database)
        stack.callback(chaos.close)
        farm.configure(
            mail_port=chaos.mail_port,
            archive_port=chaos.archive.server_address[1],
            database=configured,
        )
        lots = posted(chance, max(6, kills // 4))
        farm.expected = sum(len(lot) for lot in lots)
        _storm(chaos, lots, kills)
        chaos.calm()
        open_end = _settle(farm)
        farm.end()
        complaints = verdict(farm, chaos.post, lots)
        if open_end:
            complaints.append(f"after {SETTLE_SECONDS:.0f} s of calm: {open_end}")
        facts = {
            "database": kind,
            "seed": seed,
            "seconds": round(time.monotonic() - began),
            "kill -9": dict(farm.kills),
            "killed at the age of more than 2 s": sum(age > 2 for age in farm.ages),
            "other faults": {name: many for name, many in chaos.done.items() if name != "kill"},
            "disk full": "tried" if chaos.fill_disk in chaos.faults else "not tried: needs root",
            "ended by themselves": dict(farm.ends),
            "mail server": dict(chaos.post.moods),
            **complaints.facts,
        }
    return facts, complaints


def _storm(chaos: Chaos, lots: list[list[bytes]], kills: int) -> None:
    """Kill ``kills`` processes, break other things in between, and deliver the mails meanwhile."""
    farm, waiting = chaos.farm, list(lots)
    inbox = farm.place / "archive/git/0.git"
    inbox.parent.mkdir(parents=True)
    epochs.make(inbox, [("m", raw) for raw in waiting.pop(0)])
    over = threading.Event()

    def keep_running() -> None:
        while not over.wait(0.1):
            farm.restart_ended()

    farm.restart_ended()
    time.sleep(4)
    keeper = threading.Thread(target=keep_running)
    keeper.start()
    try:
        while farm.kills.total() < kills:
            time.sleep(chaos.chance.uniform(0.05, 1.6))
            due = len(lots) * (1 - farm.kills.total() / (0.85 * kills))
            if waiting and len(waiting) > due:
                epochs.make(inbox, [("m", raw) for raw in waiting.pop(0)])
            chaos.strike()
    finally:
        over.set()
        keeper.join()
    for lot in waiting:
        epochs.make(inbox, [("m", raw) for raw in lot])


def _settle(farm: Farm) -> str:
    """Wait until there is nothing left to do; what is left after too long, one line."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        for _ in range(10):
            farm.restart_ended()
            time.sleep(0.1)
        if not (left := open_ends(farm)) or time.monotonic() > deadline:
            return left


def _mount(place: Path) -> None:
    """A small disk of our own, where that is allowed."""
    place.mkdir(parents=True)
    if os.environ.get(_OWN_MOUNTS):
        size = f"size={DISK_MIB}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "chaos", str(place)], check=True)


def main() -> int:
    """Run it; 0 when all is there once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--keep", action="store_true", help="leave logs and files where they are")
    wanted = parser.parse_args()
    if os.geteuid() == 0 and not os.environ.get(_OWN_MOUNTS):
        # Mounts of our own go with us, however we end.
        os.environ[_OWN_MOUNTS] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])  # noqa: S606
    print(f"chaos: --database {wanted.database} --kills {wanted.kills} --seed {wanted.seed}", flush=True)  # fmt: skip
    place = Path(tempfile.mkdtemp(prefix="reviewbot-chaos-"))
    try:
        facts, complaints = run(wanted.database, wanted.seed, wanted.kills, place)
    finally:
        if wanted.keep:
            shutil.copytree(place, f"{place}.kept", ignore=shutil.ignore_patterns("ballast"))
            print(f"kept in {place}.kept")
        if os.environ.get(_OWN_MOUNTS):
            subprocess.run(["umount", str(place / "disk")], check=False)
        shutil.rmtree(place, ignore_errors=True)
    print(json.dumps(facts, indent=1))
    for complaint in complaints:
        print(f"WRONG: {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
