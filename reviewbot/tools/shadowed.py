# SPDX-License-Identifier: GPL-2.0-only
"""Headers that a new one may be found instead of, by includes that say what they said before.

svm.c says "x86.h" and gets arch/x86/kvm/x86.h by -I; with a new arch/x86/kvm/svm/x86.h it gets that one.  Nothing that
Kbuild knows svm.o was made from has changed, so it would not be made again.
"""

from reviewbot.tools.objects import TreeView

_ELSEWHERE = ("tools/", "scripts/", "samples/")
_SUBSYSTEM = (
    2  # directories that those have in common who may include each other's headers by the bare name
)


def shadowed(old: TreeView, new: TreeView) -> frozenset[str]:
    """Paths in ``new``; more than there are where nobody can tell.  Half a second, where there is a new header."""
    added = [
        change.path
        for change in old.changed_paths(new)
        if change.old_id is None and _is_header(change.path)
    ]
    if not added:
        return frozenset()
    by_name: dict[str, list[str]] = {}
    for path in added:
        by_name.setdefault(path.rpartition("/")[2], []).append(path)
    return frozenset(
        path
        for path in new.paths()
        if _is_header(path)
        for one in by_name.get(path.rpartition("/")[2], ())
        if one != path and _may_be_taken_for(one.split("/"), path.split("/"))
    )


def _is_header(path: str) -> bool:
    return path.endswith(".h") and not path.startswith(_ELSEWHERE)


def _may_be_taken_for(one: list[str], other: list[str]) -> bool:
    """Whether some include may mean both: <asm/kvm.h>, or "trace.h" of neighbours."""
    if one[-2:] == other[-2:]:
        return True
    together = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    return together >= _SUBSYSTEM
