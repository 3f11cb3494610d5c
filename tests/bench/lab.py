# SPDX-License-Identifier: GPL-2.0-only
"""The lab beside what people do by hand, each as a ratio (``make bench-lab``).

Nothing here passes or fails.  The series has ten patches that no earlier run has built, three of which change a header
that all of KVM includes ("typical", see review.SERIES for why), or eight ("worst"); the base is warm for
the lab and, where that is fair, for the work by hand as well:

 a. one clean build of the lab's own configuration and of the same selftests, and one run of them in a guest;
 b. git am and make for each patch on a tree that is already built, then the same tests under virtme-ng;
 c. from the start of the guest to the first line of a test, its modules loaded, in the lab and under virtme-ng, on
    one bzImage.

virtme-ng cannot boot the lab's kernel, which has no network and no 9P: the kernel of b and c has what is in
VIRTME besides, in the lab as well.  The tip's other configurations are built beside the patches, so that what
they take is measured with a second series, for which they are not asked for.

usage: lab.py REVIEWBOT VNG TREE EXAMPLE.mbox SCRATCH SERIES
"""

import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from review import SERIES, blob, clean_build, git, make_in, review, split, ten_patches

from reviewbot.cli.environment import tools_for
from reviewbot.model.build import Image
from reviewbot.model.codec import from_json, to_json
from reviewbot.model.config import Config
from reviewbot.model.guest import Host
from reviewbot.model.test import TestBinary
from reviewbot.tools import profile, testbed
from reviewbot.tools.context import Tools
from reviewbot.tools.testbed import Kernel

VIRTME = (
    *("NET", "INET", "UNIX", "NETWORK_FILESYSTEMS", "NET_9P", "NET_9P_VIRTIO", "9P_FS"),
    *("OVERLAY_FS", "UNIX98_PTYS", "INOTIFY_USER", "FILE_LOCKING", "BLOCK", "VIRTIO_MMIO"),
)
"""Of virtme/commands/configkernel.py what it takes to boot with --force-9p."""
FIRST = "reviewbot-first-line"
LIMIT = 120.0
_MODULES = ("virt/lib/irqbypass.ko", "arch/x86/kvm/kvm.ko", "arch/x86/kvm/kvm-amd.ko")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What both sides share."""

    clone: Path
    objects: Path
    scratch: Path
    vng: Path
    host: Host
    tests: tuple[str, ...]

    @property
    def programs(self) -> Path:
        """Where the selftests are built."""
        return self.scratch / "selftests"


def build_tests(bench: Bench) -> float:
    """Seconds to build the tests (static, as the lab's) in whatever state the directory is in.

    A test that the checked-out commit does not have yet is left out.
    """
    bench.programs.mkdir(exist_ok=True)
    directory = bench.clone / "tools/testing/selftests/kvm"
    there = [name for name in bench.tests if (directory / f"{name}.c").exists()]
    began = time.monotonic()
    subprocess.run([*make_in(bench.clone, bench.objects), "headers_install"], check=True)
    words = [
        *("make", "-s", f"-j{os.cpu_count()}", "-C", str(directory), "CC=gcc -static"),
        *(f"OUTPUT={bench.programs}", f"KHDR_INCLUDES=-isystem {bench.objects}/usr/include"),
        *(f"{bench.programs}/{test}" for test in there),
    ]
    log = bench.scratch / "selftests.log"
    with log.open("ab") as output:
        subprocess.run(words, check=True, stdout=output, stderr=output)
    return time.monotonic() - began


def kernel(bench: Bench, tools: Tools) -> Kernel:
    """What lies in the object directory, as the lab takes it."""
    modules = tuple(
        (path, tools.cache.put_file(bench.objects / path))
        for path in _MODULES
        if (bench.objects / path).exists()
    )
    image = Image(
        commit="bench",
        kernel=tools.cache.put_file(bench.objects / "arch/x86/boot/bzImage"),
        modules=modules,
        config=tools.cache.put_file(bench.objects / ".config"),
    )
    return Kernel(image=image, profile=profile.load("kvm"), host=bench.host)


def guest_seconds(bench: Bench, tools: Tools) -> float:
    """Boot a guest of the lab's with all tests that are built, to its end; nothing is taken from the cache."""
    binaries = [
        TestBinary(name=name, digest=tools.cache.put_file(bench.programs / name), limit=LIMIT)
        for name in bench.tests
        if (bench.programs / name).exists()
    ]
    began = time.monotonic()
    ran = testbed.run(tools, kernel(bench, tools), binaries, repeat=1)
    print("  lab's guest:", ", ".join(f"{r.name} {r.status.value}" for r in ran.results))
    return time.monotonic() - began


def first_line(bench: Bench, tools: Tools) -> float:
    """Seconds from the call that starts a guest until its first test starts, its modules loaded."""
    name = next(name for name in bench.tests if (bench.programs / name).exists())
    binary = TestBinary(name=name, digest=tools.cache.put_file(bench.programs / name), limit=LIMIT)
    seen: list[float] = []
    # As a base: what the lab remembers of those is part of how it starts guests.
    prepared = replace(kernel(bench, tools), tree="bench")
    began = time.monotonic()
    life = testbed.boot(
        tools, prepared, [binary], on_test=lambda _test: seen.append(time.monotonic() - began)
    )
    if not seen:
        raise SystemExit(f"the lab's guest ended: {life.boot.outcome}, {life.boot.last_lines}")
    return seen[0]


def virtme(bench: Bench, script: str) -> tuple[float, float, str]:
    """Run a script under virtme-ng: seconds to the line FIRST, to the end, and what was printed."""
    place = bench.scratch / "run.sh"
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)
    bench.scratch.chmod(0o755)
    argv = [
        *(
            bench.vng,
            "--run",
            bench.objects / "arch/x86/boot/bzImage",
            "--disable-kvm",
            "--force-9p",
        ),
        # Without udev it has no port for what a script prints: the console then, on which the kernel is not quiet, nor
        # is it in the lab's guest.
        *("--verbose", "--user", "root", "--cpus", "2", "--memory", "2G"),
        *(f"--qemu-opts=-cpu {bench.host.cpu_model}", "--exec", shlex.quote(str(place))),
    ]
    began = time.monotonic()
    first, said = 0.0, []
    with subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        # It looks for its own programs there.
        env={**os.environ, "PATH": f"{bench.vng.parent}:{os.environ['PATH']}"},
    ) as child:
        assert child.stdout
        for line in child.stdout:
            if FIRST in line and not first:
                first = time.monotonic() - began
            said.append(line)
    text = "".join(said)
    if not first:
        raise SystemExit(f"virtme-ng did not run the script:\n{text[-3000:]}")
    return first, time.monotonic() - began, text


