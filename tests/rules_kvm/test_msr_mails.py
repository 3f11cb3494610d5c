# SPDX-License-Identifier: GPL-2.0-only
"""KVM-MSR-003, KVM-MSR-006 and KVM-MSR-010 on mails alone: most series are made for trees that nobody has."""

import pytest

from reviewbot import assets
from reviewbot.model.base import Confidence
from reviewbot.model.finding import Severity
from reviewbot.parse.mail import parse_mail
from reviewbot.parse.series import assemble
from reviewbot.rulekit.registry import load_rule
from reviewbot.rulekit.runner import run_rule, without_trees

VMX = "arch/x86/kvm/vmx/vmx.c"
FRED = """
+static void vmx_config_fred(struct kvm_vcpu *vcpu)
+{
+	if (!guest_cpuid_has(vcpu, X86_FEATURE_FRED))
+		return;
+
+	vm_entry_controls_setbit(vmx, VM_ENTRY_LOAD_IA32_FRED);
+}
"""
XFD = """
=	case MSR_IA32_XFD:
=		ret = kvm_set_msr_common(vcpu, msr_info);
+		if (!ret && data) {
+			vcpu->arch.trap_nm = true;
+			vmx_update_exception_bitmap(vcpu);
+		}
=		break;
"""
SET_MSR = "static int vmx_set_msr(struct kvm_vcpu *vcpu, struct msr_data *msr_info)"
AFTER = "static void vmx_vcpu_after_set_cpuid(struct kvm_vcpu *vcpu)"
HOST = """
=	}
=
+	if (boot_cpu_has(X86_FEATURE_XFD))
+		vmx_set_intercept_for_msr(vcpu, MSR_IA32_XFD_ERR, MSR_TYPE_R,
+					  !guest_cpuid_has(vcpu, X86_FEATURE_XFD));
+
=	set_cr4_guest_host_mask(vmx);
"""


def mail(number: int, total: int, hunk: str, section: str = "", path: str = VMX) -> bytes:
    lines = [" " + line[1:] if line[:1] == "=" else line for line in hunk.strip("\n").split("\n")]
    old = sum(not line.startswith("+") for line in lines)
    new = sum(not line.startswith("-") for line in lines)
    return (
        f"From: A Developer <a@example.org>\nTo: kvm@vger.kernel.org\n"
        f"Subject: [PATCH {number}/{total}] KVM: VMX: Change {number}\n"
        f"Message-ID: <{number}@example.org>\n"
        + ("" if number == 1 else "In-Reply-To: <1@example.org>\n")
        + f"Date: Thu, 01 Jan 2026 12:00:0{number} +0000\n\nWhy.\n\n"
        f"Signed-off-by: A Developer <a@example.org>\n---\n"
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -70,{old} +70,{new} @@ {section}\n" + "\n".join(lines) + "\n-- \n2.47.0\n"
    ).encode()


def findings(rule: str, *mails: bytes):
    series = assemble([parse_mail(each) for each in mails], source="test")
    assert series is not None
    loaded = load_rule(assets.rules_directory() / "kvm/msr" / rule)
    found = run_rule(loaded, without_trees(series, "no base was found")).findings
    assert {(f.severity, f.confidence) for f in found} <= {(Severity.WARNING, Confidence.LOW)}
    return [(f.patch, f.location.line) for f in found]


def test_what_a_mail_turns_on_and_never_off_is_a_warning():
    assert findings("reversible.py", mail(1, 1, FRED)) == [(1, 75)]
    assert findings("reversible.py", mail(1, 1, XFD, SET_MSR)) == [(1, 73)]


def test_a_later_patch_may_add_to_the_function():
    more = """
=	vm_entry_controls_setbit(vmx, VM_ENTRY_LOAD_IA32_FRED);
+	vmx_disable_intercept_for_msr(vcpu, MSR_IA32_FRED_RSP0, MSR_TYPE_RW);
=}
"""
    section = "static void vmx_config_fred(struct kvm_vcpu *vcpu)"
    assert findings("reversible.py", mail(1, 2, FRED), mail(2, 2, more, section)) == [
        (1, 75),
        (2, 71),
    ]
    assert findings("reversible.py", mail(1, 1, more, section)) == []


