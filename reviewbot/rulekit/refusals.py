# SPDX-License-Identifier: GPL-2.0-only
"""What a patch makes KVM refuse, read from its hunks."""

import re
from collections.abc import Iterator

from reviewbot.model.series import Hunk, Patch
from reviewbot.rulekit.context import matches

CODE = ("arch/*/kvm/*.c", "virt/kvm/*.c")


def refused_cases(patch: Patch) -> frozenset[str]:
    """The KVM_ names of the ``case`` labels under which a patch to KVM adds an error."""
    hunks = (hunk for file in patch.files if matches(file.path, CODE) for hunk in file.hunks)
    return frozenset(name for hunk in hunks for name in _refused(hunk))


def _refused(hunk: Hunk) -> Iterator[str]:
    label = ""
    for line in hunk.lines:
        match = re.match(r"[ +]\s*case (KVM_\w+):", line)
        label = match[1] if match else label
        if label and re.match(r"\+\s*(?:return|r =|ret =|rc =) -E\w+;", line):
            yield label
