# SPDX-License-Identifier: GPL-2.0-only
"""The first lines of kernel reports, as the kernel's own sources print them.  Pure.

One entry of :data:`_PATTERNS` per ``pr_*()`` site; where the wording changed between kernels, both.
The first pattern that fits a line wins.
"""

import re
from dataclasses import dataclass

from reviewbot.model.guest import CrashKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What a report is about.  ``title`` is free of numbers that change from run to run.

    ``function`` and ``place`` (``file:line``) are "" where the line does not name them.
    """

    kind: CrashKind
    title: str
    function: str = ""
    place: str = ""


_NAME = r"(?P<function>[A-Za-z_][\w.]{0,120})\+0x[0-9a-f]+(?:/0x[0-9a-f]+)?(?: \[\w+\])?"
_PLACE = r"(?P<place>[\w./+-]{1,200}:\d{1,7})"

# (first word(s) the line must start with, kind, title or "" for the text in group "title", pattern)
_PATTERNS: tuple[tuple[str, CrashKind, str, str], ...] = (
    # kernel/panic.c
    ("Kernel panic", CrashKind.PANIC, "", r"(?P<title>Kernel panic - not syncing.*)"),
    # kernel/panic.c __warn(): until 6.18, and since
    (
        "WARNING: CPU:",
        CrashKind.WARN,
        "WARNING",
        rf"WARNING: CPU: \d+ PID: \d+ at {_PLACE} {_NAME}.*",
    ),
    ("WARNING: CPU:", CrashKind.WARN, "WARNING", rf"WARNING: CPU: \d+ PID: \d+ at {_NAME}.*"),
    ("WARNING: ", CrashKind.WARN, "WARNING", rf"WARNING: {_PLACE} at {_NAME}, CPU#\d+: .*"),
    # lib/bug.c
    ("kernel BUG at", CrashKind.BUG, "kernel BUG", rf"kernel BUG at {_PLACE}!"),
    ("Kernel BUG at", CrashKind.BUG, "kernel BUG", r"Kernel BUG at .*"),
    # mm/kasan/report.c, mm/kfence/report.c
    ("BUG: KASAN:", CrashKind.KASAN, "", rf"BUG: (?P<title>KASAN: [\w -]+?) in {_NAME}.*"),
    ("BUG: KASAN:", CrashKind.KASAN, "", r"BUG: (?P<title>KASAN: [\w -]+).*"),
    ("BUG: KFENCE:", CrashKind.KASAN, "", rf"BUG: (?P<title>KFENCE: [\w -]+?) in {_NAME}.*"),
    # lib/ubsan.c
    ("UBSAN:", CrashKind.UBSAN, "", rf"(?P<title>UBSAN: [\w -]+?) in {_PLACE}(?::\d+)?"),
    # kernel/locking/lockdep.c
    ("WARNING: possible circ", CrashKind.LOCKDEP, "possible circular locking dependency", r".*"),
    ("WARNING: possible recu", CrashKind.LOCKDEP, "possible recursive locking", r".*"),
    ("WARNING: possible irq", CrashKind.LOCKDEP, "possible irq lock inversion dependency", r".*"),
    ("WARNING: inconsistent", CrashKind.LOCKDEP, "inconsistent lock state", r".*"),
    ("WARNING: bad unlock", CrashKind.LOCKDEP, "bad unlock balance", r".*"),
    ("WARNING: bad contention", CrashKind.LOCKDEP, "bad contention", r".*"),
    ("WARNING: held lock", CrashKind.LOCKDEP, "held lock freed", r".*"),
    ("WARNING: lock held", CrashKind.LOCKDEP, "lock held when returning to user space", r".*"),
    ("WARNING: Nested lock", CrashKind.LOCKDEP, "nested lock was not taken", r".*"),
    ("WARNING: suspicious", CrashKind.LOCKDEP, "suspicious RCU usage", r".*"),
    (
        "WARNING: ",
        CrashKind.LOCKDEP,
        "",
        r"WARNING: (?P<title>\S+-safe -> \S+-unsafe lock order).*",
    ),
    ("WARNING: ", CrashKind.LOCKDEP, "", r"WARNING: (?P<title>.* has locks? still held).*"),
    ("[ BUG: Invalid wait", CrashKind.LOCKDEP, "invalid wait context", r".*"),
    ("BUG: Invalid wait", CrashKind.LOCKDEP, "invalid wait context", r".*"),
    ("BUG: MAX_LOCK", CrashKind.LOCKDEP, "", r"BUG: (?P<title>MAX_LOCK\w+ too low)!.*"),
    ("BUG: key ", CrashKind.LOCKDEP, "lock key has not been registered", r".*registered!"),
    ("INFO: trying to register", CrashKind.LOCKDEP, "non-static lock key", r".*non-static key.*"),
    # kernel/hung_task.c
    (
        "INFO: task ",
        CrashKind.HUNG_TASK,
        "task hung",
        r"INFO: task .* blocked .* more than \d+ s.*",
    ),
    # kernel/rcu/tree_stall.h, tree_exp.h
    ("rcu: INFO:", CrashKind.STALL, "rcu stall", r".*(?:self-)?detected .*stalls?.*"),
    ("INFO: rcu", CrashKind.STALL, "rcu stall", r".*(?:self-)?detected .*stalls?.*"),
    # kernel/watchdog.c, kernel/watchdog_perf.c, kernel/workqueue.c
    ("watchdog: BUG: soft", CrashKind.LOCKUP, "soft lockup", r".*"),
    ("BUG: soft lockup", CrashKind.LOCKUP, "soft lockup", r".*"),
    ("watchdog: ", CrashKind.LOCKUP, "hard lockup", r".*hard LOCKUP.*"),
    ("NMI watchdog: ", CrashKind.LOCKUP, "hard lockup", r".*hard LOCKUP.*"),
    ("BUG: workqueue lockup", CrashKind.LOCKUP, "workqueue lockup", r".*"),
    # arch/x86/mm/fault.c, arch/x86/kernel/dumpstack.c, traps.c; "Oops: " in front since 6.10
    ("BUG: kernel NULL", CrashKind.OOPS, "NULL pointer dereference", r".*"),
    ("BUG: unable to handle", CrashKind.OOPS, "invalid memory access", r".*"),
    ("BUG: ", CrashKind.OOPS, "stack guard page hit", r"BUG: .* stack guard page was hit.*"),
    ("", CrashKind.OOPS, "", r"(?:Oops: )?(?P<title>general protection fault).*\[#\d+\].*"),
    ("", CrashKind.OOPS, "", r"(?:Oops: )?(?P<title>divide error|double fault): .*\[#\d+\].*"),
    ("", CrashKind.OOPS, "", r"(?:Oops: )?(?P<title>stack segment|invalid opcode): .*\[#\d+\].*"),
    # int3, simd exception, alignment check ...: whatever __die_header() is given
    ("", CrashKind.OOPS, "", r"(?:Oops: )?(?P<title>[a-z][\w #]{2,60}): [0-9a-f]{4} \[#\d+\].*"),
    ("Oops: ", CrashKind.OOPS, "oops", r"Oops: .*"),
    ("traps: PANIC", CrashKind.OOPS, "", r"traps: (?P<title>PANIC: double fault).*"),
    # arch/x86/mm/extable.c: KVM's favourite
    (
        "unchecked MSR",
        CrashKind.WARN,
        "",
        r"(?P<title>unchecked MSR access error: (?:RD|WR)MSR \w+ 0x[0-9a-f]+).*",
    ),
    # everything else that calls itself a bug: atomic sleeps, bad pages, spinlocks, preemption
    (
        "BUG: sleeping",
        CrashKind.BUG,
        "sleeping function called from invalid context",
        rf".* at {_PLACE}",
    ),
    ("BUG: scheduling", CrashKind.BUG, "scheduling while atomic", r".*"),
    ("BUG: using ", CrashKind.BUG, "", r"BUG: (?P<title>using \w+\(\) in preemptible).*"),
    ("BUG: ", CrashKind.BUG, "", r"BUG: (?P<title>[A-Za-z][A-Za-z_ -]{3,60}).*"),
    ("BUG ", CrashKind.BUG, "", r"BUG (?P<title>[\w-]{1,60} \([^)]{0,40}\)): .*"),
)
_COMPILED = tuple((start, kind, title, re.compile(p)) for start, kind, title, p in _PATTERNS)
_WORTH_A_LOOK = re.compile(
    r"BUG|WARNING|Oops|panic|INFO: |LOCKUP|UBSAN|unchecked MSR|\[#\d|Kernel |traps: "
)
_NUMBER = re.compile(r"\b(?:0x[0-9a-fA-F]+|\d+)\b")
_CONSEQUENCE = re.compile(
    r"Kernel panic - not syncing: (?:.*panic_on_|hung_task: |softlockup: |UBSAN|KASAN|RCU Stall)"
)
_OF_DEATH = re.compile(r"Kernel panic - not syncing: (?:Fatal exception|Attempted to kill init)")
_DEADLY = {CrashKind.OOPS, CrashKind.BUG, CrashKind.KASAN, CrashKind.LOCKUP, CrashKind.PANIC}


def headline(text: str) -> Headline | None:
    """What a line announces, or None.  ``text`` has no time stamp (``console.plain``)."""
    if not _WORTH_A_LOOK.search(text):
        return None
    for start, kind, title, pattern in _COMPILED:
        if text.startswith(start) and (found := pattern.fullmatch(text)):
            named = found.groupdict()
            said = title or (named.get("title") or "").strip()
            if kind is CrashKind.PANIC:
                said = _NUMBER.sub("N", said)
            return Headline(
                kind=kind,
                title=said,
                function=_without_suffix(named.get("function") or ""),
                place=named.get("place") or "",
            )
    return None


def is_consequence(text: str, kind: CrashKind) -> bool:
    """True for a panic that only follows from the report before it, which is of ``kind``.

    Nobody dies of a warning; with panic_on_warn the panic says so.
    """
    if _OF_DEATH.match(text):
        return kind in _DEADLY
    return _CONSEQUENCE.match(text) is not None


def _without_suffix(name: str) -> str:
    return name.split(".", 1)[0]
