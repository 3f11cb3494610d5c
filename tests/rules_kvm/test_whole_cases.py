# SPDX-License-Identifier: GPL-2.0-only
"""What rules read from hunks alone: cases added whole, handlers added whole, module parameters."""

import pytest

from reviewbot import assets
from reviewbot.parse.mail import parse_mail
from reviewbot.parse.series import assemble
from reviewbot.rulekit import added_cases
from reviewbot.rulekit.registry import load_rule
from reviewbot.rulekit.runner import run_rule, without_trees

X86 = "arch/x86/kvm/x86.c"
CHECK = "int kvm_vm_ioctl_check_extension(struct kvm *kvm, long ext)"
ENABLE = "int kvm_vm_ioctl_enable_cap(struct kvm *kvm,"
CONTEXT = "\t\tbreak;"


def series(section, *lines, path=X86):
    """One patch with one hunk between two lines of context."""
    hunk = "".join(f"{line}\n" for line in (f" {CONTEXT}", *lines, f" {CONTEXT}"))
    new = sum(line[:1] in {"+", " "} for line in lines)
    old = sum(line[:1] in {"-", " "} for line in lines)
    text = (
        "From: A Developer <a@example.org>\nTo: kvm@vger.kernel.org\n"
        "Subject: [PATCH] KVM: x86: Change\nMessage-ID: <1@example.org>\n"
        "Date: Thu, 01 Jan 2026 12:00:00 +0000\n\nWhy.\n\n"
        f"Signed-off-by: A Developer <a@example.org>\n---\ndiff --git a/{path} b/{path}\n"
        f"--- a/{path}\n+++ b/{path}\n@@ -70,{old + 2} +70,{new + 2} @@ {section}\n{hunk}"
        "-- \n2.47.0\n"
    )
    found = assemble([parse_mail(text.encode())], source="test")
    assert found is not None
    return found


def said(rule, *hunk, **where):
    loaded = load_rule(assets.rules_directory() / "kvm" / rule)
    answer = run_rule(loaded, without_trees(series(*hunk, **where), "no base was found"))
    return [(finding.code, finding.location.line) for finding in answer.findings]


def bodies(*lines):
    (hunk,) = series("", *lines).patches[0].files[0].hunks
    return [(b.name, b.line, b.text) for b in added_cases(X86, hunk, "KVM_CAP_", "ext")]


def test_a_case_that_is_added_whole_is_read_with_the_lines_of_the_file():
    assert bodies("+\tcase KVM_CAP_A:", "+\tcase KVM_CAP_B:", "+\t\tr = 1;", "+\t\tbreak;") == [
        ("KVM_CAP_B", 71, "r = 1; break;")
    ]


def test_cases_one_after_the_other_are_two_and_braces_belong_to_theirs():
    lines = ("case KVM_CAP_A: {", "\tr = 1;", "\tbreak;", "}", "case KVM_CAP_B:", "\treturn 2;")
    found = bodies(*(f"+\t{line}" for line in lines))
    assert [(name, line) for name, line, _ in found] == [("KVM_CAP_A", 71), ("KVM_CAP_B", 75)]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(("+\tcase KVM_CAP_A:", " \t\tr = 1;", "+\t\tbreak;"), id="old statements"),
        pytest.param(("+\tcase KVM_CAP_A:", "+\t\tr = 1;"), id="no end"),
        pytest.param(("+\tcase OTHER:", "+\t\tbreak;"), id="another switch"),
        pytest.param((" \tcase KVM_CAP_A:", "+\t\tr = 1;", "+\t\tbreak;"), id="an old case"),
    ],
)
def test_a_case_of_which_the_hunk_has_a_part_is_left_alone(lines):
    assert bodies(*lines) == []


def test_a_new_case_that_looks_into_kvm_is_found_without_a_tree():
    lines = ("+\tcase KVM_CAP_A:", "+\t\tr = kvm->vcpus[0]->arch.size;", "+\t\tbreak;")
    assert said("cap/without_vm.py", CHECK, *lines) == [("KVM-CAP-003", 71)]
    assert said("cap/without_vm.py", ENABLE, *lines) == []
    assert said("cap/without_vm.py", "", *lines) == []


def test_a_new_case_that_takes_any_bits_is_found_without_a_tree():
    lines = (
        "+\tcase KVM_CAP_A:",
        "+\t\tif (cap->args[0] & KVM_A_ONE)",
        "+\t\t\tkvm->arch.a = true;",
        "+\t\tr = 0;",
        "+\t\tbreak;",
    )
    assert said("cap/enable.py", ENABLE, *lines) == [("KVM-CAP-002", 71)]
    checked = ("+\t\tif (cap->args[0] & ~KVM_A_VALID)", "+\t\t\treturn -EINVAL;")
    assert said("cap/enable.py", ENABLE, lines[0], *checked, *lines[1:]) == []


PARAMETER = "+module_param(limit, uint, {});"
COPIED = "+\tvcpu->arch.limit = limit;"


@pytest.mark.parametrize(
    ("mode", "use", "wrong"),
    [
        ("0644", COPIED, True),
        ("S_IRUGO | S_IWUSR", COPIED, True),
        ("0444", COPIED, False),
        ("S_IRUGO", COPIED, False),
        ("0644", "+\tvmcs_write32(PLE_GAP, limit);", True),
        ("0444", "+\tvmcs_write32(PLE_GAP, limit);", False),
        ("0644", "+\tif (limit)", False),
        ("0644", "+\tlimit = vcpu->arch.limit;", False),
        ("0644", "+\tvcpu->arch.limit = other_limit;", False),
    ],
)
def test_a_new_parameter_may_be_written_unless_something_keeps_its_value(mode, use, wrong):
    found = said("cap/enable.py", "", PARAMETER.format(mode), use)
    assert found == ([("KVM-CAP-002", 71)] if wrong else [])


def test_a_parameter_that_could_be_written_before_is_not_new():
    old = "-module_param(limit, uint, S_IRUGO | S_IWUSR);"
    assert said("cap/enable.py", "", old, PARAMETER.format("0644"), COPIED) == []


NM = (
    "+static void handle_nm_fault_irqoff(struct kvm_vcpu *vcpu)",
    "+{",
    "+\trdmsrl(MSR_IA32_XFD_ERR, vcpu->arch.guest_fpu.xfd_err);",
    "+\tkvm_queue_exception(vcpu, NM_VECTOR);",
    "+}",
)


def test_a_new_handler_that_takes_what_may_be_of_l1_is_found_once_without_a_tree():
    path = "arch/x86/kvm/vmx/vmx.c"
    assert said("msr/nested_merge.py", "", *NM, path=path) == [("KVM-MSR-009", 74)]
    renamed = NM[0].replace("_irqoff", "")
    assert said("msr/nested_merge.py", "", renamed, *NM[1:], path=path) == []


def test_what_a_handler_with_interrupts_off_calls_is_part_of_it():
    path, section = (
        "arch/x86/kvm/vmx/vmx.c",
        "static void handle_exception_irqoff(struct vcpu *vcpu)",
    )
    renamed = NM[0].replace("_irqoff", "")
    call = "+\t\thandle_nm_fault(vcpu);"
    assert said("msr/nested_merge.py", section, call, " }", renamed, *NM[1:], path=path)
    assert not said("msr/nested_merge.py", section, " }", renamed, *NM[1:], call, path=path)
    assert not said("msr/nested_merge.py", "", call, " }", renamed, *NM[1:], path=path)
