# SPDX-License-Identifier: GPL-2.0-only
"""Print the promises of a review beside what they compare with (``make bench``).

Nothing here passes or fails: it measures, in one run on one machine, and prints ratios.  The series
is the shipped example plus six small generated patches, ten in all (:func:`ten_patches`).

usage: review.py REVIEWBOT TREE EXAMPLE.mbox SCRATCH
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TOUCHED = ("cpuid.c", "lapic.c", "mmu/mmu.c", "pmu.c", "svm/svm.c", "vmx/vmx.c")
HEADER = "arch/x86/include/asm/kvm_host.h"
SERIES = {"typical": 1, "worst": len(TOUCHED)}
"""Of the generated patches, how many touch :data:`HEADER`.  Two of the example's four patches touch a header of all of
KVM, too, so that typical are three of ten.  ``tests/bench/recompiled.py`` counts it: of the 27 series for x86 KVM on
the sample list, three of ten patches recompile all of KVM in the median (of the 11 with 6 to 15 patches 3.3; on
average 3.0), and 69 of the 147 patches that recompile anything of it."""
MIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One command: wall seconds, peak memory of its own process (not children) in MiB, output."""

    seconds: float
    peak_mib: float
    stdout: str
    returncode: int


def measure(argv: list[str | Path], *, cwd: Path | None = None) -> Measured:
    """Run to the end, watching VmHWM of the process itself."""
    started = time.monotonic()
    peak = 0.0
    with tempfile.TemporaryFile() as output:
        with subprocess.Popen(argv, cwd=cwd, stdout=output) as child:
            status = Path(f"/proc/{child.pid}/status")
            while child.poll() is None:
                peak = max(peak, _high_water_mark(status))
                time.sleep(0.01)
            seconds = time.monotonic() - started
        output.seek(0)
        said = output.read().decode()
    return Measured(seconds=seconds, peak_mib=peak, stdout=said, returncode=child.returncode)


def _high_water_mark(status: Path) -> float:
    try:
        lines = status.read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / MIB for line in lines if line.startswith("VmHWM")), 0.0)


def git(clone: Path, *arguments: str, stdin: str | None = None) -> str:
    """Run git in the scratch clone; a failure ends the benchmark."""
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    return subprocess.run(
        ["git", "-C", str(clone), *identity, *arguments],
        check=True,
        text=True,
        input=stdin,
        stdout=subprocess.PIPE,
    ).stdout


def split(clone: Path, mbox: Path, directory: Path) -> list[Path]:
    """The patches of an mbox as files, without the cover letter, which git am stops at."""
    directory.mkdir()
    git(clone, "mailsplit", f"-o{directory}", str(mbox))
    return sorted(directory.iterdir())[1:]


def ten_patches(
    tree: Path, example: Path, scratch: Path, series: str = "typical"
) -> tuple[Path, Path]:
    """The series as one mbox, and the checkout it was made in; ``series`` is a name of :data:`SERIES`.

    The generated patches come first and are other ones each time: no earlier run has built any of
    the ten.
    """
    scratch.mkdir(exist_ok=True)
    clone = scratch / "linux"
    subprocess.run(["git", "clone", "-q", "--shared", str(tree), str(clone)], check=True)
    base = git(clone, "rev-parse", "HEAD").strip()
    unlike = secrets.randbelow(1 << 30)
    for number, name in enumerate(TOUCHED):
        source = clone / "arch/x86/kvm" / name
        label = name.replace("/", "_").removesuffix(".c")
        declaration = f"int kvm_bench_{label}(int value);\n"
        function = f"int kvm_bench_{label}(int value)\n{{\n\treturn value + {unlike};\n}}\n"
        declared = clone / HEADER if number < SERIES[series] else source
        source.write_text(f"{source.read_text()}\n{function}")
        text = declared.read_text()
        # Before the function, or before the last line of the header, which is its #endif.
        at = text.rindex("#endif" if declared != source else function)
        declared.write_text(f"{text[:at]}{declaration}\n{text[at:]}")
        git(
            clone,
            "commit",
            "-qas",
            "-m",
            f"KVM: x86: Add bench function to {name}\n\nMeasure only.",
        )
    git(clone, "am", "-q", "-3", *map(str, split(clone, example, scratch / "example")))
    mbox = scratch / "ten.mbox"
    mbox.write_text(git(clone, "format-patch", "--stdout", "--cover-letter", f"{base}..HEAD"))
    return mbox, clone


