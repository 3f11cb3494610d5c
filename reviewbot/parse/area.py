# SPDX-License-Identifier: GPL-2.0-only
"""Which part of the kernel a series is about, in the words of its maintainers: "x86/mmu", "arm64"."""

import re
from collections import Counter
from collections.abc import Iterable

from reviewbot.model.triage import Size

OTHER = "other"
_ARCH = {"powerpc": "ppc", "s390": "s390", "x86": "x86", "arm64": "arm64", "arm": "arm"}
_KVM = re.compile(r"arch/(\w+)/kvm/(?:(\w+)/)?|arch/(\w+)/include/(?:uapi/)?asm/kvm")
_KVM_GUEST = re.compile(r"arch/(\w+)/kernel/kvm")
_GENERIC = re.compile(r"virt/kvm/|include/(?:uapi/)?(?:linux|kvm|trace/events)/.*kvm|virt/lib/")
_TESTS = re.compile(r"tools/testing/selftests/(\w+)/")
_DOCS = re.compile(r"Documentation/")
_X86 = frozenset({"vmx", "svm", "mmu"})
_ORDER = ("code", "tests", "docs")


def area_of(path: str) -> tuple[str, str]:
    """(subsystem, area) of one file; the kind of area that tests and documents are comes last."""
    if found := _KVM.match(path):
        arch = found[1] or found[3]
        part = found[2] if arch == "x86" and found[2] in _X86 else ""
        name = _ARCH.get(arch, arch)
        return "KVM", f"{name}/{part}" if part else name
    if found := _KVM_GUEST.match(path):
        return "KVM", "guest"
    if _GENERIC.match(path):
        return "KVM", "generic"
    if found := _TESTS.match(path):
        return ("KVM" if found[1] == "kvm" else found[1]), "selftests"
    if _DOCS.match(path):
        return ("KVM" if "/kvm" in path else "docs"), "docs"
    first, _, rest = path.partition("/")
    if first in ("arch", "drivers", "tools", "include") and "/" in rest:
        return rest.split("/", 1)[0], rest.split("/", 1)[0]
    return (first, first) if rest else (OTHER, OTHER)


def areas(files: Iterable[Size]) -> tuple[str, str]:
    """(subsystem, area) in which most lines change; code before selftests before documents."""
    weights: dict[str, Counter[tuple[str, str]]] = {kind: Counter() for kind in _ORDER}
    for one in files:
        subsystem, area = area_of(one.path)
        kind = {"selftests": "tests", "docs": "docs"}.get(area, "code")
        weights[kind][subsystem, area] += one.added + one.removed + 1
    own = [kind for kind in _ORDER if any(name == "KVM" for name, _ in weights[kind])]
    for kind in own or _ORDER:
        if weights[kind]:
            best = weights[kind].most_common()
            return next((pair for pair, _ in best if pair[0] == "KVM"), best[0][0])
    return OTHER, OTHER
