# SPDX-License-Identifier: GPL-2.0-only
"""Every shipped rule on text that is made to hang or crash it: bounded, an answer each, no silence."""

import dataclasses
import subprocess
import time

import pytest

from reviewbot import assets
from reviewbot.model.finding import RuleStatus
from reviewbot.model.series import Hunk
from reviewbot.rulekit.registry import load_rules
from reviewbot.stages import check

KVM = "include/uapi/linux/kvm.h"
ASM = "arch/x86/include/uapi/asm/kvm.h"
PATHS = (
    KVM,
    ASM,
    "arch/x86/include/asm/kvm_host.h",
    "arch/x86/kvm/x86.c",
    "arch/x86/kvm/svm/svm.c",
    "arch/x86/kvm/vmx/vmx.c",
    "arch/x86/kvm/vmx/vmcs12.h",
    "virt/kvm/kvm_main.c",
    "Documentation/virt/kvm/api.rst",
    "tools/testing/selftests/kvm/x86_64/hostile_test.c",
)
BENIGN = dict.fromkeys(PATHS, b"/* nothing yet */\n") | {
    KVM: b"#include <linux/types.h>\n#include <linux/ioctl.h>\n#include <asm/kvm.h>\n",
    ASM: b"#include <linux/types.h>\nstruct kvm_old { __u64 a; };\n",
}
HOSTILE = {
    "no C": b"struct kvm_x { __u32 reserved; ) } ;; #define ( \" ' int f(void { case 3: \\\n" * 50,
    "macros": b"".join(
        b"#define KVM_X86_QUIRK_%d (1ULL << %d)\n" % (n, n % 64) for n in range(125_000)
    ),
    "braces": b"struct kvm_deep { union " + b"{ struct " * 50_000,
    "code braces": b"int f(void)\n" + b"{" * 100_000,
    "parentheses": b"#define KVM_CAP_DEEP " + b"(" * 100_000 + b"\nint a = " + b"(" * 100_000,
    "not UTF-8": b"#define KVM_CAP_\xff\xfe 7\n\x00\x80\xc3(\n=====\n\xed\xa0\x80\n-----\n" * 200,
    "includes itself": b'#include <linux/kvm.h>\n#include <asm/kvm.h>\n#include "kvm.h"\n#define KVM_CAP_A 1\n',
    "expands for ever": b"#define KVM_A0 1\n"
    + b"".join(b"#define KVM_A%d (KVM_A%d + KVM_A%d)\n" % (n + 1, n, n) for n in range(40)),
    "other files": b"".join(
        b'#include "%s"\n#include <%s>\n' % (name, name)
        for name in (b"/etc/passwd", b"../../../../etc/passwd", b"/dev/zero", b"/proc/self/mem")
    ),
    "huge enum": b"enum kvm_huge {\n"
    + b"".join(b"\tKVM_HUGE_%d = %d,\n" % (n, n) for n in range(20_000))
    + b"};\n",
    "long document": b"".join(
        b"8.%d KVM_CAP_%d\n--------------------\n\n:Architectures: x86\n\n::\n\n  struct kvm_x {\n\n"
        % (n, n)
        for n in range(12_500)
    ),
    "deep document": b"".join(b" " * n + b"- KVM_CAP_%d\n\n" % n for n in range(1_000)),
}
LOUD = {"expands for ever": "KVM-ABI-009", "huge enum": "", "deep document": ""}
"""The rule that must say something, where it is not the one about headers; "" for text that is allowed."""
LIMIT = 1.0
"""Seconds a rule here; what takes longer must be stopped, so less than the real limit makes the test quick."""


@pytest.fixture
def commit(tmp_path):
    """Commit files, give the commit's and the tree's id."""

    def git(*words):
        command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *words]
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")

    def commit(files):
        for path, data in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(data)
        git("add", "-A", "-f")
        git("commit", "-q", "-m", "x")
        return git("rev-parse", "HEAD"), git("rev-parse", "HEAD^{tree}")

    return commit


