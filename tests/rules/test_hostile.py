# SPDX-License-Identifier: GPL-2.0-only
"""Every shipped rule on text that is made to hang or crash it: bounded, an answer each, no silence."""

import dataclasses
import subprocess
import time

import pytest

from reviewbot import assets
from reviewbot.model.finding import RuleStatus
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
}
LIMIT = 2.0
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


@pytest.fixture
def review(commit, small, tools, tmp_path, monkeypatch):
    """What all rules say about one patch that adds the text to every file; and the seconds it took."""
    monkeypatch.setattr(check, "SECONDS_PER_RULE", LIMIT)

    def review(text):
        first, after = commit(BENIGN), commit({path: BENIGN[path] + text for path in PATHS})
        series = small.series([small.patch(1, PATHS)])
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
    answered = {outcome.code: outcome for outcome in result.outcomes}
    rules = [rule.code for rule in load_rules([assets.rules_directory()])]
    assert sorted(answered) == rules, "a rule said nothing at all"
    stopped = [o for o in answered.values() if o.reason == "time limit exceeded"]
    assert spent < LIMIT * (len(stopped) + 8), "the time limit of a rule did not stop it"
    for outcome in answered.values():
        assert outcome.seconds < LIMIT + 1, f"{outcome.code} was not stopped"
        if outcome.status is RuleStatus.COULD_NOT_RUN:
            assert outcome.reason, f"{outcome.code} does not say why it could not run"
        crashed = outcome.reason.startswith(("the rule failed", "its process died"))
        assert not crashed, f"{outcome.code} crashed: {outcome.reason}"
    no_silence(name, result)


def no_silence(name, result):
    """Such headers do not compile for userspace: either that is found, or the rules could not run."""
    lost = {o.code for o in result.outcomes if o.status is RuleStatus.COULD_NOT_RUN}
    loud = lost | {finding.code for finding in result.findings}
    wanted = "KVM-ABI-009" if name == "expands for ever" else "KVM-ABI-011"
    assert wanted in loud, f"{wanted} was silent about {name!r}"


def test_one_rule_that_hangs_takes_no_other_along(review):
    """Values of KVM_A40 take for ever; layouts of the same header are read nevertheless."""
    result, _ = review(HOSTILE["expands for ever"] + b"struct kvm_new { __u32 a; __u64 b; };\n")
    assert "KVM-ABI-003" in {finding.code for finding in result.findings}
