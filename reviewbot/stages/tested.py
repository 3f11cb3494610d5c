# SPDX-License-Identifier: GPL-2.0-only
"""What boots and selftests showed, in lines and sentences.  Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from reviewbot.model.guest import Accelerator, Crash, Host
from reviewbot.model.run import Run
from reviewbot.model.status import Status
from reviewbot.model.test import Change, Delta, TestReport, TestResult, Why
from reviewbot.parse.backtrace import telling
from reviewbot.parse.unit_tests import PREFIX
from reviewbot.stages.printable import WIDTH, count, lines_of, one_line
from reviewbot.stages.tally import Tally
from reviewbot.tools.guest_results import NOT_REACHED

_LOG_LINES = 12
GUEST_ENDED = "the guest ended"
"""How the assertion of a test begins that took its guest down and of which the console shows no report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A heading in prose and lines that are never wrapped."""

    heading: str
    lines: tuple[str, ...]


def booted(run: Run) -> str:
    """How guests run here, and how quickly the series' kernel came up."""
    host = run.tests.host if run.tests else None
    said = host_phrase(host) if host else ""
    if run.boot and run.boot.boot_seconds is not None:
        took = f"up after {run.boot.boot_seconds:.1f} s"
        said = f"{said}; {took}" if said else took
    elif run.boot and not run.tests:
        said = f"no: {run.boot.outcome}"
    return said


def host_phrase(host: Host) -> str:
    """'QEMU 7.2.22, emulated EPYC with SVM (no hardware virtualization)'."""
    extension = {"amd": "SVM", "intel": "VMX"}.get(host.vendor, one_line(host.vendor))
    model = one_line(host.cpu_model.split(",")[0])
    how = "hardware KVM," if host.accelerator is Accelerator.KVM else "emulated"
    return f"QEMU {one_line(host.qemu_version)}, {how} {model} CPU with {extension}"


def row(report: TestReport | None) -> str:
    """How many selftests behave how, in one sentence; "" when none was compared."""
    if report is None or not report.deltas:
        return ""
    by = {change: [d for d in report.deltas if d.change is change] for change in Change}
    woken = [delta for delta in by[Change.SAME] if _woken(delta)]
    same = [delta for delta in by[Change.SAME] if not _woken(delta)]
    said = [_same(same)] if same else []
    said += [f"{len(woken)} passing that the base skips"] if woken else []
    words = (
        (Change.REGRESSION, "worse"),
        (Change.FIXED, "better than on base"),
        (Change.NEW_FAIL, "new and failing"),
        (Change.DIFFERENT, "failing in another way"),
        (Change.FLAKY, "flaky"),
        (Change.UNCONFIRMED, "failed but not confirmed"),
        (Change.UNKNOWN, "not comparable"),
    )
    said += [f"{len(by[change])} {word}" for change, word in words if by[change]]
    said += _new([*by[Change.NEW_PASS], *by[Change.NEW_SKIP]])
    units = sum(delta.test.name.startswith(PREFIX) for delta in report.deltas)
    whole = [count(len(report.deltas) - units, "selftest")]
    whole += [count(units, "kvm-unit-test")] if units else []
    varied = _varied(report.deltas)
    how = f" ({', '.join(varied)})" if varied else ""
    return f"{' and '.join(whole)}{how}: {'; '.join(said)}"


def _varied(deltas: tuple[Delta, ...]) -> list[str]:
    """'4 of them with npt=0', as far as anything ran so."""
    ran = [d for d in deltas if d.test.parameters and d.tip and not _turned_down(d.tip[0])]
    names = [" ".join(word.partition(".")[2] for word in d.test.parameters) for d in ran]
    return [f"{names.count(name)} of them with {one_line(name)}" for name in dict.fromkeys(names)]


def _turned_down(result: TestResult) -> bool:
    """Whether nothing ran, because a parameter did not take its value."""
    return result.status is Status.SKIP and result.exit_code is None


def _same(deltas: list[Delta]) -> str:
    """How many behave as on the base, and how: thirteen skipped tests are no comfort."""
    last = [delta.tip[-1].status if delta.tip else Status.INFRA for delta in deltas]
    said = [f"{last.count(status)} {status}" for status in Status if status in last]
    return f"{len(deltas)} the same on base and series ({', '.join(said)})"


def _woken(delta: Delta) -> bool:
    """Whether the base never ran what passes with the series: no regression, but not the same either."""
    before = all(result.status is Status.SKIP for result in delta.base)
    return before and bool(delta.tip) and delta.tip[-1].status is Status.PASS