def loads(bench: Bench) -> list[str]:
    """Shell commands that load the modules."""
    return [
        f"insmod {bench.objects / path} {'nested=1' if path.endswith('amd.ko') else ''}"
        for path in _MODULES
        if (bench.objects / path).exists()
    ]


def virtme_tests(bench: Bench) -> float:
    """The same tests, one after the other, under virtme-ng."""
    runs = [
        f"timeout {LIMIT:.0f} {bench.programs / name} >/dev/null 2>&1; echo {name} exit $?"
        for name in bench.tests
    ]
    _, seconds, text = virtme(bench, "\n".join([f"echo {FIRST}", *loads(bench), *runs]))
    print("  virtme-ng:", ", ".join(line for line in text.splitlines() if " exit " in line))
    return seconds


def by_hand(bench: Bench, mbox: Path) -> tuple[float, list[float]]:
    """git am and make, patch by patch, then the selftests: seconds of all, and of each patch."""
    each = []
    for patch in split(bench.clone, mbox, bench.scratch / "by-hand"):
        began = time.monotonic()
        git(bench.clone, "am", "-q", "-3", str(patch))
        subprocess.run([*make_in(bench.clone, bench.objects), "bzImage", "modules"], check=True)
        each.append(time.monotonic() - began)
    return sum(each) + build_tests(bench), each


