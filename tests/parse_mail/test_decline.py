# SPDX-License-Identifier: GPL-2.0-only
"""Series that are not the kernel's, and kernel series that only look so."""

import mails
import pytest

from reviewbot.model.series import DeclineReason
from reviewbot.parse.classify import decline
from reviewbot.parse.mail import parse_mail


def verdict(subject, *, body="", to="kvm@vger.kernel.org", cc=""):
    headers = [f"Cc: {cc}"] if cc else []
    return decline([parse_mail(mails.mail(subject, body=body, to=to, headers=headers))])


def patch(*paths):
    return "Why.\n---\n" + "".join(mails.diff_of(path) for path in paths)


@pytest.mark.parametrize(
    ("subject", "paths", "reason"),
    [
        ("[kvm-unit-tests PATCH v2 1/3] x86: Add a test", ["x86/svm.c"], DeclineReason.KVM_UNIT_TESTS),
        ("[PATCH kvm-unit-tests] arm: fix", ["lib/arm/asm/x.h"], DeclineReason.KVM_UNIT_TESTS),
        ("[PATCH 1/2] x86: Add PAT test", ["x86/svm_npt.c", "x86/unittests.cfg"], DeclineReason.KVM_UNIT_TESTS),
        ("[PATCH] s390x: css: test", ["lib/s390x/css.h", "s390x/css.c", "lib/alloc.c"], DeclineReason.KVM_UNIT_TESTS),
        ("[QEMU PATCH v4 2/6] accel/kvm: foo", ["accel/kvm/kvm-all.c"], DeclineReason.QEMU),
        ("[PATCH v4] target/i386: sev", ["target/i386/sev.c", "hw/i386/pc.c"], DeclineReason.QEMU),
        ("[PATCH] tap: fix", ["net/tap.c", "include/net/tap.h", "hw/net/virtio-net.c"], DeclineReason.QEMU),
        ("[PATCH kvmtool 1/2] arm: foo", ["arm/kvm.c"], DeclineReason.OTHER_PROJECT),
        ("[PATCH] generic/123: new", ["tests/generic/123", "common/rc"], DeclineReason.OTHER_PROJECT),
        ("[PATCH b4] mbox: fix", ["src/b4/mbox.py"], DeclineReason.OTHER_PROJECT),
        ("[GIT PULL 1/9] KVM: s390: foo", ["arch/s390/kvm/kvm-s390.c"], DeclineReason.PULL_REQUEST),
    ],
)  # fmt: skip
def test_other_projects_are_named_with_evidence(subject, paths, reason):
    declined = verdict(subject, body=patch(*paths))
    assert declined is not None
    assert declined.reason is reason
    assert declined.evidence.endswith(".")
    assert "\n" not in declined.evidence


@pytest.mark.parametrize(
    "paths",
    [
        ["arch/x86/kvm/x86.c"],
        ["tools/testing/selftests/kvm/x86/svm_nested_pat_test.c"],
        ["lib/vsprintf.c"],
        ["block/blk-mq.c"],
        ["net/core/dev.c", "include/net/sock.h"],
        ["scripts/checkpatch.pl"],
        ["MAINTAINERS"],
        ["Makefile"],
        ["rust/kernel/lib.rs"],
        ["crypto/aes_generic.c"],
        ["io_uring/io_uring.c"],
        ["virt/kvm/kvm_main.c", "include/linux/kvm_host.h"],
        ["Documentation/virt/kvm/api.rst"],
        ["arch/x86/kvm/x86.c", "target/i386/kvm.c"],
    ],
)
def test_kernel_patches_are_reviewed_wherever_they_are_sent(paths):
    assert verdict("[PATCH] KVM: fix", body=patch(*paths)) is None
    assert verdict("[PATCH 5.10 001/100] KVM: stable backport", body=patch(*paths)) is None
    both = verdict(
        "[PATCH] KVM: fix",
        body=patch(*paths),
        to="qemu-devel@nongnu.org",
        cc="linux-kernel@vger.kernel.org",
    )
    assert both is None


def test_a_patch_for_qemu_only_by_its_list():
    declined = verdict(
        "[PATCH] scripts: fix", body=patch("scripts/x.py"), to="qemu-devel@nongnu.org"
    )
    assert declined.reason is DeclineReason.QEMU
    assert "qemu-devel" in declined.evidence


def test_a_request_to_pull():
    body = (
        "Hi Paolo,\n\nThe following changes since commit 0123456789abcdef:\n\n  Linux 7.0\n\n"
        "are available in the Git repository at:\n\n  https://git.example.org/x.git tags/y\n"
    )
    assert verdict("[GIT PULL] KVM fixes", body=body).reason is DeclineReason.PULL_REQUEST
    assert verdict("KVM fixes for 7.1", body=body).reason is DeclineReason.PULL_REQUEST


def test_a_cover_letter_alone_says_what_is_missing():
    declined = verdict(
        "[PATCH v6 00/10] KVM: x86: nSVM: Improve PAT", body=" arch/x86/kvm/x86.c | 2 +\n"
    )
    assert declined.reason is DeclineReason.NO_PATCH
    assert "none of its 10 patches" in declined.evidence


def test_the_diffstat_of_a_cover_letter_is_evidence():
    body = "Text.\n\n accel/kvm/kvm-all.c    | 69 ++++++\n target/i386/sev.c | 2 +-\n 2 files changed\n"
    assert verdict("[PATCH v4 0/6] SEV-ES guest support", body=body).reason is DeclineReason.QEMU


def test_a_question_has_no_patch():
    assert verdict("nested PAT on SVM?", body="Does it work?").reason is DeclineReason.NO_PATCH


def test_the_collected_covers_of_other_projects_are_recognised(shared):
    """One page of five real cover letters: three of the kernel, one of kvm-unit-tests, one of QEMU."""
    from reviewbot.tools import mailbox

    pages = [
        page
        for page in sorted((shared / "seeds").glob("*.txt"))
        if b"From patchwork" in page.read_bytes()
    ]
    covers = [parse_mail(raw) for page in pages for raw in mailbox.read(page)]
    found = {cover.subject.text: decline([cover]).reason for cover in covers}
    assert found["Qemu SEV-ES guest support"] is DeclineReason.QEMU
    assert found["s390x: css: pv: css test adaptation for PV"] is DeclineReason.KVM_UNIT_TESTS
    assert list(found.values()).count(DeclineReason.NO_PATCH) == 3
