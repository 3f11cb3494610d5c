# SPDX-License-Identifier: GPL-2.0-only
"""Is this a kernel series at all?  Bots that review QEMU patches as kernel patches are noise."""

import re
from collections.abc import Sequence

from reviewbot.model.series import Declined, DeclineReason
from reviewbot.parse.mail import Mail

_PULL_BODY = re.compile(
    r"^(?:The following changes since commit [0-9a-f]{7,}"
    r"|are available in the (?:git|Git) repository at:?)",
    re.MULTILINE,
)
_TOUCHED = re.compile(r"^diff --git \"?a/(\S+)|^\+\+\+ [ab]/(\S+)", re.MULTILINE)
_DIFFSTAT = re.compile(
    r"^ (?:\.\.\./)?([\w./+-]+)(?: => [\w./+-]+)?[ ]+\|[ ]+(?:\d+ ?[+-]*|Bin .*)$", re.MULTILINE
)

# Words authors put into the brackets: the project's name decides.
_PREFIXES = {
    "kvm-unit-tests": DeclineReason.KVM_UNIT_TESTS,
    "kvm-unit-test": DeclineReason.KVM_UNIT_TESTS,
    "kut": DeclineReason.KVM_UNIT_TESTS,
    "qemu": DeclineReason.QEMU,
    "qemu-devel": DeclineReason.QEMU,
    **dict.fromkeys(
        (
            "kvmtool",
            "xfstests",
            "fstests",
            "b4",
            "virtme-ng",
            "ltp",
            "iproute2",
            "iproute2-next",
            "libvirt",
            "edk2",
            "seabios",
            "blktests",
            "ovmf",
            "crosvm",
            "liburing",
            "util-linux",
            "selinux-testsuite",
            "bpftool",
            "patchwork",
            "public-inbox",
            "git",
            "sparse",
            "pahole",
            "dwarves",
            "mdadm",
            "trace-cmd",
        ),
        DeclineReason.OTHER_PROJECT,
    ),
}
# Folders and files that only one of the projects has.  Not here: net/, block/, crypto/, lib/*.c,
# scripts/, MAINTAINERS and the like, which several have.
_KERNEL = re.compile(
    r"(?:arch|Documentation|drivers|fs|init|ipc|kernel|mm|security|sound|virt|certs|samples|usr"
    r"|tools/(?:testing|arch|include|perf|kvm|lib|virtio)"
    r"|include/(?:linux|uapi|asm-generic|trace|kvm/arm|drm|xen/interface|vdso))/"
)
_QEMU = re.compile(
    r"(?:hw|target|accel|qapi|linux-headers|linux-user|bsd-user|softmmu|system|migration|tcg|fpu|ui|util"
    r"|qga|chardev|backends|pc-bios|monitor|disas|qobject|qom|stubs|replay|authz|audio|docs"
    r"|include/(?:hw|qemu|sysemu|system|exec|migration|qapi|qom|standard-headers|monitor)"
    r"|tests/(?:qtest|unit|avocado|functional|tcg))/"
    r"|target-\w+/|configure$|meson\.build$|kvm-all\.c$|qemu-options\.hx$|vl\.c$|qapi-schema\.json$"
)
_UNIT_TESTS = re.compile(
    r"(?:lib/(?:x86|arm|arm64|s390x|powerpc|ppc64|riscv|asm-generic|linux|libfdt|efi)"
    r"|x86|arm|arm64|s390x|powerpc|riscv|scripts/(?:s390x|arch-run))/"
    r"|run_tests\.sh$|scripts/runtime\.bash$"
)
_SHARED = re.compile(r"(?:lib|scripts|include|net|block|crypto|tests|tools|rust)/|[^/]+$")
_OTHERS = (
    (
        "xfstests",
        re.compile(r"tests/(?:generic|xfs|ext4|btrfs|overlay)/\d{3}|common/(?:rc|config|xfs)$"),
    ),
    ("b4", re.compile(r"(?:src/)?b4/(?:__init__|ez|mbox|pr|ty)\.py$")),
    (
        "kvmtool",
        re.compile(
            r"builtin-\w+\.c$|kvm-cpu\.c$|(?:arm|x86|riscv|powerpc|mips)/(?:include/kvm|kvm|aarch64)[/.]"
        ),
    ),
    ("libvirt", re.compile(r"src/(?:qemu|conf|libvirt|cpu_map)")),
    ("edk2", re.compile(r"(?:OvmfPkg|MdePkg|UefiCpuPkg|ArmVirtPkg)/")),
)
_QEMU_LISTS = ("qemu-devel@", "qemu-arm@", "qemu-ppc@", "qemu-s390x@", "qemu-block@", "qemu-riscv@")
_KERNEL_LISTS = (
    "linux-kernel@vger",
    "kvmarm@",
    "stable@vger",
    "linux-kselftest@",
    "linux-arm-kernel@",
)


