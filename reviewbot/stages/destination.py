# SPDX-License-Identifier: GPL-2.0-only
"""Which tree a KVM series is meant for, by Documentation/process/maintainer-kvm-x86.rst."""

import re
from enum import StrEnum

from reviewbot.model.base import Tree
from reviewbot.model.series import Series

_COMMON = re.compile(r"virt/|include/linux/kvm|include/uapi/linux/kvm|include/trace/events/kvm")
_ARCH = re.compile(r"arch/([a-z0-9]+)/")
_DECORATION = re.compile(r"^refs/(?:heads|tags|remotes)/|^origin/")
_RELEASE = r"(?:.*/)?v\d+\.\d+(?:\.\d+)?(?:-rc\d+)?"


class Destination(StrEnum):
    """The three cases of "Base Tree/Branch" there."""

    FIX = "fixes go to kvm/master"
    MULTI_ARCH = "multi-arch series go on a common release candidate"
    NEXT = "everything but fixes goes to kvm-x86/next"


# Best first.  "kvm" is the tree of kvm.git, "kvm-x86" the one of github.com/kvm-x86/linux.git.
_ORDER = {
    Destination.FIX: (
        r"kvm/master",
        r"kvm-x86/fixes",
        _RELEASE,
        r"kvm-x86/next",
        r"kvm/next",
        r"kvm/queue",
    ),
    Destination.MULTI_ARCH: (
        _RELEASE,
        r"kvm/next",
        r"kvm/queue",
        r"kvm-x86/next",
        r"kvm/master",
    ),
    Destination.NEXT: (
        r"kvm-x86/next",
        r"kvm/next",
        r"kvm/queue",
        r"kvm-x86/.*",
        _RELEASE,
        r"kvm/master",
    ),
}


def destination(series: Series) -> Destination:
    """A fix when every patch carries a Fixes: trailer; multi-arch when common KVM code is touched.

    "If you're unsure whether a patch/series is truly multi-arch, err on the side of caution."
    """
    paths = {diff.path for patch in series.patches for diff in patch.files}
    kernel = {path for path in paths if not path.startswith(("tools/", "Documentation/"))}
    fixes = [
        any(trailer.name.lower() == "fixes" for trailer in patch.trailers)
        for patch in series.patches
    ]
    if fixes and all(fixes):
        return Destination.FIX
    architectures = {match[1] for path in kernel if (match := _ARCH.match(path))}
    if len(architectures) > 1 or any(_COMMON.match(path) for path in kernel):
        return Destination.MULTI_ARCH
    return Destination.NEXT


def label(tree: Tree, ref: str) -> str:
    """What people call a tip: tree and branch ("kvm-x86/next"), or the tree alone for its HEAD."""
    short = _DECORATION.sub("", _DECORATION.sub("", ref))
    if short == "HEAD":
        return tree.name
    return short if short.startswith(f"{tree.name}/") else f"{tree.name}/{short}"


def preference(series: Series, tree: Tree, ref: str) -> int:
    """How well a tip suits a series, lower is better; tips the document does not name come last."""
    full = label(tree, ref)
    short = full.removeprefix(f"{tree.name}/")
    wanted = {prefix.lower() for prefix in series.prefixes}
    if wanted & {full.lower(), tree.name.lower()} and full != tree.name:
        return -1  # "[PATCH kvm-x86/next]": the author said so
    order = _ORDER[destination(series)]
    for rank, pattern in enumerate(order):
        if re.fullmatch(pattern, full) or re.fullmatch(pattern, short):
            return rank
    return len(order)
