# SPDX-License-Identifier: GPL-2.0-only
"""Cases behind #ifdef, early exits, short circuits and labels that fall through."""

import pytest

from reviewbot.parse.c import CFile

SWITCH = b"""int f(struct kvm *kvm, int cap)
{
	switch (cap) {
	case KVM_CAP_A:
	case KVM_CAP_B:
		first();
#ifdef CONFIG_X
		second();
#endif
		if (kvm->z)
			return 1;
		third();
		break;
#ifdef CONFIG_X
	case KVM_CAP_C:
		fourth();
		break;
#else
	case KVM_CAP_D:
		fifth();
		fallthrough;
#endif
	case MSR_0 ... MSR_X(KVM_MAX) - 1:
		sixth();
		break;
	case MSR_A ... MSR_B:
	case 0x10 ... 0x1f:
		break;
	default:
		return -EINVAL;
	}
	return 0;
}
"""


def conditions(body, name="call"):
    """Kind and text of what holds where ``call()`` stands."""
    source = b"static int f(int a, int b)\n{\n" + body + b"\n}\n"
    (call,) = CFile("x.c", source).calls(name)
    return [(c.kind, c.text) for c in call.conditions]


def test_cases_behind_ifdef_and_ranges():
    cases = CFile("x.c", SWITCH).switch_cases("f")
    assert [case.labels for case in cases] == [
        ("KVM_CAP_A", "KVM_CAP_B"),
        ("KVM_CAP_C",),
        ("KVM_CAP_D",),
        ("MSR_0 ... MSR_X(KVM_MAX) - 1",),
        ("MSR_A ... MSR_B", "0x10 ... 0x1f"),
        ("default",),
    ]
    assert cases[0].body == "first(); second(); if (kvm->z) return 1; third(); break;"


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("first", ["KVM_CAP_B", "KVM_CAP_A"]),
        ("second", ["KVM_CAP_B", "KVM_CAP_A"]),
        ("third", ["KVM_CAP_B", "KVM_CAP_A"]),
        ("fourth", ["KVM_CAP_C"]),
        ("sixth", ["MSR_0 ... MSR_X(KVM_MAX) - 1", "KVM_CAP_D"]),
    ],
)
def test_labels_by_which_a_statement_is_reached(name, labels):
    (call,) = CFile("x.c", SWITCH).calls(name)
    assert [c.text for c in call.conditions if c.kind == "case"] == labels


def test_an_exit_of_the_case_is_no_exit_of_the_next():
    (third,) = CFile("x.c", SWITCH).calls("third")
    (sixth,) = CFile("x.c", SWITCH).calls("sixth")
    assert ("exit", "kvm->z") in {(c.kind, c.text) for c in third.conditions}
    assert "exit" not in {c.kind for c in sixth.conditions}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"if (a) return 0; call();", [("exit", "a")]),
        (b"if (a) goto out; call(); out: return 0;", [("exit", "a")]),
        (b"while (b) { if (a) continue; call(); }", [("loop", "b"), ("exit", "a")]),
        (b"if (a) return 0; else if (b) return 1; call();", [("exit", "a"), ("exit", "b")]),
        (b"if (a) b = 1; else return 1; call();", [("if", "a")]),
        (b"if (a) { b = 1; } call();", []),
        (b"if (a) BUG(); call();", [("exit", "a")]),
        (b"if (a) { } else if (b) { call(); }", [("else", "a"), ("if", "b")]),
        (b"return a && call();", [("if", "a")]),
        (b"return a || call();", [("else", "a")]),
        (b"return a ? call() : b;", [("if", "a")]),
        (b"return a ? b : call();", [("else", "a")]),
        (b"if (call()) return 0;", []),
        (b"if (a && call()) return 0;", [("if", "a")]),
        (b"if (a) goto out; b = 1; out: call();", []),
        (b"if (a) return 0; again: call(); if (b) goto again;", [("exit", "a")]),
        (b"#ifdef X\nif (a) return 0;\ncall();\n#endif\n", [("exit", "a")]),
        (b"#ifdef X\nif (a) return 0;\n#endif\ncall();\n", []),
    ],
)
def test_what_holds_at_a_call(body, expected):
    assert conditions(body) == expected


def test_both_versions_of_a_function():
    file = CFile(
        "x.c",
        b"#ifdef X\nint f(int a)\n{\n\treturn one(a);\n}\n#else\nint f(int a)\n{\n\treturn two(a);\n}\n#endif\n",
    )
    assert [one.line for one in file.versions("f")] == [2, 7]
    assert file.functions["f"].line == 2
    assert [call.name for call in file.calls_in("f")] == ["one", "two"]


@pytest.mark.parametrize(
    "head",
    [
        b"static __init int f(struct kvm *kvm)",
        b"int __init f(struct kvm *kvm)",
        b"static noinstr int f(struct kvm *kvm)",
        b"__printf(1, 2) int f(struct kvm *kvm)",
        b"static int __must_hold(&a->b) f(struct kvm *kvm)",
        b"static __always_inline int f(struct kvm *kvm) __releases(kvm)",
    ],
)
def test_attributes_do_not_hide_a_function(head):
    file = CFile("x.c", head + b"\n{\n\treturn g(kvm);\n}\n")
    assert list(file.functions) == ["f"]
    assert file.functions["f"].parameters == ("struct kvm *kvm",)
    assert file.calls("g")[0].function == "f"
