# SPDX-License-Identifier: GPL-2.0-only
"""Logs of real builds of a broken 6.12 KVM (gcc 12), and what has to be read from them.

``pytest tests/build --update`` writes the expectations anew; look at the difference.
"""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.model.build import Level
from reviewbot.parse import compiler
from reviewbot.parse.declared import declares, headers_not_found, not_found
from reviewbot.parse.extrawarn import extra_warnings
from reviewbot.stages.built import new_diagnostics, places_after

LOGS = sorted((Path(__file__).parent.parent / "fixtures" / "compiler").glob("*.log"))
ROOTS = ("/lab/src", "/lab/obj")


def read(log):
    return compiler.diagnostics(log, ROOTS)


@pytest.mark.parametrize("log", LOGS, ids=lambda path: path.stem)
def test_real_logs(log, request):
    found = [
        {key: value for key, value in asdict(one).items() if value} for one in read(log.read_text())
    ]
    expected = log.with_suffix(".json")
    if request.config.getoption("--update"):
        text = json.dumps(found, indent=1, ensure_ascii=False)
        expected.write_text(text + "\n")
    assert expected.exists(), "new log: run pytest tests/build --update and look at the result"
    assert json.loads(json.dumps(found)) == json.loads(expected.read_text())


# Formats of tools that are not installed everywhere, as their manuals show them.
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (  # sparse(1)
            "arch/x86/kvm/x86.c:2781:9: warning: context imbalance in 'kvm_x' - unexpected unlock",
            (
                "arch/x86/kvm/x86.c",
                2781,
                Level.WARNING,
                "context imbalance in 'kvm_x' - unexpected unlock",
                "",
            ),
        ),
        (  # clang with -Werror
            "/lab/src/virt/kvm/x.c:8:7: error: variable 'x' set but not used [-Werror,-Wunused-but-set-variable]",
            (
                "virt/kvm/x.c",
                8,
                Level.ERROR,
                "variable 'x' set but not used",
                "-Wunused-but-set-variable",
            ),
        ),
        (  # kernel-doc
            "../arch/x86/kvm/x.c:12: warning: Function parameter or struct member 'a' not described in 'b'",
            (
                "arch/x86/kvm/x.c",
                12,
                Level.WARNING,
                "Function parameter or struct member 'a' not described in 'b'",
                "",
            ),
        ),
        (  # ld.lld
            "ld.lld: error: undefined symbol: foo",
            (
                "",
                0,
                Level.ERROR,
                "undefined symbol: foo",
                "",
            ),
        ),
        (  # Kconfig
            "arch/x86/kvm/Kconfig:12:warning: config symbol defined without type",
            (
                "arch/x86/kvm/Kconfig",
                12,
                Level.WARNING,
                "config symbol defined without type",
                "",
            ),
        ),
    ],
)
def test_other_tools(line, expected):
    (one,) = read(line + "\n")
    assert (one.path, one.line, one.level, one.message, one.option) == expected


UNMET = """\
  GEN     Makefile

WARNING: unmet direct dependencies detected for KVM_OLD
  Depends on [n]: VIRT [=n]
  Selected by [m]:
  - KVM [=m] && X86 [=y]

WARNING: unmet direct dependencies detected for KVM_NEW
  Depends on [n]: VIRT [=n]
#
# configuration written to .config
#
  SYNC    include/config/auto.conf.cmd
"""


def test_what_kconfig_says_of_its_selects_is_known_until_it_is_asked_again():
    old, new = read(UNMET)
    assert (old.path, old.level) == ("Kconfig", Level.WARNING)
    assert old.message == "unmet direct dependencies detected for KVM_OLD"
    assert [line.strip() for line in old.context][-1] == "- KVM [=m] && X86 [=y]"
    assert [line.strip() for line in new.context] == ["Depends on [n]: VIRT [=n]"]
    known = places_after({}, compiler.read(UNMET))
    # A make that configures nothing says "GEN Makefile" again, and nothing of Kconfig's.
    later = places_after(known, compiler.read("  GEN     Makefile\n  CC      a.o\n"))
    assert new_diagnostics(later, compiler.read(UNMET)) == ()


def test_what_modpost_says_of_a_module_is_known_while_it_is_shown_others():
    whole = (
        "  MODPOST Module.symvers\nWARNING: modpost: missing MODULE_DESCRIPTION() in lib/other.o\n"
    )
    known = places_after({}, compiler.read(whole))
    later = places_after(known, compiler.read("  MODPOST Module.symvers\n"))
    assert new_diagnostics(later, compiler.read(whole)) == ()