@pytest.mark.parametrize(
    ("hunk", "reverse"),
    [
        (FRED, "+	vm_entry_controls_clearbit(vmx, VM_ENTRY_LOAD_IA32_FRED);"),
        (FRED, " 	vm_entry_controls_clearbit(vmx, VM_ENTRY_LOAD_IA32_FRED);\n+	return;"),
        (XFD, "+	vcpu->arch.trap_nm = vcpu->arch.xfd;"),
    ],
)
def test_the_reverse_may_be_in_any_patch_before_or_after(hunk, reverse):
    undo = f" 	one();\n{reverse}\n 	two();"
    section = SET_MSR if hunk is XFD else ""
    first, second = mail(1, 2, undo, AFTER), mail(2, 2, hunk, section)
    assert findings("reversible.py", first, second) == []


def test_code_that_is_moved_is_not_new():
    moved = "\n".join("-" + line[1:] for line in FRED.strip("\n").split("\n"))
    assert findings("reversible.py", mail(1, 2, moved), mail(2, 2, FRED)) == []


def test_an_intercept_that_goes_with_the_flag_is_one_way_by_design():
    passed = XFD.replace(
        "+			vcpu->arch.trap_nm",
        "+			vmx_disable_intercept_for_msr(vcpu, MSR_IA32_XFD, MSR_TYPE_RW);\n"
        "+			vcpu->arch.trap_nm",
    )
    assert findings("reversible.py", mail(1, 1, passed, SET_MSR)) == []


def test_a_question_to_the_host_about_an_intercept_is_a_warning():
    assert findings("predicate.py", mail(1, 1, HOST, AFTER)) == [(1, 72)]
    newer = HOST.replace("boot_cpu_has", "cpu_feature_enabled")
    assert findings("predicate.py", mail(1, 1, newer, AFTER)) == [(1, 72)]


@pytest.mark.parametrize(
    ("hunk", "section"),
    [
        (HOST.replace("boot_cpu_has", "kvm_cpu_cap_has"), AFTER),
        (HOST.replace("MSR_TYPE_R,", "MSR_TYPE_W,"), AFTER),
        (HOST.replace("X86_FEATURE_XFD)", "X86_FEATURE_V_XFD)"), AFTER),
        (HOST, SET_MSR),
        (
            HOST.replace(
                "+	if (boot_", "-	x = boot_cpu_has(X86_FEATURE_XFD);\n+	if (boot_"
            ),
            AFTER,
        ),
    ],
)
def test_other_questions_are_none(hunk, section):
    assert findings("predicate.py", mail(1, 1, hunk, section)) == []


LIST = """
=#endif
=	MSR_IA32_TSC, MSR_IA32_CR_PAT,
+	MSR_IA32_FRED_RSP0, MSR_IA32_FRED_CONFIG,
=	MSR_IA32_FEAT_CTL,
"""
HANDLER = (
    "\n=\tswitch (index) {\n+\tcase MSR_IA32_FRED_RSP0 ... MSR_IA32_FRED_CONFIG:\n+\t\tbreak;\n"
)
PROBE = (
    "\n=\t\tbreak;\n+\tcase MSR_IA32_FRED_RSP0 ... MSR_IA32_FRED_CONFIG:\n"
    "+\t\tif (!kvm_cpu_cap_has(X86_FEATURE_FRED))\n+\t\t\treturn;\n+\t\tbreak;\n=\tdefault:\n"
)
ARRAY = "static const u32 msrs_to_save_base[] = {"
GET_MSR = "int __kvm_get_msr(struct kvm_vcpu *vcpu, u32 index, u64 *data,"
LAST_CHECK = "static void kvm_probe_msr_to_save(u32 msr_index)"
X86 = "arch/x86/kvm/x86.c"


def test_what_the_mails_list_and_handle_needs_a_last_check():
    listed = mail(1, 2, LIST, ARRAY, X86)
    assert findings("save_list.py", listed, mail(2, 2, HANDLER, GET_MSR, X86)) == [(1, 72)]
    # An MSR that is only listed may have been handled for long (DEBUGCTL).
    assert findings("save_list.py", mail(1, 1, LIST, ARRAY, X86)) == []


def test_the_last_check_may_come_in_another_patch():
    mails = ((LIST, ARRAY), (HANDLER, GET_MSR), (PROBE, LAST_CHECK))
    assert findings("save_list.py", *(mail(n, 3, *m, X86) for n, m in enumerate(mails, 1))) == []
