# SPDX-License-Identifier: GPL-2.0-only
"""Which of a tool's messages are a series' own, on what sparse said of real ones on Debian's 6.12."""

from reviewbot.parse import compiler
from reviewbot.stages.new_messages import new_messages

VMCS12 = "arch/x86/kvm/vmx/vmcs12.c"
FIELD = (
    "{path}:{line}:9: warning: cast truncates bits from constant value ({value:x}000b becomes b)"
)
XEN = "arch/x86/kvm/xen.c:{line}:9: warning: context imbalance in '{name}' - different lock contexts for basic block"
STATIC = (
    "arch/x86/kvm/x86.c:159:18: warning: symbol '{name}' was not declared. Should it be static?"
)


def read(*lines):
    return compiler.diagnostics("\n".join(lines))


def fields(count, path=VMCS12):
    return [FIELD.format(path=path, line=line, value=line) for line in range(9, 9 + count)]


def test_a_field_like_a_hundred_others_is_not_news():
    """Its macro rotates the field's number, which is a cast that truncates, in every revision of VMX."""
    added = {VMCS12: ((109, 111),)}
    assert new_messages(read(*fields(100)), read(*fields(103)), added) == ((), ())


def test_what_a_file_says_now_and_then_is():
    added = {VMCS12: ((12, 12),)}
    (one,), others = new_messages(read(*fields(3)), read(*fields(4)), added)
    assert (one.line, others) == (12, ())
    everywhere = read(*fields(100, path="arch/x86/kvm/vmx/hyperv_evmcs.c"))
    (one,), _ = new_messages(
        (*everywhere, *read(*fields(3))), (*everywhere, *read(*fields(4))), added
    )
    assert one.path == VMCS12


def test_the_base_s_own_messages_move_with_their_code_and_names():
    old = read(XEN.format(line=1700, name="kvm_xen_set_evtchn_fast"))
    moved = read(XEN.format(line=1785, name="kvm_xen_set_evtchn_fast"))
    renamed = read(XEN.format(line=1785, name="kvm_xen_evtchn_fast"))
    elsewhere = read(
        XEN.format(line=3, name="kvm_xen_set_evtchn_fast").replace("xen.c", "evtchn.c")
    )
    added = {"arch/x86/kvm/xen.c": ((1700, 1800),), "arch/x86/kvm/evtchn.c": ((1, 9),)}
    for now in (moved, renamed, elsewhere):
        assert new_messages(old, now, added) == ((), ())
    # Both at once are two functions.
    mine, _ = new_messages(old, (*moved, *elsewhere), added)
    assert [one.path for one in mine] == ["arch/x86/kvm/evtchn.c"]


def test_a_symbol_whose_declaration_the_series_removes_is_news_of_a_line_left_alone():
    """As "KVM: x86: Small changes to support VMware guests" did with enable_vmware_backdoor."""
    now = read(STATIC.format(name="enable_vmware_backdoor"))
    mine, others = new_messages((), now, {"arch/x86/kvm/x86.c": ((200, 210),)})
    assert (mine, others) == ((), now)
