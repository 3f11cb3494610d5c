# SPDX-License-Identifier: GPL-2.0-only
"""Whose patch is it?  The rules of maintainer-kvm-x86.rst bind nobody outside KVM x86."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from reviewbot.model.base import Confidence
from reviewbot.model.finding import Fact, Finding, Severity
from reviewbot.model.series import Patch, Series
from reviewbot.rulekit.context import files_of, matches
from reviewbot.rulekit.trees import View

KVM_X86 = ("arch/x86/kvm/*", "virt/kvm/*")
"""What KVM x86 and KVM's common code are made of."""

SELFTESTS = ("tools/testing/selftests/kvm/*",)
"""KVM's selftests, of all architectures."""

_STABLE = re.compile(r"autosel|stable.*|\d+\.\d+(?:[.-]\S*)?", re.IGNORECASE)
_OTHERS = re.compile(r"arm64|aarch64|RISC-?V|s390|PPC|MIPS|LoongArch|powerpc", re.IGNORECASE)


def other_architecture(patch: Patch) -> bool:
    """Whether subject or paths name an architecture besides x86, so that its conventions may hold."""
    return any(_OTHERS.search(text) for text in (patch.subject, *files_of(patch)))


def of_kvm_x86(patch: Patch) -> bool:
    """Whether a patch changes KVM x86, common KVM code or selftests, and no other architecture."""
    ours = any(matches(path, (*KVM_X86, *SELFTESTS)) for path in files_of(patch))
    return ours and not other_architecture(patch)


def backport(series: Series) -> bool:
    """Whether the series is for a stable branch: its wording was settled when the commits were made."""
    return any(_STABLE.fullmatch(prefix) for prefix in series.prefixes)


def only_declares(series: Series) -> bool:
    """Whether the series consists of nothing but headers for userspace.

    What the headers are for is then in another series or another tree, and so may be what it needs.
    """
    paths = {path for patch in series.patches for path in files_of(patch)}
    return all("/uapi/" in path and not path.startswith("tools/") for path in paths)


def softened(series: Series, found: Iterable[Finding | Fact]) -> Iterator[Finding | Fact]:
    """Findings about something that is missing: warnings, no errors, when headers are all there is."""
    soft = only_declares(series)
    for item in found:
        if soft and isinstance(item, Finding) and item.severity is Severity.ERROR:
            yield replace(item, severity=Severity.WARNING, confidence=Confidence.MEDIUM)
        else:
            yield item


def tested_before(view: View, name: str) -> bool:
    """Whether a KVM selftest of the tree has a name."""
    wanted = name.encode()
    tests = view.paths("tools/testing/selftests/kvm", ".c")
    return any(wanted in (view.read(path) or b"") for path in tests)
