# SPDX-License-Identifier: GPL-2.0-only
"""Useless intercepts and merges of a series of which only some patches apply."""

import hashlib

import pytest

from reviewbot import assets
from reviewbot.parse.mail import parse_mail
from reviewbot.parse.series import assemble
from reviewbot.rulekit.registry import load_rule
from reviewbot.rulekit.runner import on_trees, run_rule

SVM = "arch/x86/kvm/svm/svm.c"
NESTED = "arch/x86/kvm/vmx/nested.c"
BASE = {
    SVM: "void f(void)\n{\n\tset_msr_interception(vcpu, msrpm, MSR_STAR, 1, 1);\n}\n",
    NESTED: "void g(void)\n{\n\tvmx_disable_intercept_for_msr(vcpu, MSR_FS_BASE, MSR_TYPE_RW);\n}\n",
    "README": "",
}


class Tree:
    """A TreeView of ``BASE``."""

    def read(self, path):
        return BASE[path].encode() if path in BASE else None

    def blob_id(self, path):
        data = self.read(path)
        return None if data is None else hashlib.sha1(data, usedforsecurity=False).hexdigest()

    def paths(self, prefix):
        return [path for path in BASE if path.startswith(prefix)]


def mail(number, total, path, *lines):
    text = "".join(f"+{line}\n" for line in lines)
    return (
        "From: A Developer <a@example.org>\nTo: kvm@vger.kernel.org\n"
        f"Subject: [PATCH {number}/{total}] KVM: x86: Change {number}\n"
        f"Message-ID: <{number}@example.org>\n"
        + ("" if number == 1 else "In-Reply-To: <1@example.org>\n")
        + f"Date: Thu, 01 Jan 2026 12:00:0{number} +0000\n\nWhy.\n\n"
        f"Signed-off-by: A Developer <a@example.org>\n---\ndiff --git a/{path} b/{path}\n"
        f"--- a/{path}\n+++ b/{path}\n@@ -70,1 +70,{len(lines) + 1} @@ void f(void)\n context();\n"
        f"{text}-- \n2.47.0\n"
    ).encode()


def said(rule, path, *lines, total=2):
    series = assemble(
        [
            parse_mail(each)
            for each in (mail(1, total, "README", "one"), mail(2, total, path, *lines))
        ],
        source="test",
    )
    loaded = load_rule(assets.rules_directory() / "kvm/msr" / rule)
    answer = run_rule(loaded, on_trees(series, [1], Tree(), [Tree()]))
    return [(finding.code, finding.patch, finding.location.line) for finding in answer.findings]


ENABLED = "\tset_msr_interception(vcpu, msrpm, MSR_K7_EVNTSEL0 + i, 0, 0);"
OPENED = "\tset_msr_interception(vcpu, msrpm, MSR_K7_EVNTSEL0 + i, clear, clear);"
FOUND = [("KVM-MSR-011", 2, 71)]
VARIABLE = "\tset_msr_interception(vcpu, msrpm, msr, clear, clear);"


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((ENABLED,), FOUND),
        (("\tset_msr_interception(vcpu, msrpm,", "\t\tMSR_K7_EVNTSEL0, 0, 0);"), FOUND),
        ((ENABLED, OPENED), []),
        ((ENABLED, VARIABLE), []),
        ((ENABLED.replace("MSR_K7_EVNTSEL0 + i", "MSR_STAR"),), []),
    ],
)
def test_an_added_call_that_only_intercepts_is_judged_by_base_and_added_lines(lines, found):
    assert said("redundant.py", SVM, *lines) == found


def test_nothing_is_said_when_mails_are_missing():
    assert said("redundant.py", SVM, ENABLED, total=3) == []
    assert said("nested_merge.py", NESTED, MERGED, total=3) == []


MERGED = "\tnested_vmx_merge_msr_bitmaps_rw(MSR_ARCH_PERFMON_EVENTSEL0 + i);"
PASSED = "\tvmx_set_intercept_for_msr(vcpu, MSR_ARCH_PERFMON_EVENTSEL0, MSR_TYPE_RW, intercept);"


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((MERGED,), [("KVM-MSR-009", 2, 71)]),
        ((MERGED, PASSED), []),
        (("\tnested_vmx_merge_msr_bitmaps_rw(MSR_FS_BASE);",), []),
    ],
)
def test_an_added_merge_is_judged_by_base_and_added_lines(lines, found):
    assert said("nested_merge.py", NESTED, *lines) == found