def add_virtme_options(bench: Bench) -> None:
    """Make the kernel one that virtme-ng can boot."""
    script = bench.clone / "scripts/config"
    words = [word for name in VIRTME for word in ("-e", name)]
    config = bench.objects / ".config"
    subprocess.run([script, "--file", config, *words], check=True)
    make = make_in(bench.clone, bench.objects)
    subprocess.run([*make, "olddefconfig"], check=True)
    lines = config.read_text().splitlines()
    if missing := [name for name in VIRTME if f"CONFIG_{name}=y" not in lines]:
        raise SystemExit(f"did not take effect: {missing}")
    subprocess.run([*make, "bzImage", "modules"], check=True)


def say(name: str, value: float, unit: str = "s") -> None:
    """One line of the table, as soon as it is known."""
    print(f"{name:<56}{value:8.{1 if unit == 's' else 2}f} {unit}", flush=True)


def measure_lab(
    reviewbot: Path, mbox: Path, tree: Path, config: Path | None = None
) -> tuple[float, dict]:
    """Seconds of the whole lab, and the report."""
    lab, run = review(reviewbot, mbox, tree, config=config)
    others = len(run["build"]["variants"])
    what = f"10 patches, {others} other configurations, {len(run['tests']['deltas'])} selftests"
    say(f"the lab: {what}", lab.seconds)
    for spent in run["times"]:
        say(f"    {spent['stage']}", spent["seconds"])
    each = " ".join(f"{patch['seconds']:.0f}" for patch in run["build"]["patches"])
    print(f"    patch by patch: {each}", flush=True)
    return lab.seconds, run


def ratio(name: str, labs: tuple[float, float], whole: float, goal: float) -> None:
    """The lab as a part of ``whole``, with what only the lab builds and without."""
    lab, alone = labs
    say(f"{name} the lab takes of it (goal {goal:.2f})", lab / whole, "")
    say(f"{name} without the other configurations", alone / whole, "")


def main() -> None:
    """Measure everything and print one table."""
    reviewbot, vng, tree, example, scratch = (Path(word).absolute() for word in sys.argv[1:6])
    series = sys.argv[6]
    if series not in SERIES:
        raise SystemExit(f"SERIES is {' or '.join(SERIES)}, not {series!r}")
    mbox, clone = ten_patches(tree, example, scratch, series)
    second, _ = ten_patches(tree, example, scratch / "second", series)
    alone = scratch / "alone.toml"
    alone.write_text("[lab]\nvariants = false\n")
    print(f"the {series} series, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print("warming: one review of the shipped example (builds the base if needed)", flush=True)
    review(reviewbot, example, tree)
    lab, run = measure_lab(reviewbot, mbox, tree)
    labs = (lab, measure_lab(reviewbot, second, tree, alone)[0])
    bench = Bench(
        clone=clone,
        objects=scratch / "objects",
        scratch=scratch,
        vng=vng,
        host=from_json(to_json(run["tests"]["host"]), Host),
        tests=tuple(delta["test"]["name"] for delta in run["tests"]["deltas"]),
    )
    with tools_for(Config(), quiet=True) as tools:
        config = blob(run["build"]["base_image"]["config"]).read_bytes()
        clean = clean_build(clone, config, scratch)
        say("a. clean build, the same configuration", clean)
        clean_tests = build_tests(bench)
        say("a. clean build of the selftests", clean_tests)
        cold = guest_seconds(bench, tools)
        say("a. a guest that runs them", cold)
        ratio("a.", labs, clean + clean_tests + cold, 1 / 5)
        add_virtme_options(bench)
        hand, each = by_hand(bench, mbox)
        say("b. git am and make: " + " ".join(f"{seconds:.0f}" for seconds in each), sum(each))
        say("b. the selftests that changed", hand - sum(each))
        hand_tests = virtme_tests(bench)
        say("b. the same tests under virtme-ng", hand_tests)
        ratio("b.", labs, hand + hand_tests, 1 / 3)
        ours = sorted(first_line(bench, tools) for _ in range(3))[1]
        script = "\n".join([*loads(bench), f"echo {FIRST}"])
        theirs = sorted(virtme(bench, script)[0] for _ in range(3))[1]
    say("c. first line of a test, the lab, median of 3", ours)
    say("c. first line, virtme-ng, median of 3", theirs)
    say("c. the lab takes of it (goal 0.33)", ours / theirs, "")


if __name__ == "__main__":
    main()
