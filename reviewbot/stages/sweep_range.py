# SPDX-License-Identifier: GPL-2.0-only
"""What moved on a branch since its last good sweep.

Branches of KVM are force-pushed, so that commits come again under other ids; a commit whose patch-id
was there before is only rebased, and nobody is suspected twice for it.  What came from mainline is
other people's work: it is counted, and a bisection may still end there.
"""

from dataclasses import dataclass, replace

from reviewbot.model.sweep_range import RangeCommit, SweepRange
from reviewbot.tools import branch_history as history
from reviewbot.tools.objects import ObjectStore

MOST = 300
"""Commits that are looked at one by one; of larger ranges those that touch the subsystem."""
_MOST_COMPARED = 1000
"""Commits whose patch-ids are computed, on either side: 15 ms each on a kernel tree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeRequest:
    """``old`` is the tip of the last good sweep, ``mainline`` a commit; both "" where there is none.

    ``paths`` are the subsystem's files, as globs in which "*" crosses "/".
    """

    store: ObjectStore
    old: str
    tip: str
    mainline: str
    paths: tuple[str, ...] = ()


def run(request: RangeRequest) -> SweepRange:
    """Find out.  Raises InfrastructureError when git cannot tell."""
    place, tip = request.store.path, request.tip
    old = request.old if request.old and request.store.has(request.old) else ""
    merge_base = history.merge_base(place, tip, request.mainline) if request.mainline else ""
    start = history.merge_base(place, old, tip) if old else merge_base
    moved = SweepRange(
        old=old, tip=tip, start=start, merge_base=merge_base, forced=bool(old) and start != old
    )
    if not start:
        why = "no earlier sweep and no mainline to compare with: no commit is looked at by itself"
        return replace(moved, missing=(why,))
    without = (start, request.mainline)
    moved = replace(
        moved,
        merges=history.count(place, tip, without, merges=True),
        upstream=history.count(place, tip, (start,)) - history.count(place, tip, without),
    )
    if moved.forced:
        return _rebased(request, moved)
    return _within_limit(request, moved, history.count(place, tip, without) - moved.merges)


def _within_limit(request: RangeRequest, moved: SweepRange, total: int) -> SweepRange:
    """All commits of a small range, else those that touch the subsystem, else the newest of those."""
    place, without = request.store.path, (moved.start, request.mainline)
    paths: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    if total > MOST and request.paths:
        paths = tuple(f":(top,glob){_pathspec(glob)}" for glob in request.paths)
    found = history.commits(place, request.tip, without, paths=paths, limit=MOST)
    if total > len(found):
        which = "that touch the subsystem" if paths and len(found) < MOST else "that are the newest"
        missing = (f"of {total} new commits only the {len(found)} {which} were looked at",)
    return replace(moved, commits=found, missing=(*moved.missing, *missing))


def _pathspec(glob: str) -> str:
    """A glob in which "*" crosses "/" as a pathspec: "arch/*/kvm/*" is "arch/**/kvm/**"."""
    return glob.replace("/*/", "/**/").removesuffix("/*") + ("/**" if glob.endswith("/*") else "")


def _rebased(request: RangeRequest, moved: SweepRange) -> SweepRange:
    """Tell new commits of a force-push from those that were there before."""
    place, mainline = request.store.path, request.mainline
    sides = []
    for tip in (moved.old, moved.tip):
        found = history.commits(place, tip, (moved.start, mainline), limit=_MOST_COMPARED + 1)
        if len(found) > _MOST_COMPARED:
            why = f"more than {_MOST_COMPARED} commits were pushed anew: which are only rebased is not known"
            return _within_limit(request, replace(moved, missing=(why,)), len(found))
        sides.append(history.with_patch_ids(place, found))
    before, after = sides
    known = {one.patch_id for one in before if one.patch_id}
    # What went into mainline meanwhile was not dropped.
    there = {one.patch_id for one in after if one.patch_id} | _merged(request, moved, before)
    new = tuple(one for one in after if one.patch_id not in known)
    missing = moved.missing
    if len(new) > MOST:
        missing = (*missing, f"of {len(new)} new commits only the newest {MOST} were looked at")
    return replace(
        moved,
        commits=new[-MOST:],
        rebased=tuple(one for one in after if one.patch_id in known),
        dropped=tuple(one for one in before if one.patch_id not in there),
        missing=missing,
    )


def _merged(
    request: RangeRequest, moved: SweepRange, before: tuple[RangeCommit, ...]
) -> frozenset[str]:
    """Patch-ids of the branch's old commits that the new tip has from mainline."""
    subjects = {one.subject for one in before}
    if not request.mainline or not moved.upstream:
        return frozenset()
    found = history.commits(
        request.store.path, moved.merge_base, (moved.start,), limit=_MOST_COMPARED * 20
    )
    likely = [one for one in found if one.subject in subjects]
    return frozenset(one.patch_id for one in history.with_patch_ids(request.store.path, likely))