def adding(text, counts):
    """A hunk that adds the text; ``counts`` are what its header claims, None for the truth."""
    lines = tuple("+" + line for line in text.decode("utf-8", "replace").split("\n"))
    start, count = counts or (1, len(lines))
    return Hunk(
        old_start=start, old_count=0, new_start=start, new_count=count, section="", lines=lines
    )


@pytest.fixture
def review(commit, small, tools, tmp_path, monkeypatch):
    """What all rules say about one patch that adds the text to every file; and the seconds it took."""
    monkeypatch.setattr(check, "SECONDS_PER_RULE", LIMIT)

    def review(text, *, counts=None):
        first, after = commit(BENIGN), commit({path: BENIGN[path] + text for path in PATHS})
        patch = small.patch(1, PATHS)
        files = tuple(dataclasses.replace(f, hunks=(adding(text, counts),)) for f in patch.files)
        series = small.series([dataclasses.replace(patch, files=files)])
        applied = small.applied([1], repository=str(tmp_path))
        base = dataclasses.replace(applied.base, commit=first[0], tree_id=first[1])
        patch = dataclasses.replace(applied.patches[0], commit=after[0], tree_id=after[1])
        applied = dataclasses.replace(applied, base=base, patches=(patch,))
        started = time.monotonic()
        result = check.run(check.CheckRequest(series=series, applied=applied), tools)
        return result, time.monotonic() - started

    return review


def test_a_rule_has_five_seconds():
    assert check.SECONDS_PER_RULE == 5.0, "README, docs/rulekit.md and issue 3 promise five seconds"


@pytest.mark.parametrize("name", HOSTILE)
def test_every_rule_answers_in_time_and_none_crashes_or_is_silent(name, review):
    result, spent = review(HOSTILE[name])
    bounded(result, spent)
    lost = {o.code for o in result.outcomes if o.status is RuleStatus.COULD_NOT_RUN}
    wanted = LOUD.get(name, "KVM-ABI-011")
    loud = lost | {finding.code for finding in result.findings}
    assert not wanted or wanted in loud, f"{wanted} was silent about {name!r}"


@pytest.mark.parametrize("counts", [(-(2**63), -1), (2**63, 2**63), (0, 0)], ids=str)
def test_hunks_with_wild_counts(counts, review):
    bounded(*review(b"#define KVM_CAP_WILD 1\nstruct kvm_wild { __u32 a; };\n", counts=counts))


def bounded(result, spent):
    """Every rule answered, in time, without a crash, and says why when it could not run."""
    answered = {outcome.code: outcome for outcome in result.outcomes}
    rules = [rule.code for rule in load_rules([assets.rules_directory()])]
    assert sorted(answered) == rules, "a rule said nothing at all"
    accounted = sum(outcome.seconds for outcome in answered.values())
    assert spent < accounted + 4, "time was spent that no rule's limit bounds"
    for outcome in answered.values():
        assert outcome.seconds < LIMIT + 1, f"{outcome.code} was not stopped"
        if outcome.status is RuleStatus.COULD_NOT_RUN:
            assert outcome.reason, f"{outcome.code} does not say why it could not run"
        crashed = outcome.reason.startswith(("the rule failed", "its process died"))
        assert not crashed, f"{outcome.code} crashed: {outcome.reason}"
    said = repr((result.findings, result.facts, [o.reason for o in answered.values()]))
    assert "root:x:0" not in said, "a file of the host was read"


def test_one_rule_that_hangs_takes_no_other_along(review):
    """Values of KVM_A40 take for ever; layouts of the same header are read nevertheless."""
    result, _ = review(HOSTILE["expands for ever"] + b"struct kvm_new { __u32 a; __u64 b; };\n")
    assert "KVM-ABI-003" in {finding.code for finding in result.findings}