def _new(deltas: list[Delta]) -> list[str]:
    """What each new test does; one that does the same with parameters of a module is told once."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for delta in deltas:
        base = delta.base[-1].status.value if delta.base else "not there"
        tip = delta.tip[-1].status.value if delta.tip else "not run"
        name, _, how = one_line(delta.test.name).partition(" ")
        groups.setdefault((name, base, tip), []).append(how)
    said = []
    for (name, base, tip), ways in groups.items():
        plain, varied = "" in ways, [how.strip("[]") for how in ways if how]
        also = f"{', also' if plain else ''} with {' and '.join(varied)}" if varied else ""
        end = "," if also and plain else ""
        said.append(f"{name}{also}{end} is new ({base} on base, {tip} with the series)")
    return said


def gaps(host: Host | None, deltas: Iterable[Delta]) -> list[str]:
    """Sentences about what the runs of these tests do not show."""
    said = []
    if host and host.vendor == "amd":
        how = "emulated" if host.accelerator is Accelerator.TCG else "this host is AMD"
        said.append(f"Intel (no VMX: {how})" if how == "emulated" else f"Intel ({how})")
    elif host and host.vendor == "intel":
        said.append("AMD (this host is Intel)")
    for found in deltas:
        if found.change is not Change.NEW_SKIP and found.tip and found.tip[0].status is Status.SKIP:
            reason = found.tip[0].assertion or "no reason given"
            if found.test.parameters and found.tip[0].exit_code is None:  # nothing ran
                said.append(f"{found.test.name.partition(' ')[2]}: {reason}")
            else:
                said.append(f"{found.test.name}: skipped itself: {reason}")
    return list(dict.fromkeys(said))


def test_blocks(counted: Tally) -> tuple[Block, ...]:
    """Regressions, failing new tests and what could not be told, each with its first words."""
    kinds = (
        (Change.REGRESSION, "Worse than on the base, on every repeat:"),
        (Change.NEW_FAIL, "New in this series, and failing:"),
        (Change.DIFFERENT, "Failing on the base too, but not in the same way:"),
        (Change.UNCONFIRMED, "Failed here, but not surely by the series' fault, so not counted:"),
        (Change.FLAKY, "Flaky, so not counted:"),
        (Change.UNKNOWN, "No comparison with the base could be made:"),
    )
    blocks = []
    for new, heading in ((False, "No longer built:"), (True, "New in this series, and not built:")):
        lines = [f"{one.name}: {one.reason}" for one in counted.unbuilt if one.new is new]
        if lines:
            blocks.append(Block(heading=heading, lines=shortened(tuple(lines))))
    found = [(heading, counted.of(change)) for change, heading in kinds]
    found.insert(2, ("Changed by this series, and failing, as on the base:", _own_failing(counted)))
    return tuple(blocks) + tuple(
        Block(
            heading=heading, lines=tuple(line for d in deltas for line in _delta_lines(d, counted))
        )
        for heading, deltas in found
        if deltas
    )


def boot_block(run: Run, counted: Tally) -> Block | None:
    """The end of the series' console where its kernel does not come up: of a hang there is nothing else."""
    if not counted.boot_failure or run.boot is None or not run.boot.last_lines:
        return None
    return Block(
        heading=f"The kernel with the series does not come up ({counted.boot_failure}). Its last words:",
        lines=shortened(run.boot.last_lines[-_LOG_LINES:]),
    )


def _own_failing(counted: Tally) -> tuple[Delta, ...]:
    """Of a test that the series changes its author expects that it passes now."""
    same = (d for d in counted.of(Change.SAME) if d.test.why is Why.CHANGED)
    return tuple(d for d in same if any(result.status.bad for result in d.tip))


def crash_block(crash: Crash) -> Block:
    """One console report: what, where, and its first lines."""
    during = f", during {one_line(crash.test)}" if crash.test else ""
    lines = crash.excerpt or (crash.title, *crash.frames)
    return Block(
        heading=f"On the console with the series, not with the base{during}:",
        lines=shortened(telling(lines), more=len(lines)),
    )


def delta_phrase(delta: Delta) -> str:
    """'base: pass, pass; series: fail, fail'."""

    def said(results: tuple[object, ...]) -> str:
        return ", ".join(str(getattr(r, "status", r)) for r in results) or "not run"

    return f"base: {said(delta.base)}; series: {said(delta.tip)}"


def _delta_lines(delta: Delta, counted: Tally) -> tuple[str, ...]:
    bad = next((r for r in delta.tip if r.status not in (Status.PASS, Status.SKIP)), None)
    name, how = one_line(delta.test.name), f"({delta_phrase(delta)})"
    wide = len(name) + 2 + len(how) > WIDTH
    lines = [name, f"  {how}"] if wide else [f"{name}  {how}"]
    if bad and bad.assertion:
        lines += [f"  {line}" for line in lines_of(bad.assertion)]
    told = bool(bad and counted.boot_failure and bad.assertion.startswith(NOT_REACHED))
    if bad and not told and (not bad.assertion or bad.assertion.startswith(GUEST_ENDED)):
        lines += [f"  {line}" for line in shortened(bad.output[-_LOG_LINES:])]
    lines += [f"  {one_line(delta.note)}"] if delta.note else []
    return tuple(lines)


def shortened(lines: tuple[str, ...], more: int = 0) -> tuple[str, ...]:
    """The first lines of a log, and how many are left out of all, which are ``more`` when it is picked from."""
    shown = tuple(line for text in lines[:_LOG_LINES] for line in lines_of(text))
    left = max(len(lines), more) - len(lines[:_LOG_LINES])
    return (*shown, f"[... {count(left, 'more line')}]") if left > 0 else shown
