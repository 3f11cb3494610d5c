# SPDX-License-Identifier: GPL-2.0-only
"""Real consoles, each made by loading fixtures/console/boom.c in one of our guests."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.model.guest import CrashKind
from reviewbot.parse import console
from reviewbot.parse.headlines import headline

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
LOGS = sorted((FIXTURES / "console").glob("*.log"))


def log(name):
    return (FIXTURES / "console" / f"{name}.log").read_text()


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_a_real_log_is_read_as_recorded(path, expect):
    found = [
        {
            "kind": c.kind,
            "title": c.title,
            "frames": c.frames,
            "test": c.test,
            "lines": len(c.excerpt),
        }
        for c in console.crashes(path.read_text())
    ]
    expect(found, path)


def test_a_clean_boot_and_six_tests_show_nothing():
    assert console.crashes(log("clean")) == ()


def test_an_oops_is_one_report_not_three():
    (found,) = console.crashes(log("null"))
    assert found.kind is CrashKind.OOPS
    assert found.frames[0] == "boom_null"
    assert found.test == "boom_null"


@pytest.mark.parametrize("oops", ["", "Oops: "], ids=["before 6.10", "since"])
@pytest.mark.parametrize(
    "trap", ["int3", "simd exception", "segment not present", "unexpected #NM exception"]
)
def test_every_trap_that_kills_a_task_is_an_oops(trap, oops):
    (found,) = console.crashes(f"[    5.000000] {oops}{trap}: 0000 [#1] PREEMPT SMP NOPTI\n")
    assert (found.kind, found.title) == (CrashKind.OOPS, trap)


def test_a_panic_after_an_oops_is_its_consequence():
    text = log("null").replace(
        "---[ end trace 0000000000000000 ]---",
        "---[ end trace 0000000000000000 ]---\n[    9.000000] Kernel panic - not syncing: Fatal exception",
    )
    assert [c.kind for c in console.crashes(text)] == [CrashKind.OOPS]
    assert console.panicked(text)


def test_the_same_oops_elsewhere_in_time_and_memory_has_the_same_fingerprint():
    text = log("null")
    moved = re.sub(r"\[ +\d+\.\d+\]", "[ 4321.123456]", text)
    moved = re.sub(r"PID: \d+", "PID: 31337", moved)
    moved = re.sub(r"\b(ffff[0-9a-f]{12})\b", "ffffdeadbeef0000", moved)
    moved = re.sub(r"\+0x[0-9a-f]+/0x[0-9a-f]+", "+0x77/0x99", moved)
    (one,), (other,) = console.crashes(text), console.crashes(moved)
    assert one.fingerprint == other.fingerprint


def test_a_warning_that_moved_down_a_few_lines_is_the_same_warning():
    text = log("warn")
    moved = text.replace("boom.c:24", "boom.c:99")
    assert moved != text
    (one,), (other,) = console.crashes(text), console.crashes(moved)
    assert one.title != other.title
    assert one.fingerprint == other.fingerprint


def test_different_reports_have_different_fingerprints():
    names = ["warn", "warn-on-once", "bug", "null", "gpf", "divide", "panic", "stall"]
    prints = {console.crashes(log(name))[0].fingerprint for name in names}
    assert len(prints) == len(names)


def test_the_caller_prefix_of_printk_changes_nothing():
    stamped = re.sub(r"^(\[ +\d+\.\d+\])", r"\1[  T123]", log("bug"), flags=re.MULTILINE)
    assert stamped != log("bug")
    assert console.crashes(stamped)[0].fingerprint == console.crashes(log("bug"))[0].fingerprint


def test_a_program_without_final_newline_does_not_hide_a_report():
    text = "Segmentation fault[    2.000000] BUG: kernel NULL pointer dereference, address: 0\n"
    assert [c.kind for c in console.crashes(text)] == [CrashKind.OOPS]


def test_a_report_belongs_to_the_test_above_it():
    mark = "[    1.0{0}0000] reviewbot: test {0} {1}\n"
    warning = "[    1.500000] WARNING: CPU: 0 PID: 9 at a/b.c:3 f+0x1/0x2\n"
    text = (
        warning.replace("f+", "boot+")
        + mark.format(1, "starts: x86/one")
        + warning
        + mark.format(1, "ends: exit 0")
        + warning.replace("f+", "between+")
        + mark.format(2, "starts: x86/two")
        + warning.replace("f+", "g+")
    )
    assert [(c.title.split()[2], c.test) for c in console.crashes(text)] == [
        ("boot()", ""),
        ("f()", "x86/one"),
        ("between()", ""),
        ("g()", "x86/two"),
    ]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("WARNING: arch/x86/kvm/x86.c:11 at kvm_foo+0x1/0x2 [kvm], CPU#1: test/9", CrashKind.WARN),
        ("WARNING: possible circular locking dependency detected", CrashKind.LOCKDEP),
        ("WARNING: possible recursive locking detected", CrashKind.LOCKDEP),
        ("WARNING: possible irq lock inversion dependency detected", CrashKind.LOCKDEP),
        ("WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected", CrashKind.LOCKDEP),
        ("WARNING: inconsistent lock state", CrashKind.LOCKDEP),
        ("WARNING: bad unlock balance detected!", CrashKind.LOCKDEP),
        ("WARNING: held lock freed!", CrashKind.LOCKDEP),
        ("WARNING: lock held when returning to user space!", CrashKind.LOCKDEP),
        ("WARNING: Nested lock was not taken", CrashKind.LOCKDEP),
        ("WARNING: suspicious RCU usage", CrashKind.LOCKDEP),
        ("[ BUG: Invalid wait context ]", CrashKind.LOCKDEP),
        ("BUG: MAX_LOCKDEP_CHAINS too low!", CrashKind.LOCKDEP),
        ("INFO: trying to register non-static key.", CrashKind.LOCKDEP),
        ("INFO: task kvm:12 blocked for more than 120 seconds.", CrashKind.HUNG_TASK),
        ("INFO: task a:1 blocked on a mutex likely owned by task b:2.", None),
        ("rcu: INFO: rcu_preempt self-detected stall on CPU", CrashKind.STALL),
        ("rcu: INFO: rcu_sched detected stalls on CPUs/tasks:", CrashKind.STALL),
        ("watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [qemu:1]", CrashKind.LOCKUP),
        ("watchdog: Watchdog detected hard LOCKUP on cpu 0", CrashKind.LOCKUP),
        ("BUG: KASAN: slab-use-after-free in kvm_foo+0x1/0x2 [kvm]", CrashKind.KASAN),
        ("UBSAN: shift-out-of-bounds in arch/x86/kvm/x86.c:10:20", CrashKind.UBSAN),
        ("Oops: general protection fault, probably for non-canonical address 0x1: 0000 [#1]", CrashKind.OOPS),
        ("general protection fault: 0000 [#1] PREEMPT SMP", CrashKind.OOPS),
        ("BUG: unable to handle page fault for address: ffffc90000000000", CrashKind.OOPS),
        ("BUG: sleeping function called from invalid context at kernel/locking/mutex.c:1", CrashKind.BUG),
        ("BUG: scheduling while atomic: a/1/0x00000002", CrashKind.BUG),
        ("BUG: Bad page state in process a  pfn:1", CrashKind.BUG),
        ("unchecked MSR access error: WRMSR to 0xc0000080 (tried to write 0x1) at rIP: 0x1 (f+0x1/0x2)", CrashKind.WARN),
        ("DEBUGGING: all fine, no BUG here", None),
        ("kvm: guest says WARNING: hello", None),
        ("INFO: lockdep is turned off.", None),
        ("Lockdep: fixing up BUG counters", None),
    ],
)  # fmt: skip
def test_headlines_as_the_kernel_prints_them(line, kind):
    found = headline(line)
    assert (found.kind if found else None) is kind


@given(st.text(st.sampled_from("[]<># =-+./:\nBUGWARNINGOopsRIP0x1 at<TASK>f")))
def test_any_text_is_read(text):
    for crash in console.crashes(text):
        assert crash.title
        assert len(crash.frames) <= console.FRAMES


def test_init_does_not_die_of_a_warning_before():
    log = """\
