# SPDX-License-Identifier: GPL-2.0-only
"""A guest's console -> what the kernel complained about.  Pure; linear in the size of the log.

Accepted: lines as the kernel prints them, each with or without the time stamp and the caller that
CONFIG_PRINTK_TIME and CONFIG_PRINTK_CALLER put in front, carriage returns and stray bytes included.
A report starts at one of the headlines of :mod:`reviewbot.parse.headlines` and ends at its own end
mark, at the next headline, at the start or end of a test, or after :data:`LONGEST` lines.

Naming and fingerprints follow syzkaller (pkg/report) and NIPA: the kind and the first five functions
that are not the reporting machinery itself.  Addresses, processes, processors, times and *line
numbers* are left out, so that a patch that moves code does not make an old report look new.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from reviewbot.model.guest import Crash, CrashKind
from reviewbot.parse.headlines import Headline, headline, is_consequence

LONGEST = 200
"""Lines of one report, at most."""
EXCERPT = 60
"""Lines of a report that are kept."""
MOST = 100
"""Different reports of one console that are kept; whoever has fixed the first hundred runs again."""
FRAMES = 5
"""Functions that make up a fingerprint."""
_LINE = 600  # characters of a console line that matter

_STAMP = re.compile(r"(?:<\d>)?\[ {0,9}\d{1,9}\.\d{6}\](?:\[ {0,6}[TC]\d{1,9}\])? ?")
_MARK = re.compile(r"^reviewbot: test (\d{1,9}) (?:starts: (\S{1,200})|ends: )")
_END = re.compile(r"^---\[ end (?:trace|Kernel panic)")
_RULE = re.compile(r"^={20,}$")
_FUNCTION = re.compile(
    r"^(?:RIP: 0010:)?(?:\? )?([A-Za-z_][\w.]{0,120})\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8}"
)
_SUFFIX = re.compile(r"\.(?:isra|part|constprop|cold|llvm|lto_priv)(?:\.\d+)*")
_LOOPS = re.compile(
    r"^Calibrating delay loop \(skipped\), value calculated using timer frequency\.\. .*\(lpj=(\d{1,10})\)",
    re.ASCII,
)
_KINDS_ENDED_BY_TASK = {CrashKind.LOCKDEP, CrashKind.HUNG_TASK}
_MACHINERY = re.compile(
    r"^(?:dump_stack|show_stack|show_regs|__show_regs|__warn|warn_slowpath|report_bug|__report_bug"
    r"|handle_bug|exc_|asm_exc_|sysvec_|asm_sysvec_|__sysvec_|die$|__die|oops_|page_fault_oops"
    r"|no_context|bad_area|do_user_addr_fault|do_error_trap|do_trap|handle_page_fault"
    r"|panic$|vpanic$|nmi_|print_|kasan_|__kasan|__asan_|check_memory_region|check_region_inline"
    r"|__ubsan_|ubsan_|lock_acquire|__lock_acquire|lock_release|__lock_release|validate_chain"
    r"|check_prev|check_no|check_noncircular|check_deadlock|check_irq|check_wait|mark_lock|mark_usage"
    r"|lockdep_|debug_check|_raw_|__raw_|do_raw_|mutex_|__mutex_|down_|up_|__down|rwsem_|percpu_"
    r"|__list_|list_|refcount_|msleep|usleep|__schedule|schedule|io_schedule|preempt_schedule|__might|might_|__wait_|wait_for_"
    r"|watchdog_|__hrtimer|hrtimer_|tick_|update_process|rcu_|__rcu|sched_clock|irq_exit"
    r"|__irq_exit|common_interrupt|asm_common|local_apic_timer|smp_apic|apic_timer|trace_hardirqs"
    r"|check_panic_on|ex_handler_|fixup_exception|entry_SYSCALL|do_syscall|x64_sys_call"
    r"|ret_from_fork|delay_|__delay|__const_udelay|cpu_relax|native_|__pfx_|print_unlock|refcount_warn)"
)


@dataclass(slots=True)
class _Report:
    """A report being collected."""

    head: Headline
    test: str
    lines: list[str] = field(default_factory=list)
    ended: bool = False

    def takes(self, text: str) -> bool:
        """Whether a line still belongs to it."""
        return not self.ended and len(self.lines) < LONGEST and not _MARK.match(text)

    def add(self, text: str) -> None:
        self.lines.append(text)
        kind = self.head.kind
        by_task = kind in _KINDS_ENDED_BY_TASK and text.strip() == "</TASK>"
        by_rule = kind in {CrashKind.KASAN, CrashKind.UBSAN} and bool(_RULE.match(text))
        self.ended = bool(_END.match(text)) or by_task or (by_rule and len(self.lines) > 2)


def crashes(log: str) -> tuple[Crash, ...]:
    """Every report on a console, in order.  ``Crash.test`` is the test that was running, or "".

    The same report during the same test counts once: a WARN_ON() without _ONCE fills a console with it.
    """
    found: dict[tuple[str, str], Crash] = {}
    for report in _reports(log):
        crash = _crash(report)
        found.setdefault((crash.fingerprint, crash.test), crash)
        if len(found) == MOST:
            break
    return tuple(found.values())


def plain(line: str) -> str:
    """A console line without time stamp, caller and carriage return, at most 600 characters.

    A program that ended its last line without a newline leaves it before the stamp: not ours.
    """
    text = line[:_LINE].rstrip("\r\n")
    stamp = _STAMP.search(text)
    return text[stamp.end() :] if stamp else text


def last_lines(log: str, count: int = 20) -> tuple[str, ...]:
    """The last ``count`` lines that say anything, time stamps kept."""
    tail = log[-count * 2 * _LINE :].split("\n")
    return tuple([line.rstrip("\r")[:_LINE] for line in tail if line.strip()][-count:])


def panicked(log: str) -> bool:
    """True when the kernel gave up."""
    return "Kernel panic - not syncing" in log


def loops_per_jiffy(log: str) -> int | None:
    """What the first processor took for its delay loop from the frequency of its time stamp counter (init/calibrate.c)."""
    found = (_LOOPS.match(plain(line)) for line in log.split("\n"))
    loops = next((int(match[1]) for match in found if match), 0)
    return loops or None


def _reports(log: str) -> Iterator[_Report]:
    """Split a log into reports.

    One that has ended stays open for its consequences ("Kernel panic - not syncing: Fatal
    exception"), which must not count as another one, until a headline or a test's mark.
    """
    test = ""
    report: _Report | None = None
    for raw in log.split("\n"):
        text = plain(raw)
        if mark := _MARK.match(text):
            test = mark[2] or ""
        head = headline(text)
        if head and report and _continues(report, head, text):
            head = None
        if head:
            if report:
                yield report
            report = _Report(head=head, test=test)
        if report and report.takes(text):
            report.add(text)
        elif report and (not report.ended or _MARK.match(text)):
            yield report
            report = None
    if report:
        yield report


def _continues(report: _Report, head: Headline, text: str) -> bool:
    """Headlines that only say more about the report above them."""
    if is_consequence(text, report.head.kind):
        return True
    if report.ended:
        return False
    opened = report.head.kind in {CrashKind.OOPS, CrashKind.BUG, CrashKind.KASAN}
    return opened and head.kind is CrashKind.OOPS


def _crash(report: _Report) -> Crash:
    frames = tuple(_frames(report.lines))[:FRAMES]
    named = report.head.function
    where = frames[0] if frames and (not named or _MACHINERY.match(named)) else named
    title = report.head.title + (f" in {where}()" if where else "")
    if report.head.place:
        title += f" at {report.head.place}"
    stable = "\0".join([report.head.kind.value, report.head.title, where, *frames])
    return Crash(
        kind=report.head.kind,
        title=title,
        frames=frames,
        fingerprint=hashlib.sha256(stable.encode()).hexdigest()[:16],
        excerpt=tuple(report.lines[:EXCERPT]),
        test=report.test,
    )


def _frames(lines: list[str]) -> Iterator[str]:
    """Functions of the first stack, outermost last, without machinery and guesses ("? name")."""
    previous = ""
    for text in lines:
        stripped = text.strip()
        if stripped == "</TASK>":
            return
        found = _FUNCTION.match(stripped)
        if not found or stripped.startswith("? "):
            continue
        name = _SUFFIX.sub("", found[1])
        if name != previous and not _MACHINERY.match(name):
            yield name
        previous = name
