# SPDX-License-Identifier: GPL-2.0-only
"""How much of KVM the patches of a list's x86 KVM series recompile: what "typical" means to ``make bench-lab``.

Every series of a public-inbox epoch with C files of KVM and something below arch/x86/kvm, each title once.  A patch
recompiles all of KVM when 9 of 10 objects of its modules are made from a file that it touches, by what
Kbuild wrote beside the objects of the lab's base; the base is built if it is not there.

usage: recompiled.py EPOCH TREE
"""

import statistics
import sys

from coverage import _series

from reviewbot.cli.environment import tools_for
from reviewbot.model.base import Applied, Base, BaseRule
from reviewbot.model.config import Config
from reviewbot.model.status import Status
from reviewbot.stages import build
from reviewbot.tools import affected, kbuild, profile
from reviewbot.tools.objects import ObjectStore, resolve_commit

ALL = 0.9
SIZES = range(6, 16)


def main() -> None:
    """A line a series, then the distribution."""
    epoch, tree = sys.argv[1:3]
    kvm = profile.load("kvm")
    with tools_for(Config(), quiet=True) as tools:
        store = ObjectStore(tools.cache, tree)
        commit = resolve_commit(store.origin, "HEAD")
        base = Base.given(
            tree, commit, store.tree_of(commit), rule=BaseRule.EXPLICIT, why="to measure"
        )
        applied = Applied(status=Status.PASS, base=base, repository=str(store.path), patches=())
        layer = kbuild.object_layer(
            tools.cache,
            build.kernel(build.BuildRequest(applied=applied, profile=kvm)),
            build.whole(kvm),
            jobs=0,
            timeout=3600.0,
            on_step=lambda _: None,
        )
        found = {}
        for series in _series(epoch):
            paths = [{file.path for file in patch.files} for patch in series.patches]
            if any(path.startswith("arch/x86/kvm/") for touched in paths for path in touched):
                found.setdefault(series.title.casefold(), paths)
        every = {path for paths in found.values() for touched in paths for path in touched}
        used = affected.users(layer / "objects", every)
        members = affected.members(layer / "objects", kvm.targets)
    counted = {
        title: [len(members & {one for path in t for one in used.get(path, ())}) for t in paths]
        for title, paths in found.items()
    }
    for title, each in counted.items():
        print(f"{title[:60]:<60}  {' '.join(map(str, each))}")
    whole = ALL * len(members)
    touching = [one for each in counted.values() for one in each if one]
    of_all = sum(one >= whole for one in touching)
    print(
        f"{len(counted)} series; of {len(touching)} patches that recompile something of KVM's"
        f" {len(members)} objects {of_all} recompile all of them"
    )
    for name, sizes in (("6 to 15 patches", SIZES), ("any length", range(1, 1000))):
        shares = [sum(o >= whole for o in e) / len(e) for e in counted.values() if len(e) in sizes]
        print(
            f"series of {name} ({len(shares)}): all of KVM is recompiled by"
            f" {10 * statistics.median(shares):.1f} of ten patches in the median,"
            f" {10 * statistics.mean(shares):.1f} on average"
        )


if __name__ == "__main__":
    main()
