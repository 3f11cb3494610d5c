# SPDX-License-Identifier: GPL-2.0-only
"""A failing selftest among sixteen commits: 'reviewbot bisect' beside 'git bisect run', make and virtme-ng.

Nothing here passes or fails.  Both start warm: the base is built, and the bad end's selftest.  The commits are ones
that no earlier run has built; both must name the same.  SCRATCH is used again where it is there, which
saves the clean build of the side by hand.

usage: bisection.py REVIEWBOT VNG TREE SCRATCH
       bisection.py --step VNG SCRATCH CPU       one step of git bisect run
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

from lab import Bench, add_virtme_options, build_tests, say, virtme
from review import make_in, measure

from reviewbot.cli.environment import tools_for
from reviewbot.model.config import Config
from reviewbot.model.guest import Accelerator, Host
from reviewbot.tools import accelerator, profile

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import kernel_history as made

CULPRIT = 10
BEFORE = (
    "lapic.c",
    "cpuid.c",
    "pmu.c",
    "xen.c",
    "mtrr.c",
    "mmu/mmu.c",
    "hyperv.c",
    "i8259.c",
    "svm/svm.c",
)
AFTER = ("vmx/vmx.c", "i8254.c", "ioapic.c", "emulate.c", "irq.c", "svm/nested.c")
MODULES = ("virt/lib/irqbypass.ko", "arch/x86/kvm/kvm.ko", "arch/x86/kvm/kvm-amd.ko")
CANNOT_TELL = 125


def history(place: Path, tree: Path) -> tuple[str, ...]:
    """Sixteen commits, the tenth of which breaks the test."""
    shutil.rmtree(place, ignore_errors=True)
    mark = secrets.token_hex(4)
    before = [made.noise(path, mark) for path in BEFORE]
    after = [made.noise(path, mark) for path in AFTER]
    return made.make(place, tree, [*before, made.hwcr(), *after])


def ours(reviewbot: Path, place: Path, commits: tuple[str, ...], *options: str) -> float:
    """Seconds of one ``reviewbot bisect``; it must find the culprit."""
    words = [reviewbot, "--quiet", "bisect", f"{commits[0]}..{commits[-1]}", "--tree", place]
    measured = measure([*words, "--test", made.HWCR_TEST, "--json", *options])
    found = json.loads(measured.stdout)
    if not found["culprit"] or found["culprit"]["commit"] != commits[CULPRIT]:
        raise SystemExit(f"reviewbot did not find {commits[CULPRIT]}: {measured.stdout}")
    tried = {step["commit"] for step in found["steps"]}
    runs = sum(step["runs"] for step in found["steps"])
    print(f"  {len(tried)} commits, {runs} executions, {found['culprit']['reverted']}", flush=True)
    return measured.seconds


def prepare(bench: Bench, tree: Path, place: Path, commits: tuple[str, ...]) -> float:
    """A clone with the base built, in the lab's configuration and with what virtme-ng needs: seconds.

    One that is there is used again: what git writes anew, make compiles anew.
    """
    began = time.monotonic()
    if not bench.clone.exists():
        subprocess.run(["git", "clone", "-q", "--shared", tree, bench.clone], check=True)
    git = ["git", "-C", bench.clone]
    subprocess.run([*git, "fetch", "-q", place, "next"], check=True)
    subprocess.run([*git, "bisect", "reset"], check=True, capture_output=True)
    checkout(bench, commits[0])
    bench.objects.mkdir(exist_ok=True)
    if not (bench.objects / "vmlinux").exists():
        lines = profile.load("kvm")
        wanted = bench.scratch / "wanted"
        wanted.write_text("\n".join((*lines.config, *lines.optional_config, "")))
        make = make_in(bench.clone, bench.objects)
        subprocess.run([*make, "allnoconfig", f"KCONFIG_ALLCONFIG={wanted}"], check=True)
    add_virtme_options(bench)
    checkout(bench, commits[-1])
    build_tests(bench)
    checkout(bench, commits[0])
    make_kernel(bench)
    return time.monotonic() - began


def checkout(bench: Bench, commit: str) -> None:
    """Go to a commit as git bisect does: only what differs is written."""
    subprocess.run(["git", "-C", bench.clone, "checkout", "-q", commit], check=True)


def make_kernel(bench: Bench) -> bool:
    """Whether the commit that is checked out builds."""
    words = [*make_in(bench.clone, bench.objects), "bzImage", "modules"]
    return subprocess.run(words, check=False).returncode == 0


def step(bench: Bench) -> int:
    """Build and test what git bisect has checked out: its exit status."""
    if not make_kernel(bench):
        return CANNOT_TELL
    loads = [
        f"insmod {bench.objects / path} {'nested=1' if path.endswith('amd.ko') else ''}"
        for path in MODULES
        if (bench.objects / path).exists()
    ]
    run = f"{bench.programs / made.HWCR_TEST} >/dev/null 2>&1; echo reviewbot-status=$?"
    _, seconds, text = virtme(bench, "\n".join(["echo reviewbot-first-line", *loads, run]))
    print(f"  a guest of virtme-ng: {seconds:.1f} s", flush=True)
    status = [
        line.partition("=")[2].strip() for line in text.splitlines() if "reviewbot-status=" in line
    ]
    return CANNOT_TELL if not status else int(status[0] != "0")


def by_hand(bench: Bench, commits: tuple[str, ...]) -> float:
    """Seconds of ``git bisect run``; it must find the culprit as well."""
    git = ["git", "-C", str(bench.clone), "bisect"]
    subprocess.run([*git, "start", commits[-1], commits[0]], check=True, stdout=subprocess.DEVNULL)
    words = [sys.executable, __file__, "--step", bench.vng, bench.scratch, bench.host.cpu_model]
    began = time.monotonic()
    done = subprocess.run([*git, "run", *words], check=True, stdout=subprocess.PIPE, text=True)
    seconds = time.monotonic() - began
    if f"{commits[CULPRIT]} is the first bad commit" not in done.stdout:
        raise SystemExit(f"git bisect did not find {commits[CULPRIT]}:\n{done.stdout}")
    print("\n".join(line for line in done.stdout.splitlines() if "virtme-ng:" in line), flush=True)
    return seconds


def emulated() -> Host:
    """How guests run without hardware KVM, in the lab and under virtme-ng alike."""
    with tools_for(Config(), quiet=True) as tools:
        hosts = accelerator.candidates(tools.config.lab.qemu, tools.cache)
    return next(host for host in hosts if host.accelerator is Accelerator.TCG)


def main() -> None:
    """Measure both and print one table."""
    reviewbot, vng, tree, scratch = (Path(word).absolute() for word in sys.argv[1:5])
    scratch.mkdir(parents=True, exist_ok=True)
    place = scratch / "kernel.git"
    bench = Bench(
        clone=scratch / "linux",
        objects=scratch / "objects",
        scratch=scratch,
        vng=vng,
        host=emulated(),
        tests=(made.HWCR_TEST,),
    )
    print("warming: a bisection of other commits (builds the base if needed)", flush=True)
    ours(reviewbot, place, history(place, tree), "--no-verify")
    commits = history(place, tree)
    cold = not bench.objects.exists()
    prepared = prepare(bench, tree, place, commits)
    say("by hand: to build what is warm in the lab", prepared)
    found = ours(reviewbot, place, commits, "--no-verify")
    say(f"reviewbot bisect, {len(commits) - 1} commits, warm base (goal 360)", found)
    verified = ours(reviewbot, place, commits)
    say("    and to revert the culprit on the tip, and look again", verified)
    hand = by_hand(bench, commits)
    say(f"git bisect run with make and virtme-ng ({os.cpu_count()} processors)", hand)
    say("reviewbot takes of it, both warm", found / hand, "")
    say("    with the revert", (found + verified) / hand, "")
    if cold:
        say("    where the other has to build first (goal 0.25)", found / (prepared + hand), "")


def one_step() -> int:
    """What git bisect run calls."""
    vng, scratch, model = sys.argv[2:5]
    place = Path(scratch)
    host = Host(
        accelerator=Accelerator.TCG, qemu="", qemu_version="", cpu_model=model, vendor="amd", why=""
    )
    return step(
        Bench(
            clone=place / "linux",
            objects=place / "objects",
            scratch=place,
            vng=Path(vng),
            host=host,
            tests=(made.HWCR_TEST,),
        )
    )


if __name__ == "__main__":
    sys.exit(one_step() if sys.argv[1:2] == ["--step"] else main())
