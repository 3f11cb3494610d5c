# SPDX-License-Identifier: GPL-2.0-only
"""What tests chosen by coverage execute, beside all of them (``make bench-coverage``).

Nothing here passes or fails.  For every complete series of a public-inbox epoch that changes
functions which the full suite executes: how many of those functions the chosen
tests execute as well, and in how much of the suite's time.  "By paths" is what would be chosen without
coverage.  Of a series that does not apply to the tree the functions named behind its hunks' "@@" are
taken, which is near enough to compare by.  Seconds are those measured on the counting kernel; nothing is built or booted here.

usage: coverage.py EPOCH TREE [MOST]
"""

import re
import subprocess
import sys
from dataclasses import dataclass

from reviewbot.cli.environment import tools_for
from reviewbot.model.base import Tree
from reviewbot.model.config import Config
from reviewbot.model.coverage import Coverage, Touched
from reviewbot.model.errors import ReviewbotError
from reviewbot.model.guest import Host
from reviewbot.model.profile import Profile
from reviewbot.model.series import Series
from reviewbot.model.status import Status
from reviewbot.parse.mail import parse_mail
from reviewbot.parse.series import Choice, build
from reviewbot.parse.thread import find_postings
from reviewbot.stages import apply, base, coverage
from reviewbot.stages.choose import Available, choose
from reviewbot.stages.choose_covered import executed_by, measured
from reviewbot.stages.covered import touched_functions
from reviewbot.tools import accelerator, changed_lines, profile
from reviewbot.tools.context import Tools
from reviewbot.tools.objects import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One series: shares of the touched functions, and of the suite's seconds."""

    title: str
    functions: int
    covered: float
    covered_time: float
    paths: float
    paths_time: float


def main() -> int:
    """Print a line a series, then the averages."""
    epoch, tree = sys.argv[1:3]
    most = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    found: list[Measured] = []
    with tools_for(Config(), quiet=True) as tools:
        known, host = _known(tree, profile.load("kvm"), tools)
        for series in _series(epoch):
            if len(found) == most:
                break
            one = _measure(series, tree, known, host.vendor, tools)
            if one:
                found.append(one)
                print(_line(one), flush=True)
    if not found:
        print("no series of the epoch applies and touches executed code")
        return 1
    count = len(found)
    print(
        f"\naverage of {count} series: by coverage {sum(o.covered for o in found) / count:.1%} of the"
        f" functions in {sum(o.covered_time for o in found) / count:.1%} of the suite's time;"
        f" by paths {sum(o.paths for o in found) / count:.1%}"
        f" in {sum(o.paths_time for o in found) / count:.1%}"
    )
    return 0


def _known(tree: str, lab: Profile, tools: Tools) -> tuple[Coverage, Host]:
    store = ObjectStore(tools.cache, tree)
    commit = str(store.origin.head.target)
    request = coverage.CoverageRequest(
        repository=str(store.path),
        commit=commit,
        tree_id=store.tree_of(commit),
        profile=lab,
    )
    for host in accelerator.candidates(tools.config.lab.qemu, tools.cache):
        if known := coverage.known(request, host, tools):
            return known, host
    raise SystemExit(f"nothing was measured of {tree}: run 'reviewbot coverage --tree {tree}'")


def _series(epoch: str) -> list[Series]:
    """Complete series with code for KVM, in the order they were sent."""
    mails = []
    git = ["git", "-C", epoch]
    listed = subprocess.run(
        [*git, "log", "--reverse", "--format=%H:m"], check=True, capture_output=True
    ).stdout
    blobs = subprocess.run(
        [*git, "cat-file", "--batch"], input=listed, check=True, capture_output=True
    ).stdout
    position = 0
    while position < len(blobs):
        end = blobs.index(b"\n", position)
        words = blobs[position:end].split()
        size = int(words[2]) if words[-1] != b"missing" else -1
        if size >= 0:
            mails.append(parse_mail(blobs[end + 1 : end + 1 + size]))
        position = end + size + 2
    found = []
    for posting in find_postings(mails):
        try:
            series = build(Choice(posting=posting, mails=posting.mails, newest=1), source=epoch)
        except ReviewbotError:
            continue
        touched = {file.path for patch in series.patches for file in patch.files}
        code = [p for p in touched if p.startswith(("arch/x86/kvm/", "virt/kvm/"))]
        if not series.missing and any(path.endswith(".c") for path in code):
            found.append(series)
    return found


def _measure(
    series: Series, tree: str, known: Coverage, vendor: str, tools: Tools
) -> Measured | None:
    changes = _applied_changes(series, tree, tools)
    how = "applied" if changes is not None else "by hunk headings"
    if changes is None:
        changes = _headed_changes(series, known)
    touched = touched_functions(known, changes)
    executed = {one for one, tests in touched.items() if tests}
    if not executed:
        return None
    names = tuple(test.name for test in known.tests)
    settings = tools.config.lab
    seen = measured(
        known, changes, names, at_most=settings.max_tests, seconds=settings.test_seconds
    )
    whole = sum(test.seconds for test in known.tests)
    shares = []
    for what in (seen, None):
        chosen = choose(
            series,
            profile.load("kvm"),
            Available(base=names, tip=names, limit=60.0),
            vendor=vendor,
            at_most=settings.max_tests,
            measured=what,
        )
        tests = [case.name for case in chosen.cases]
        spent = sum(test.seconds for test in known.tests if test.name in tests)
        shares.append((len(executed_by(known, touched, tests)) / len(executed), spent / whole))
    (covered, covered_time), (paths, paths_time) = shares
    return Measured(
        title=f"{series.title[:50]} ({how})",
        functions=len(executed),
        covered=covered,
        covered_time=covered_time,
        paths=paths,
        paths_time=paths_time,
    )


def _applied_changes(series: Series, tree: str, tools: Tools) -> tuple[Touched, ...] | None:
    """What the series changes; None when it does not apply."""
    request = base.BaseRequest(
        series=series, trees=(Tree(name="bench", path=tree),), explicit="HEAD"
    )
    try:
        applied = apply.run(apply.ApplyRequest(series=series, base=base.run(request, tools)), tools)
    except ReviewbotError:
        return None
    if applied.status is not Status.PASS:
        return None
    trees = (applied.base.tree_id, applied.patches[-1].tree_id)
    return changed_lines.between(applied.repository, *trees)


def _headed_changes(series: Series, known: Coverage) -> tuple[Touched, ...]:
    """The functions that hunks name behind their second @@, wherever they are in the tree."""
    places = {
        (file.path, function.name): (function.first, function.last)
        for file in known.files
        for function in file.functions
    }
    spans: dict[str, list[tuple[int, int]]] = {}
    for patch in series.patches:
        for file in patch.files:
            for hunk in file.hunks:
                name = re.search(r"(\w+)\(", hunk.section)
                if name and (place := places.get((file.path, name[1]))):
                    spans.setdefault(file.path, []).append(place)
    return tuple(Touched(path=path, old=tuple(found), added=()) for path, found in spans.items())


def _line(one: Measured) -> str:
    return (
        f"{one.functions:4} functions: coverage {one.covered:6.1%} in {one.covered_time:5.1%},"
        f" paths {one.paths:6.1%} in {one.paths_time:5.1%}  {one.title}"
    )


if __name__ == "__main__":
    sys.exit(main())
