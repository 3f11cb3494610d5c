# SPDX-License-Identifier: GPL-2.0-only
"""A plausible year of nightly sweeps, made through the store's own interface, the same every time.

Tips that stand still at weekends, regressions that are bisected and fixed, tests that are flaky, a broken
build now and then, partial nights, a suite that grows, costs that creep and jump.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reviewbot.model.status import Status
from reviewbot.model.sweep import (
    Bisection,
    Culprit,
    Ending,
    Kind,
    Measure,
    Move,
    Night,
    Past,
    Reverted,
    Seen,
    Standing,
    Step,
    StepOutcome,
)
from reviewbot.model.sweep_range import RangeCommit, SweepRange
from reviewbot.stages.nightly import compare, known
from reviewbot.stages.nightly_settled import settled

if TYPE_CHECKING:
    from reviewbot.tools.nights import Nights

DAY = 86400.0
FIRST = 1731974400.0  # 2024-11-19
BRANCHES = (
    "kvm/queue", "kvm/next", "kvm/master", "kvm-x86/next", "kvm-x86/fixes", "kvm-x86/selftests",
    "kvmarm/next", "tip/master", "linux-next/master", "mainline/master",
)  # fmt: skip
SUITE = (
    "access_tracking_perf_test", "amx_test", "aperfmperf_test", "apic_bus_clock_test", "coalesced_io_test",
    "cpuid_test", "cr4_cpuid_sync_test", "debug_regs", "demand_paging_test", "dirty_log_perf_test",
    "dirty_log_page_splitting_test", "dirty_log_test", "exit_on_emulation_failure_test", "fastops_test",
    "feature_msrs_test", "fix_hypercall_test", "flds_emulation", "guest_memfd_test", "guest_print_test",
    "hardware_disable_test", "hwcr_msr_test", "hyperv_clock", "hyperv_cpuid", "hyperv_evmcs",
    "hyperv_extended_hypercalls", "hyperv_features", "hyperv_ipi", "hyperv_svm_test", "hyperv_tlb_flush",
    "kvm_binary_stats_test", "kvm_clock_test", "kvm_create_max_vcpus", "kvm_page_table_test", "kvm_pv_test",
    "max_vcpuid_cap_test", "memslot_modification_stress_test", "memslot_perf_test", "mmu_stress_test",
    "monitor_mwait_test", "msrs_test", "nested_emulation_test", "nested_exceptions_test", "nx_huge_pages_test",
    "platform_info_test", "pmu_counters_test", "pmu_event_filter_test", "pre_fault_memory_test",
    "private_mem_conversions_test", "private_mem_kvm_exits_test", "recalc_apic_map_test", "rseq_test",
    "set_boot_cpu_id", "set_memory_region_test", "set_sregs_test", "sev_init2_tests", "sev_migrate_tests",
    "sev_smoke_test", "smaller_maxphyaddr_emulation_test", "smm_test", "state_test", "steal_time",
    "svm_int_ctl_test", "svm_nested_shutdown_test", "svm_nested_soft_inject_test", "svm_vmcall_test",
    "sync_regs_test", "system_counter_offset_test", "triple_fault_event_test", "tsc_msrs_test",
    "tsc_scaling_sync", "ucna_injection_test", "userspace_io_test", "userspace_msr_exit_test",
    "vmx_apic_access_test", "vmx_apicv_updates_test", "vmx_dirty_log_test", "vmx_exception_with_invalid_guest_state",
    "vmx_invalid_nested_guest_state", "vmx_msrs_test", "vmx_nested_la57_state_test",
    "vmx_nested_tsc_scaling_test", "vmx_pmu_caps_test", "vmx_preemption_timer_test", "vmx_set_nested_state_test",
    "vmx_tsc_adjust_test", "xapic_ipi_test", "xapic_state_test", "xcr0_cpuid_test", "xen_shinfo_test",
    "xen_vmcall_test", "xss_msr_test",
)  # fmt: skip
VARIANTS = ("[npt=0]", "[nested=0]", "[ept=0]", "[tdp_mmu=0]", "[avic=1]")
SKIPPED = ("vmx_", "sev_", "amx_test")
BUILDS = ("x86_64 defconfig + kvm", "x86_64 allmodconfig", "i386", "arm64 defconfig", "x86_64 KASAN", "x86_64 W=1", "x86_64 clang")  # fmt: skip
COSTS = ("dirty_log_perf_test", "memslot_perf_test", "kvm_page_table_test")
ASSERTIONS = (
    "x86/{}.c:{}: msr->host_initiated == 0",
    "{}.c:{}: run->exit_reason == KVM_EXIT_IO, got KVM_EXIT_SHUTDOWN",
    "lib/kvm_util.c:{1}: KVM_RUN failed, rc: -1 errno: 14 (Bad address) in {0}",
    "x86/{}.c:{}: Wanted #GP(0), got no exception",
)
CULPRITS = (
    ("KVM: x86/mmu: Zap only the leaf SPTEs of a moved memslot", "Paula Ager <paula@example.org>"),
    ("KVM: SVM: Skip the VMLOAD of a vCPU that was not scheduled out", "Sam Virtanen <sam@example.org>"),
    ("KVM: nSVM: Sync next_rip only if it was intercepted", "Vera Mander <vera@example.org>"),
    ("KVM: selftests: Use a second memslot for the stress test", "Kim Selft <kim@example.org>"),
)  # fmt: skip


def digest(*parts: object, size: int = 40) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:size]


def console(name: str, detail: str) -> bytes:
    """As much as a failing selftest and its guest's console say."""
    lines = [f"[{place / 7:12.6f}] kvm: {name[place % 50:]} vcpu{place % 8}, data 0x{place * 7919:x}" for place in range(160)]  # fmt: skip
    return "\n".join([*lines, "==== Test Assertion Failure ====", f"  {detail}"]).encode()