def checkpatch(clone: Path, mbox: Path, scratch: Path) -> float:
    """Seconds for ``checkpatch.pl --strict`` over the same ten patches."""
    files = split(clone, mbox, scratch / "patches")
    return measure(
        ["perl", clone / "scripts/checkpatch.pl", "--strict", "--no-summary", "-q", *files],
        cwd=clone,
    ).seconds


def clean_build(clone: Path, config: bytes, scratch: Path) -> float:
    """Seconds for one clean build of the base, in scratch/objects, with the lab's own configuration."""
    objects = scratch / "objects"
    objects.mkdir()
    (objects / ".config").write_bytes(config)
    git(clone, "checkout", "-q", "HEAD~10")
    make = make_in(clone, objects)
    subprocess.run([*make, "olddefconfig"], check=True)
    return measure([*make, "bzImage", "modules"]).seconds


def make_in(clone: Path, objects: Path) -> list[str | Path]:
    """make with the objects outside the source, on all processors."""
    return ["make", "-s", "-C", clone, f"O={objects}", f"-j{os.cpu_count()}"]


def blob(digest: str) -> Path:
    """A file that a review left in this user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "reviewbot"
    return cache / "blobs" / digest[:2] / digest[2:]


def review(
    reviewbot: Path, mbox: Path, tree: Path, *options: str, config: Path | None = None
) -> tuple[Measured, dict]:
    """One ``reviewbot review``; its times by stage from the JSON report."""
    settings = ["--config", config] if config else []
    argv = [reviewbot, *settings, "--quiet", "review", mbox, "--tree", tree]
    argv += ["--format", "json", *options]
    measured = measure(argv)
    return measured, json.loads(measured.stdout)


def main() -> None:
    """Measure everything and print one table."""
    reviewbot, tree, example, scratch = (Path(word).absolute() for word in sys.argv[1:5])
    mbox, clone = ten_patches(tree, example, scratch)
    print("warming: one review of the shipped example (builds the base if needed)", flush=True)
    review(reviewbot, example, tree)
    print("measuring", flush=True)
    rules, again = (review(reviewbot, mbox, tree, "--only-rules")[0] for _ in range(2))
    whole, run = review(reviewbot, mbox, tree)
    check_seconds = checkpatch(clone, mbox, scratch)
    config = blob(run["build"]["base_image"]["config"])
    build_seconds = clean_build(clone, config.read_bytes(), scratch)
    tests = len(run["tests"]["cases"]) if run.get("tests") else 0
    rows = [
        (
            "rules only, 10 patches",
            rules.seconds,
            f"{rules.seconds / check_seconds:.2f} of checkpatch",
        ),
        ("the same again", again.seconds, "results reused"),
        ("checkpatch --strict, same patches", check_seconds, ""),
        (
            f"whole review, {tests} selftests",
            whole.seconds,
            f"{whole.seconds / build_seconds:.2f} of a clean build",
        ),
        ("clean kernel build, same config", build_seconds, ""),
    ]
    for name, seconds, ratio in rows:
        print(f"{name:<36}{seconds:8.1f} s  {ratio}")
    print(f"{'peak memory, rules only':<36}{rules.peak_mib:8.0f} MiB")
    print(f"{'peak memory, whole review':<36}{whole.peak_mib:8.0f} MiB")
    for spent in run["times"]:
        print(f"  {spent['stage']:<10}{spent['seconds']:8.2f} s")


if __name__ == "__main__":
    main()