WARNING: CPU: 0 PID: 1 at arch/x86/kvm/x86.c:1 kvm_foo+0x1/0x2 [kvm]
---[ end trace 0000000000000000 ]---
all is well for an hour
Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b
"""
    assert [crash.kind for crash in console.crashes(log)] == [CrashKind.WARN, CrashKind.PANIC]
    oops = log.replace("WARNING: CPU: 0 PID: 1 at arch/x86/kvm/x86.c:1 k", "Oops: 0000 [#1] SMP\nRIP: 0010:k")  # fmt: skip
    assert [crash.kind for crash in console.crashes(oops)] == [CrashKind.OOPS]


WARN = """\
WARNING: CPU: 0 PID: {pid} at arch/x86/kvm/x86.c:1 {name}+0x1/0x2 [kvm]
Call Trace:
 {name}+0x1/0x2 [kvm]
---[ end trace 0000000000000000 ]---
"""


def test_a_storm_of_one_report_is_one_report_of_each_test():
    storm = "".join(WARN.format(pid=number, name="kvm_foo") for number in range(3000))
    log = f"reviewbot: test 1 starts: a\n{storm}reviewbot: test 2 starts: b\n{storm}"
    assert [crash.test for crash in console.crashes(log)] == ["a", "b"]


def test_of_reports_that_are_all_different_some_are_kept():
    storm = "".join(WARN.format(pid=1, name=f"kvm_foo{number}") for number in range(3000))
    assert len(console.crashes(storm)) == console.MOST


def test_hostile_logs_take_linear_time():
    worst = [
        "BUG: " + "a" * 100_000,
        "WARNING: " + "x/" * 50_000,
        "[ 1.000000] " * 20_000,
        "Oops: " * 20_000,
        "general protection fault" * 5_000,
    ]
    started = time.process_time()
    for line in worst:
        console.crashes(f"{line}\n" * 20)
    console.crashes("WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2\n" * 20_000)
    assert time.process_time() - started < 10, (
        "the console parser is no longer linear: see _PATTERNS"
    )