def test_a_symbol_that_modpost_missed_found_and_misses_again_is_news():
    made = "  MODPOST Module.symvers\n"
    missed = made + 'ERROR: modpost: "probe" [arch/x86/kvm/kvm.ko] undefined!\n'
    known = places_after({}, compiler.read(missed))
    assert new_diagnostics(known, compiler.read(missed)) == ()
    (again,) = new_diagnostics(places_after(known, compiler.read(made)), compiler.read(missed))
    assert again.level is Level.ERROR


def test_messages_belong_to_the_step_above_them():
    log = (
        "  CC [M]  arch/x86/kvm/x86.o\n"
        "  CC [M]  arch/x86/kvm/svm/svm.o\n"
        "/lab/src/arch/x86/kvm/svm/svm.c:3:1: warning: odd [-Wodd]\n"
        "  LD [M]  arch/x86/kvm/kvm-amd.o\n"
    )
    steps = compiler.read(log, ROOTS)
    assert [(step.kind, step.target, len(step.diagnostics)) for step in steps] == [
        ("CC", "arch/x86/kvm/x86.o", 0),
        ("CC", "arch/x86/kvm/svm/svm.o", 1),
        ("LD", "arch/x86/kvm/kvm-amd.o", 0),
    ]


def test_the_place_of_a_message_does_not_count_lines_or_sizes():
    one, two, other = read(
        "a.c: In function 'f':\n"
        "a.c:3:1: warning: the frame size of 4096 bytes is larger [-Wframe-larger-than=]\n"
        "a.c:9:1: warning: the frame size of 5000 bytes is larger [-Wframe-larger-than=]\n"
        "a.c: In function 'g':\n"
        "a.c:9:1: warning: the frame size of 5000 bytes is larger [-Wframe-larger-than=]\n"
    )
    assert compiler.place(one) == compiler.place(two) != compiler.place(other)


OBJTOOL = "  LD [M]  kvm.o\nkvm.o: warning: objtool: enter_exit+0x{}: call to trace() leaves .noinstr.text section\n"


def test_an_offset_that_moves_is_no_news():
    before, after = (compiler.read(OBJTOOL.format(offset)) for offset in ("1f", "2a"))
    assert new_diagnostics(places_after({}, before), after) == ()


def test_names_that_differ_in_their_numbers_are_not_the_same():
    text = "  CC [M]  x.o\nx.c: In function \u2018f\u2019:\n"
    known, other = (
        f"x.c:3:6: warning: unused variable \u2018vmcs{n}\u2019\n" for n in ("01", "12")
    )
    before, after = compiler.read(text + known), compiler.read(text + known + other)
    new = new_diagnostics(places_after({}, before), after)
    assert [one.message for one in new] == ["unused variable \u2018vmcs12\u2019"]


def test_terminal_escapes_do_not_come_through():
    (one,) = read("a.c:1:1: error: evil \x1b[2J\u202e text\n")
    assert "\x1b" not in one.message
    assert "\u202e" not in one.message


@given(
    st.text(alphabet=st.characters(codec="utf-8"))
    | st.lists(
        st.sampled_from(
            [
                ":",
                " ",
                "error",
                "warning",
                "make[1]: *** ",
                "a.c",
                "1",
                "\n",
                "[-W",
                "]",
                "In function '",
                "ld: ",
                "ERROR: modpost: ",
                "  CC ",
                "\x1b",
                "'",
                "undefined reference to `",
            ]
        )
    ).map("".join)
)
def test_any_text_can_be_read(text):
    for one in read(text):
        assert one.level in Level
        assert "\n" not in one.message


@pytest.mark.parametrize("log", LOGS, ids=lambda path: path.stem)
def test_a_log_may_end_anywhere(log):
    text = log.read_text()
    whole = {compiler.place(one) for one in read(text)}
    for end in range(0, len(text), 97):
        cut = text[:end].rpartition("\n")[0]
        assert {compiler.place(one) for one in read(cut)} <= whole


