# SPDX-License-Identifier: GPL-2.0-only
"""Hunks of a mail as C: what they show is found, with its function, conditions and line."""

from dataclasses import replace

import pytest

from reviewbot.model.series import ChangeKind, FileDiff, Hunk
from reviewbot.rulekit import asks_guest, fragments, switching
from reviewbot.rulekit.fragments import Fragment

PATH = "arch/x86/kvm/vmx/vmx.c"


def lines_of(text: str) -> list[str]:
    """Lines of a hunk; "=" in the first column is a line that stays."""
    lines = text.strip("\n").split("\n")
    return [" " + line[1:] if line.startswith("=") else line for line in lines]


@pytest.fixture
def fragment_of(small):
    def make(text: str, section: str = "", start: int = 100) -> Fragment:
        hunk = Hunk(
            old_start=start,
            old_count=1,
            new_start=start,
            new_count=1,
            section=section,
            lines=tuple(lines_of(text)),
        )
        file = FileDiff(kind=ChangeKind.MODIFY, old_path=PATH, new_path=PATH, hunks=(hunk,))
        patch = replace(small.patch(1, ()), files=(file,))
        (found,) = fragments(small.series([patch]), "arch/x86/kvm/*")
        return found

    return make


def test_a_hunk_inside_a_function_has_its_name_and_the_lines_of_the_file(fragment_of):
    found = fragment_of(
        """
=	first();
-	old();
+	if (guest_cpuid_has(vcpu, X86_FEATURE_FRED))
+		second(vcpu);
=	third();
""",
        "static int *vmx_set_msr(struct kvm_vcpu *vcpu)",
    )
    (call,) = found.source.calls("second")
    assert (call.function, found.added[call.line]) == ("vmx_set_msr", 102)
    assert asks_guest(call.conditions, "if")
    assert not asks_guest(call.conditions, "exit")
    assert found.source.calls("first")[0].line not in found.added
    assert found.known_words == {"first", "old", "third"}


def test_blocks_that_a_hunk_does_not_open_or_close_do_not_matter(fragment_of):
    found = fragment_of(
        """
=			inner();
=		}
=	}
+	added();
+	if (last) {
=		deep();
""",
        "static void one(void)",
    )
    assert [call.function for call in found.source.calls("added")] == ["one"]
    assert [c.text for c in found.source.calls("deep")[0].conditions] == ["last"]


def test_the_end_of_one_function_and_a_new_one(fragment_of):
    found = fragment_of(
        """
=	end();
=}
=
+static void added_function(void)
+{
+	if (!ready)
+		return;
+	work();
+}
+
=static void after(void)
={
=	start();
""",
        "static void before(void)",
    )
    named = {name: found.source.calls(name)[0].function for name in ("end", "work", "start")}
    assert named == {"end": "before", "work": "added_function", "start": "after"}
    assert found.source.calls("work")[0].conditions[0].kind == "exit"


def test_a_hunk_between_functions_is_not_in_the_function_above(fragment_of):
    found = fragment_of(
        """
=static u32 list[] = {
=	MSR_A,
+	MSR_B,
=};
=
=static void after(void)
={
""",
        "static void above(void)",
    )
    assert "above" not in found.source.functions


@pytest.mark.parametrize("mark", ["{", "}", " }", " {"])
def test_a_million_braces_take_no_time(fragment_of, mark):
    found = fragment_of("\n".join(f"+{mark}" for _ in range(100_000)), "static void one(void)")
    assert len(found.source.source) < 1_000_000
    assert len(found.added) == 100_000


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("vmx_disable_intercept_for_msr(vcpu, MSR_A, MSR_TYPE_R)", ("intercept", True, False)),
        ("svm_enable_intercept_for_msr(vcpu, MSR_A, MSR_TYPE_R)", ("intercept", False, True)),
        ("vmx_set_intercept_for_msr(vcpu, MSR_A, MSR_TYPE_R, !has)", ("intercept", True, True)),
        ("vmx_set_intercept_for_msr(vcpu, MSR_A, MSR_TYPE_R, false)", ("intercept", True, False)),
        ("vmx_set_intercept_for_msr(vcpu, MSR_A, MSR_TYPE_R, true)", ("intercept", False, True)),
        ("set_msr_interception(vcpu, svm->msrpm, MSR_A, 1, 1)", ("intercept", True, False)),
        ("set_msr_interception(vcpu, svm->msrpm, MSR_A, 0, 1)", ("intercept", True, False)),
        ("set_msr_interception(vcpu, svm->msrpm, MSR_A, 0, 0)", ("intercept", False, True)),
        ("set_msr_interception(vcpu, svm->msrpm, MSR_A, on, on)", ("intercept", True, True)),
        ("svm_clr_intercept(svm, MSR_A)", ("instruction", True, False)),
        ("vm_entry_controls_setbit(vmx, MSR_A)", ("control", True, False)),
        ("vm_exit_controls_changebit(vmx, MSR_A, has)", ("control", True, True)),
        ("secondary_exec_controls_clearbit(vmx, MSR_A | MSR_A)", ("control", False, True)),
    ],
)
def test_what_calls_do_in_every_tree(fragment_of, call, expected):
    source = fragment_of(f"+	{call};", "static void one(void)").source
    (found,) = (switching(each) for each in source.calls(call.partition("(")[0]))
    assert (found.kind, found.passes, found.blocks) == expected
    assert found.names == {"MSR_A"}
