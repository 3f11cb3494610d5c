# SPDX-License-Identifier: GPL-2.0-only
"""Kill reviews that build, boot and test at random moments.  Does anything stay behind, and is the answer right?

lab.py [--kills N] [--seed N] [--tree TREE] [--runs N] [--series MBOX]; prints what was done and found.

The series is one patch that nothing has built before, a new one each time a review of it came to its end.  After each
kill -9 nothing of it may run or be mounted.  The next review goes on where the last one was killed; when
one comes to its end, its answer must be the right one, and the cache hold nothing half-written.

With --runs a series is reviewed so many times instead, its builds taken from the cache, its tests run again, and the
verdicts are compared.

The cache is one of its own that shares (by hard links) the layers which the usual one has.
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from kernel_history import never_built

SETTINGS = "[lab]\nvariants = false\n"
FEW_TESTS = "max_tests = 2\n"
SECONDS = 900.0
GRACE = 10.0
UNDECIDED = ("same", "flaky", "not confirmed")
"""Words for what is not held against a series: under emulation a test may fail once in a hundred runs."""
_SHARED = ("layers", "blobs", "results/accelerator", "results/build", "results/image")


def user_cache() -> Path:
    """What 'reviewbot' uses when nobody says otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "reviewbot"


@dataclass
class Bench:
    """A place with a cache, a state directory, settings and a repository of its own."""

    place: Path
    tree: Path
    finished: int = 0
    said: list[str] = field(default_factory=list)

    @property
    def cache(self) -> Path:
        """Our own cache."""
        return self.place / "cache/reviewbot"

    @property
    def topic(self) -> Path:
        """The repository whose branch "topic" is reviewed."""
        return self.place / "linux.git"

    def prepare(self, settings: str) -> None:
        """Links to the layers that are there, settings, and the repository."""
        for name in _SHARED:
            source, target = user_cache() / name, self.cache / name
            if source.is_dir():
                target.parent.mkdir(parents=True, exist_ok=True)
                subprocess.run(["cp", "-al", source, target], check=True)
        for left in self.cache.rglob(".part-*"):
            left.unlink()
        for left in self.cache.glob("layers/*.part"):
            shutil.rmtree(left)
        (self.place / "settings.toml").write_text(settings)
        command = ["git", "clone", "-q", "--bare", "--shared", self.tree, self.topic]
        subprocess.run(command, check=True)

    def new_series(self) -> None:
        """Make the tip of the branch a commit that was never built."""
        never_built(self.topic)

    def start(self, *series: str) -> subprocess.Popen[str]:
        """A review, by default of the branch."""
        what = series or ("--range", "HEAD..topic")
        argv = [sys.executable, "-m", "reviewbot", "--quiet", "review", *what]
        return subprocess.Popen(
            [*argv, "--tree", str(self.topic), "--format", "json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                **os.environ,
                "XDG_CACHE_HOME": str(self.place / "cache"),
                "XDG_STATE_HOME": str(self.place / "state"),
                "REVIEWBOT_CONFIG": str(self.place / "settings.toml"),
            },
        )

    def finish(self, *series: str) -> dict[str, object]:
        """A review that nobody kills; what it says, without what depends on the commit."""
        text, _ = self.start(*series).communicate(timeout=SECONDS)
        self.finished += 1
        return answer(text)

    def alive(self) -> list[str]:
        """Processes that have our place in their command line or see a mount of it."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                line = (
                    (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
                seen = line + (entry / "mountinfo").read_text()
            except OSError:  # it has just gone
                continue
            if str(self.place) in seen and int(entry.name) != os.getpid():
                found.append(f"{entry.name} {line[:150]}")
        return found

    def left_behind(self) -> list[str]:
        """What runs or is mounted although nothing should, after a moment of grace."""
        deadline = time.monotonic() + GRACE
        while True:
            mounts = Path("/proc/self/mountinfo").read_text().splitlines()
            found = self.alive() + [line for line in mounts if str(self.place) in line]
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def litter(self) -> list[str]:
        """What is in the cache and should not be, when a review came to its end."""
        patterns = ("**/.part-*", "layers/*.part", "layers/*.gone", "scratch/*")
        found = [str(place) for pattern in patterns for place in self.cache.glob(pattern)]
        found = [place for place in found if not place.endswith("/.sweep")]
        found += [f"broken: {place}" for place in self.broken()]
        command = ["git", "-C", self.topic, "worktree", "list", "--porcelain"]
        listed = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True
        ).stdout.count("worktree ")
        return found + ([f"{listed} worktrees"] if listed != 1 else [])

    def broken(self) -> list[Path]:
        """Entries that are not what their names say."""
        found = []
        for place in self.cache.glob("blobs/*/*"):
            digest = hashlib.sha256(place.read_bytes()).hexdigest()
            if place.parent.name + place.name != digest:
                found.append(place)
        for place in self.cache.glob("results/*/*/*.json"):
            try:
                json.loads(place.read_bytes())
            except ValueError:
                found.append(place)
        return found


def answer(text: str) -> dict[str, object]:
    """Of a report what must be the same each time: verdict, findings, builds, tests."""
    run = json.loads(text)
    build, tests = run["build"], run["tests"]
    return {
        "verdict": run["verdict"]["kind"],
        "findings": sorted((f["patch"], f["code"]) for f in run["check"]["findings"]),
        "builds": [patch["status"] for patch in build["patches"]] if build else None,
        "tests": {d["test"]["name"]: d["change"] for d in tests["deltas"]} if tests else None,
        "crashes": len(run["new_crashes"]),
        "failures": run["failures"],
    }


def control_groups() -> set[str]:
    """Those of sandboxes that belong to nobody any more: nobody holds their lock."""
    found = set()
    for directory, _, _ in os.walk("/sys/fs/cgroup"):
        if Path(directory).name.startswith("reviewbot-sandbox-"):
            with contextlib.suppress(OSError):
                handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    found.add(directory)
                finally:
                    os.close(handle)
    return found


def kill_at_random(bench: Bench, kills: int, chance: random.Random) -> list[str]:
    """Do it; complaints, none when all is well."""
    complaints = []
    bench.new_series()
    if not (user_cache() / "layers").is_dir():
        bench.finish()  # builds the base
        bench.new_series()
    began = time.monotonic()
    right = bench.finish()
    whole = time.monotonic() - began
    print(f"an undisturbed review takes {whole:.1f} s and says {right}", flush=True)
    bench.new_series()
    done: Counter[str] = Counter()
    while done["killed"] < kills:
        review = bench.start()
        try:
            text, _ = review.communicate(timeout=chance.uniform(0, whole * 1.1))
        except subprocess.TimeoutExpired:
            review.send_signal(signal.SIGKILL)
            review.communicate()
            done["killed"] += 1
            if left := bench.left_behind():
                complaints.append(f"after kill {done['killed']}: {left[:3]}")
            if done["killed"] % 10 == 0:
                print(f"{dict(done)}; {len(complaints)} complaints", flush=True)
        else:
            done["came to their end between kills"] += 1
            found = answer(text)
            done["of these with a test undecided"] += found["tests"] != right["tests"]
            complaints += check(bench, found, right)
            bench.new_series()
    complaints += check(bench, bench.finish(), right)
    print(f"{dict(done)}, {bench.finished} undisturbed; {len(complaints)} complaints", flush=True)
    return complaints


def check(bench: Bench, found: dict[str, object], right: dict[str, object]) -> list[str]:
    """Complaints about a review that came to its end."""
    complaints = [] if verdict(found) == verdict(right) else [f"said {found}"]
    if litter := bench.litter():
        complaints.append(f"left behind: {litter[:5]}")
    return complaints


def verdict(found: dict[str, object]) -> str:
    """What a reader goes by: all but tests that are called flaky or not confirmed, or are not."""
    tests = found["tests"]
    blamed = (
        {name: change for name, change in tests.items() if change not in UNDECIDED}
        if isinstance(tests, dict)
        else None
    )
    return json.dumps({**found, "tests": blamed}, sort_keys=True)


def same_verdict(bench: Bench, runs: int, series: str) -> list[str]:
    """Review a series so often, with all tests run again; complaints when a verdict differs."""
    first: dict[str, object] = {}
    answers: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    for number in range(runs):
        shutil.rmtree(bench.cache / "results/selftest", ignore_errors=True)
        for history in bench.cache.glob("baselines.sqlite*"):
            history.unlink()
        found = bench.finish(series)
        first = first or found
        answers[json.dumps(found, sort_keys=True)] += 1
        verdicts[verdict(found)] += 1
        if number % 10 == 9:
            print(f"{number + 1} runs, {len(verdicts)} different verdicts", flush=True)
    print(
        f"{runs} runs of {Path(series).name}: {len(verdicts)} different verdicts, "
        f"{len(answers)} with the tests that chance moves; {first}",
        flush=True,
    )
    return [f"{many} times {text}" for text, many in verdicts.items()] if len(verdicts) > 1 else []


def main() -> int:
    """Run it; 0 when there is nothing to complain about."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--runs", type=int, default=0)
    parser.add_argument("--series", default="")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    wanted = parser.parse_args()
    print(f"lab: --kills {wanted.kills} --runs {wanted.runs} --seed {wanted.seed}", flush=True)
    before = control_groups()
    # Beside the usual cache: hard links do not leave a file system.
    user_cache().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="reviewbot-chaos-", dir=user_cache().parent) as place:
        bench = Bench(place=Path(place), tree=wanted.tree.absolute())
        bench.prepare(SETTINGS if wanted.runs else SETTINGS + FEW_TESTS)
        if wanted.runs:
            complaints = same_verdict(bench, wanted.runs, str(Path(wanted.series).absolute()))
        else:
            complaints = kill_at_random(bench, wanted.kills, random.Random(wanted.seed))  # noqa: S311
    if groups := control_groups() - before:
        complaints.append(f"control groups: {sorted(groups)[:3]}")
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