@dataclass
class Tree:
    """What is true of a branch in its present night."""

    branch: str
    chance: random.Random
    broken: dict[str, tuple[str, int]] = field(default_factory=dict)
    flaky: dict[str, float] = field(default_factory=dict)
    build: tuple[str, int] = ("", 0)
    warnings: list[str] = field(default_factory=list)
    costs: dict[str, float] = field(default_factory=dict)
    text: float = 1_210_000.0


def names(tests: int) -> list[str]:
    every = [f"x86_64/{one}" for one in SUITE]
    every += [f"x86_64/{one} {variant}" for variant in VARIANTS for one in SUITE]
    return every[:tests]


def fill(store: Nights, *, branches: int = 10, tests: int = 120, nights: int = 365) -> None:
    """Nights up to FIRST + ``nights`` days, of the first so many branches."""
    for place, branch in enumerate(BRANCHES[:branches]):
        _Branch(store, branch, names(tests), random.Random(place + 1)).live(nights)  # noqa: S311 - made up


class _Branch:
    def __init__(self, store: Nights, branch: str, suite: list[str], chance: random.Random) -> None:
        self.store, self.branch, self.suite, self.chance = store, branch, suite, chance
        self.tree = Tree(branch=branch, chance=chance)
        self.tree.costs = {one: 40e6 * (1 + 2 * place) for place, one in enumerate(COSTS)}
        for name in chance.sample(suite, 3):
            self.tree.flaky[name] = chance.choice([0.04, 0.1, 0.25])
        self.history: dict[tuple[Kind, str], tuple[Past, ...]] = {}
        self.past: list[Night] = []
        self.last = digest(branch, "start")

    def live(self, nights: int) -> None:
        for number in range(nights):
            started = FIRST + number * DAY + 2 * 3600 + 600 * BRANCHES.index(self.branch)
            weekday = int(started // DAY + 3) % 7
            with self.store.transaction():
                if self.past and self.chance.random() < (0.75 if weekday >= 5 else 0.12):
                    self._still(number, started)
                else:
                    self._ran(number, started)

    def _id(self, number: int) -> str:
        return f"{self.branch.replace('/', '-')}-{number:04d}"

    def _still(self, number: int, started: float) -> None:
        last = self.past[0]
        night = replace(
            last, id=self._id(number), started=started, ended=started + 1.4, seen=(), measures=(),
            ending=Ending.UNCHANGED, same_as=last.id, missing=(),
        )  # fmt: skip
        self.store.record(night)
        self.store.keep_movements(night.id, ())

    def _ran(self, number: int, started: float) -> None:
        self._develop(number)
        commit = digest(self.branch, number)
        chance = self.chance.random()
        ending = (
            Ending.PARTIAL
            if chance < 0.03
            else Ending.FAILED
            if chance < 0.035
            else Ending.COMPLETE
        )
        seen = [] if ending is Ending.FAILED else self._seen(number)
        missing: tuple[str, ...] = ()
        if ending is Ending.PARTIAL:
            seen = seen[: len(BUILDS) + 1 + len(self.suite) // 2]
            missing = ("the second half of the selftests: the deadline of 6 hours came first",)
        if ending is Ending.FAILED:
            missing = ("everything: the disk of the cache was full",)
        night = Night(
            id=self._id(number), branch=self.branch, commit=commit, tree_id=digest(commit),
            started=started, ended=started + 3600 * (1.4 + 0.3 * self.chance.random()) + 2 * number,
            ending=ending, machine="KVM on AMD EPYC 7B13, gcc 12.2.0, kvm profile",
            merge_base=digest("mainline", number // 7), seen=tuple(seen), missing=missing,
            measures=() if ending is not Ending.COMPLETE else self._measures(number),
        )  # fmt: skip
        self.store.record(night)
        for one in night.seen:
            if one.failures and one.log:
                self.store.keep_log(one.log, console(one.log, one.detail), night.ended)
        self.store.keep_range(night.id, self._range(number, commit))
        if ending is not Ending.FAILED:
            self._judge(night)
        self.last = commit

    def _develop(self, number: int) -> None:
        """What people pushed since yesterday."""
        tree, chance = self.tree, self.chance
        for name, (_, until) in list(tree.broken.items()):
            if number >= until:
                del tree.broken[name]
        if chance.random() < 0.035:
            line, until = chance.randrange(60, 900), number + chance.randrange(2, 14)
            for name in chance.sample(self.suite, chance.choice([1, 1, 1, 2, 5])):
                plain = name.partition("/")[2].partition(" ")[0]
                tree.broken[name] = (chance.choice(ASSERTIONS).format(plain, line), until)
        if number >= tree.build[1]:
            tree.build = ("", 0)
            if chance.random() < 0.02:
                tree.build = (chance.choice(BUILDS[1:]), number + chance.randrange(1, 4))
        if chance.random() < 0.03:
            tree.warnings.append(
                f"arch/x86/kvm/{chance.choice(['mmu/mmu', 'svm/svm', 'vmx/vmx', 'x86', 'lapic'])}.c: "
                f"unused variable 'r{number}' [-Wunused-variable]"
            )
        if tree.warnings and chance.random() < 0.04:
            tree.warnings.pop(0)
        for name in COSTS:
            tree.costs[name] *= (
                1.06 if chance.random() < 0.006 else 0.97 if chance.random() < 0.006 else 1.0
            )
        tree.text += chance.gauss(200, 400) + (18000 if chance.random() < 0.01 else 0)

    def _seen(self, number: int) -> list[Seen]:
        tree, chance = self.tree, self.chance
        found = []
        for name in BUILDS:
            bad = name == tree.build[0]
            found.append(
                Seen(
                    kind=Kind.BUILD, name=name, status=Status.FAIL if bad else Status.PASS,
                    detail="arch/x86/kvm/vmx/nested.c:1180: error: implicit declaration of function 'vmx_sync'" if bad else "",
                    seconds=120 + 60 * chance.random(), failures=int(bad), log=digest(self.branch, number, name, size=64),
                )
            )  # fmt: skip
        found.append(Seen(kind=Kind.BOOT, name="x86_64", status=Status.PASS, seconds=9 + chance.random(), log=digest(self.branch, number, size=64)))  # fmt: skip
        shown = len(self.suite) - max(0, (300 - number) // 50)
        found += [self._test(name, number) for name in self.suite[:shown]]
        found += [
            Seen(kind=Kind.WARNING, name=one, status=Status.FAIL, detail=one, failures=1)
            for one in tree.warnings
        ]
        if chance.random() < 0.01:
            found.append(
                Seen(
                    kind=Kind.CONSOLE, name=digest("splat", chance.randrange(3), size=12), status=Status.CRASH,
                    detail="WARNING: suspicious RCU usage in kvm_vcpu_gfn_to_memslot", failures=1,
                )
            )  # fmt: skip
        return found

    def _test(self, name: str, number: int) -> Seen:
        chance = self.chance
        status, detail, runs, failures = Status.PASS, "", 1, 0
        if any(name.partition("/")[2].startswith(one) for one in SKIPPED):
            status, detail = Status.SKIP, "this host's processor cannot do it"
        elif name in self.tree.broken:
            status, detail, runs, failures = Status.FAIL, self.tree.broken[name][0], 3, 3
        elif chance.random() < self.tree.flaky.get(name, 0.0):
            runs = 3
            failures = 1 + sum(chance.random() < self.tree.flaky[name] for _ in range(2))
            status, detail = (
                Status.FAIL,
                "lib/test_util.c:44: timed out waiting for the vCPU to start",
            )
        seconds = (3 + len(name) % 17) * (0.9 + 0.2 * chance.random())
        return Seen(
            kind=Kind.TEST, name=name, status=status, detail=detail, seconds=seconds, runs=runs,
            failures=failures, log=digest(self.branch, number, name, size=64),
        )  # fmt: skip

    def _range(self, number: int, tip: str) -> SweepRange:
        def commit(place: int) -> RangeCommit:
            subject, author = CULPRITS[(number + place) % len(CULPRITS)]
            name = tip if place == 0 else digest(tip, place)
            return RangeCommit(
                commit=name, tree_id=name, parents=(name,), subject=subject, author=author
            )

        commits = tuple(commit(place) for place in reversed(range(1 + number % 12)))
        forced = number % 9 == 0
        return SweepRange(
            old=self.last, tip=tip, start=self.last, merge_base=digest("mainline", number // 7),
            forced=forced, commits=commits, rebased=commits[:2] if forced else (),
            upstream=(number % 7 and 0) or 900,
        )  # fmt: skip

    def _measures(self, number: int) -> tuple[Measure, ...]:
        chance = self.chance
        found = [
            Measure(
                name=name, unit="instructions", samples=tuple(cost * chance.gauss(1, 0.004) for _ in range(5))
            )
            for name, cost in self.tree.costs.items()
        ]  # fmt: skip
        found.append(
            Measure(name="kvm.ko text", unit="bytes", samples=(float(int(self.tree.text)),))
        )
        found.append(Measure(name="boot", unit="seconds", samples=(9 + chance.random(),)))
        if number % 7 == 0:
            found.append(
                Measure(name="coverage of virt/kvm and arch/x86/kvm", unit="%", samples=(61 + number / 90 + chance.random(),))
            )  # fmt: skip
        return tuple(found)

    def _judge(self, night: Night) -> None:
        movements = compare(night, known(self.past), self.history, past=self.past[:30])
        self.store.keep_movements(night.id, movements)
        for one in movements:
            if one.kind and one.move is Move.BROKE:
                self.store.open_regression(
                    self.branch, one.kind, one.name, night=night.id, since=night.started,
                    detail=one.after, good=self.last, bad=night.commit,
                )  # fmt: skip
                self.store.keep_bisection(
                    night.id, self._bisected(night, one.kind, one.name, one.after)
                )
        ends = {Move.FIXED: Standing.FIXED, Move.GONE: Standing.GONE}
        ended = {(one.kind, one.name): ends[one.move] for one in movements if one.move in ends}
        seen_now = {(one.kind, one.name): one for one in night.seen}
        for each in self.store.regressions(self.branch):
            key = (each.kind, each.name)
            how, why = ended.get(key), ""
            if how is None and each.kind is Kind.TEST and key in seen_now:
                past = self.history.get(key, ())
                since = self.store.following(self.branch, each.opened)
                how, why = settled(past, since, night, seen_now[key]) or (None, "")
            if how:
                self.store.close_regression(each.number, night.id, night.started, how, why)
        for seen in night.seen:
            key = (seen.kind, seen.name)
            before = Past(
                night=night.id, started=night.started, commit=night.commit, status=seen.status,
                runs=seen.runs, failures=seen.failures, detail=seen.detail,
            )  # fmt: skip
            self.history[key] = (before, *self.history.get(key, ())[:89])
        self.past = [night, *self.past[:29]]

    def _bisected(self, night: Night, kind: Kind, name: str, detail: str) -> Bisection:
        chance = self.chance
        subject, author = CULPRITS[int(digest(night.id, size=4), 16) % len(CULPRITS)]
        steps = tuple(
            Step(
                commit=digest(night.id, step), subject=subject if step == 1 else CULPRITS[step % 4][0],
                outcome=(StepOutcome.GOOD, StepOutcome.BAD, StepOutcome.SKIPPED)[min(2, step % 4)],
                runs=3, failures=3 * (step % 4 == 1), seconds=20 + 10 * chance.random(),
                why="does not build" if step % 4 >= 2 else "",
            )
            for step in range(5)
        )  # fmt: skip
        found = Bisection(
            kind=kind, name=name, detail=detail, good=self.last, bad=night.commit, steps=steps,
            confidence=0.997,
            culprit=Culprit(
                commit=steps[1].commit, subject=subject, author=author,
                message_id=f"20250101.{digest(night.id, size=8)}@example.org", reverted=Reverted.CURES,
            ),
        )  # fmt: skip
        if chance.random() < 0.2:
            return replace(
                found, culprit=None, suspects=tuple(one.commit for one in steps[:3]), confidence=0.8,
                reason="two commits next to it do not build",
            )  # fmt: skip
        return found