def test_w1_warnings_of_6_12():
    makefile = (Path(__file__).parent / "Makefile.extrawarn-6.12").read_text()
    assert extra_warnings(makefile) == (
        "format-overflow",
        "format-truncation",
        "missing-format-attribute",
        "missing-include-dirs",
        "override-init",
        "packed-not-aligned",
        "stringop-truncation",
        "undef",
        "unused-but-set-variable",
        "unused-const-variable",
    )


def test_w1_warnings_of_6_1():
    names = extra_warnings((Path(__file__).parent / "Makefile.extrawarn-6.1").read_text())
    assert "missing-prototypes" in names  # since 6.8 everybody gets it, and then it stays an error
    assert "unused" not in names  # -Wunused-function is in -Wall
    assert "unused-parameter" not in names
    assert "format-zero-length" not in names  # clang's


def test_w1_warnings_of_something_else():
    assert extra_warnings("all:\n\techo\n") == ()


def test_names_that_were_not_found():
    names = {
        log.stem: not_found(read(log.read_text()))
        for log in LOGS
        if not_found(read(log.read_text()))
    }
    assert names == {
        "gcc-implicit-declaration": (
            "last_pat",
            "pat_unknown",
            "undeclared_thing",
            "vm_enable_npt",
        ),
        "ld-undefined": ("not_linked",),
        "modpost-undefined": ("from_another_tree",),
    }


def test_headers_that_were_not_found():
    log = next(log for log in LOGS if log.stem == "no-such-header").read_text()
    assert headers_not_found(read(log)) == ("linux/kvm_from_next.h",)


def test_what_a_header_declares():
    source = b"""
#define KVM_X86_QUIRK_NEW (1 << 9)
#define kvm_swap(a, b) do { } while (0)
struct kvm_new { int member; union { u8 *inner[3]; }; int (*callback)(int argument); };
typedef unsigned long kvm_word_t;
enum kvm_kind { KVM_KIND_A = 1, KVM_KIND_B };
extern int kvm_declared(struct kvm_vcpu *vcpu);
static inline int *kvm_defined(int parameter) { int local = used(); return local; }
TRACE_EVENT(kvm_traced, TP_PROTO(int x));
KVM_X86_OP(get_pat)
u64 __read_mostly kvm_variable = initialiser;
DEFINE_STATIC_CALL(kvm_called, nothing);
"""
    names = [
        *("KVM_X86_QUIRK_NEW", "kvm_swap", "kvm_new", "member", "inner", "callback", "kvm_word_t"),
        *("kvm_kind", "KVM_KIND_A", "kvm_declared", "kvm_defined", "trace_kvm_traced", "get_pat"),
        *(
            "__SCK__kvm_x86_get_pat",
            "__SCT__kvm_x86_get_pat",
            "__SCT__kvm_called",
            "__tracepoint_kvm_traced",
        ),
        *("kvm_variable", "local", "used", "initialiser", "absent"),
    ]
    assert set(names) - declares(source, names) == {"local", "used", "initialiser", "absent"}


def test_a_hook_without_its_static_call_is_declared_by_the_series():
    """What gcc misses then; the author forgot kvm-x86-ops.h, or changes it in a later patch."""
    source = b"struct kvm_x86_ops { int (*probe_hook)(struct kvm_vcpu *vcpu); };\n"
    names = ["__SCK__kvm_x86_probe_hook", "__SCT__kvm_x86_probe_hook"]
    assert declares(source, names) == set(names)


VIRT = """\
  CC [M]  arch/x86/kvm/../../../virt/kvm/guest_memfd.o
/lab/src/arch/x86/kvm/../../../virt/kvm/guest_memfd.c: In function \u2018kvm_gmem_folio_configure_direct_map\u2019:
/lab/src/arch/x86/kvm/../../../virt/kvm/guest_memfd.c:94:9: error: implicit declaration of function \u2018flush_tlb_kernel_range\u2019 [-Werror=implicit-function-declaration]
   94 |         flush_tlb_kernel_range(start, start + folio_size(folio));
      |         ^~~~~~~~~~~~~~~~~~~~~~
"""


def test_files_of_virt_kvm_are_called_as_patches_call_them():
    """Of a real build: arch/x86/kvm/Makefile names them by way of its own directory."""
    (step,) = compiler.read(VIRT, ROOTS)
    assert step.target == "virt/kvm/guest_memfd.o"
    (found,) = step.diagnostics
    assert (found.path, found.line) == ("virt/kvm/guest_memfd.c", 94)
    assert found.function == "kvm_gmem_folio_configure_direct_map"