def decline(mails: Sequence[Mail]) -> Declined | None:
    """Say whose series this is when it is not a kernel series, None when it is.

    ``mails`` are the cover and patches of one posting, or any mail without a patch.  Prefixes
    decide first, then what the paths (of the diffs, else of the cover's diffstat) prove, then whom
    it was sent to.
    """
    head = mails[0]
    if pull := _pull_request(head):
        return pull
    if named := _by_prefix(mails):
        return named
    if other := _by_paths(mails) or _by_lists(mails):
        return other
    if not any(mail.diff for mail in mails):
        return Declined(reason=DeclineReason.NO_PATCH, evidence=_no_patch(head))
    return None


def _no_patch(head: Mail) -> str:
    what = f'"{head.subject.full[:80]}"' if head.subject.full else "The mail"
    if head.subject.number == 0:
        return f"{what} is a cover letter, and none of its {head.subject.total} patches is here."
    return f"{what} carries no patch."


def _pull_request(head: Mail) -> Declined | None:
    subject = head.subject
    if not subject.reply and subject.has_prefix("pull"):
        return Declined(
            reason=DeclineReason.PULL_REQUEST, evidence=f'The subject says "{subject.full[:80]}".'
        )
    if not subject.reply and len(set(_PULL_BODY.findall(head.body))) > 1:
        return Declined(
            reason=DeclineReason.PULL_REQUEST,
            evidence='The body is what git request-pull writes ("are available in the Git repository at").',
        )
    return None


def _by_prefix(mails: Sequence[Mail]) -> Declined | None:
    for mail in mails:
        for prefix in mail.subject.prefixes:
            word = prefix.lower()
            reason = _PREFIXES.get(word) or next(
                (
                    _PREFIXES[name]
                    for name in ("kvm-unit-tests", "qemu")
                    if word.startswith(name + "-")
                ),
                None,
            )
            if reason:
                return Declined(
                    reason=reason,
                    evidence=f'The subject is prefixed [{prefix}]: "{mail.subject.full[:80]}".',
                )
    return None


def touched(mails: Sequence[Mail]) -> tuple[str, ...]:
    """Paths the diffs name; without any diff, those of the cover's diffstat."""
    found = [one or other for mail in mails for one, other in _TOUCHED.findall(mail.diff)]
    if not found:
        found = _DIFFSTAT.findall(mails[0].body)
    return tuple(dict.fromkeys(found))


def telling_lines(mail: Mail) -> list[str]:
    """The lines of a body that decline() goes by: of a pull request, and without diff the diffstat."""
    lines = [found[0] for found in _PULL_BODY.finditer(mail.body)]
    if not mail.diff:
        lines += [found[0] for found in _DIFFSTAT.finditer(mail.body)]
    return lines


def _by_paths(mails: Sequence[Mail]) -> Declined | None:
    paths = touched(mails)
    if not paths or any(_KERNEL.match(path) for path in paths):
        return None
    for name, pattern in _OTHERS:
        if hit := next((path for path in paths if pattern.match(path)), None):
            return Declined(
                reason=DeclineReason.OTHER_PROJECT, evidence=f"It touches {hit}, which is {name}'s."
            )
    scores = {
        DeclineReason.QEMU: [path for path in paths if _QEMU.match(path)],
        DeclineReason.KVM_UNIT_TESTS: [path for path in paths if _UNIT_TESTS.match(path)],
    }
    reason, hits = max(scores.items(), key=lambda item: len(item[1]))
    own = [path for path in paths if not _SHARED.match(path) or path in hits]
    if len(hits) * 2 <= len(own) or not hits:
        return None
    shown = ", ".join(hits[:3])
    project = "QEMU" if reason is DeclineReason.QEMU else "kvm-unit-tests"
    return Declined(
        reason=reason, evidence=f"It touches {shown}: paths of {project}, and none of the kernel's."
    )


def _by_lists(mails: Sequence[Mail]) -> Declined | None:
    """Sent to QEMU's list and to none of the kernel's own (kvm@ is of both), with no path that only the kernel has."""
    if any(_KERNEL.match(path) for path in touched(mails)):
        return None
    head = mails[0]
    to = [one.email.lower() for one in head.to]
    everyone = to + [one.email.lower() for one in head.cc]
    hit = next((one for one in to if one.startswith(_QEMU_LISTS)), None)
    if hit and not any(one.startswith(_KERNEL_LISTS) for one in everyone):
        return Declined(
            reason=DeclineReason.QEMU,
            evidence=f"It was sent to {hit}, and to no list that has kernel patches only.",
        )
    return None
