# SPDX-License-Identifier: GPL-2.0-only
"""What a run found, sorted by what it means.  The verdict and every report count the same things."""

from dataclasses import dataclass

from reviewbot.model.analysis import SPARSE, ConfigSymbol, Reach
from reviewbot.model.build import CommitBuild, Diagnostic, Level, VariantBuild
from reviewbot.model.finding import Finding, RuleOutcome, RuleStatus, Severity
from reviewbot.model.guest import Crash, Outcome
from reviewbot.model.run import Run
from reviewbot.model.status import Status
from reviewbot.model.test import Change, Delta, Unbuilt
from reviewbot.tools.guest_results import NOT_REACHED


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Everything that counts.  ``infra`` are sentences about what our own tools failed at.

    ``broken`` are patches that do not build (empty when the base is the wrong one: then that is not
    their fault); ``compiler`` are new warnings and errors in patches that are not ``broken``.
    ``variants`` are other configurations in which the series breaks or brings new messages.
    ``sparse`` are new messages of sparse on added lines, ``hopeless`` Kconfig symbols nobody can set.
    ``unbuilt`` are selftests that the series breaks, or adds broken.
    ``boot_failure`` says how the series' kernel ended when it did not come up.
    """

    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    broken: tuple[CommitBuild, ...]
    compiler: tuple[tuple[CommitBuild, Diagnostic], ...]
    variants: tuple[VariantBuild, ...]
    sparse: tuple[Diagnostic, ...]
    hopeless: tuple[ConfigSymbol, ...]
    deltas: dict[Change, tuple[Delta, ...]]
    crashes: tuple[Crash, ...]
    boot_failure: str
    unbuilt: tuple[Unbuilt, ...]
    unable: tuple[RuleOutcome, ...]
    infra: tuple[str, ...]

    @property
    def anything(self) -> bool:
        """True when there is something at warning or above: what exit status 1 stands for."""
        return bool(
            self.errors
            or self.warnings
            or self.broken
            or self.compiler
            or self.variants
            or self.sparse
            or self.hopeless
            or self.crashes
            or self.boot_failure
            or self.unbuilt
            or self.of(Change.REGRESSION)
            or self.of(Change.NEW_FAIL)
        )

    def of(self, change: Change) -> tuple[Delta, ...]:
        """The tests to which this happened."""
        return self.deltas.get(change, ())


def tally(run: Run) -> Tally:
    """Count a run."""
    findings = run.check.findings if run.check else ()
    outcomes = run.check.outcomes if run.check else ()
    return Tally(
        errors=tuple(f for f in findings if f.severity is Severity.ERROR),
        warnings=tuple(f for f in findings if f.severity is Severity.WARNING),
        notes=tuple(f for f in findings if f.severity is Severity.NOTE),
        broken=_broken(run),
        compiler=_compiler(run),
        variants=_variants(run),
        sparse=_sparse(run),
        hopeless=_hopeless(run),
        deltas=_deltas(run),
        crashes=run.new_crashes,
        boot_failure=_boot_failure(run),
        unbuilt=run.tests.unbuilt if run.tests else (),
        unable=tuple(o for o in outcomes if o.status is RuleStatus.COULD_NOT_RUN),
        infra=_infra(run),
    )


_OURS = (Status.INFRA, Status.TIMEOUT)
"""What became of a build that says nothing about it: the time limit is our machine's."""


def wrong_base(run: Run) -> bool:
    """True when what failed to build is the choice of base, not the series (lab.md, PAT v1)."""
    return run.build is not None and bool(run.build.missing_symbols)


def base_broken(run: Run) -> bool:
    """True when the base itself fails to build; nothing after that is the series' fault."""
    return run.build is not None and run.build.base.status not in (Status.PASS, *_OURS)


def compared(run: Run) -> tuple[Delta, ...]:
    """Tests with a result on both kernels: the others say nothing, neither good nor bad."""
    deltas = run.tests.deltas if run.tests else ()
    return tuple(one for one in deltas if one.tip and one.change is not Change.UNKNOWN)


def all_skipped(run: Run) -> bool:
    """Whether tests ran and none of them tested anything."""
    last = [delta.tip[-1].status for delta in compared(run)]
    return bool(last) and all(status is Status.SKIP for status in last)


def _broken(run: Run) -> tuple[CommitBuild, ...]:
    if run.build is None or wrong_base(run) or base_broken(run):
        return ()
    return tuple(b for b in run.build.patches if b.status not in (Status.PASS, *_OURS))


def _compiler(run: Run) -> tuple[tuple[CommitBuild, Diagnostic], ...]:
    if run.build is None or wrong_base(run) or base_broken(run):
        return ()
    return tuple(
        (built, diagnostic)
        for built in run.build.patches
        if built.status is Status.PASS
        for diagnostic in built.new
        if diagnostic.level is not Level.NOTE
    )


def _variants(run: Run) -> tuple[VariantBuild, ...]:
    built = run.build.variants if run.build else ()
    return tuple(
        one
        for one in built
        if one.status is Status.FAIL
        or (one.status is Status.PASS and any(d.level is not Level.NOTE for d in one.new))
    )


def _sparse(run: Run) -> tuple[Diagnostic, ...]:
    tools = run.analysis.tools if run.analysis else ()
    return tuple(one for tool in tools if tool.name == SPARSE for one in tool.added)


def _hopeless(run: Run) -> tuple[ConfigSymbol, ...]:
    symbols = run.analysis.symbols if run.analysis else ()
    return tuple(one for one in symbols if one.reach is Reach.NEVER)


def _deltas(run: Run) -> dict[Change, tuple[Delta, ...]]:
    deltas = run.tests.deltas if run.tests else ()
    return {change: tuple(d for d in deltas if d.change is change) for change in Change}


def _boot_failure(run: Run) -> str:
    """How the guest died, unless guests came up afterwards: then what their tests did speaks."""
    results = [one for delta in compared(run) for one in delta.tip]
    if run.boot is None or not all(one.assertion.startswith(NOT_REACHED) for one in results):
        return ""
    if run.boot.module_error:
        return f"a module does not load: {run.boot.module_error}"
    if run.boot.outcome in (Outcome.FINISHED, Outcome.INFRA):
        return ""
    return run.boot.outcome.value


def _infra(run: Run) -> tuple[str, ...]:
    return (*_infra_before_boot(run), *_infra_of_guests(run))


def _infra_before_boot(run: Run) -> list[str]:
    said = [f"{stage}: {reason}" for stage, reason in run.failures]
    if run.check and run.check.lost:
        said.append(f"check: {', '.join(run.check.lost)} did not end by themselves")
    if run.applied and run.applied.status is Status.INFRA:
        said.append("apply: no result")
    if run.build:
        builds = (run.build.base, *run.build.patches)
        statuses = {run.build.status, *(built.status for built in builds)}
        if Status.INFRA in statuses:
            said.append(f"build: {run.build.reason or 'no result'}")
        elif Status.TIMEOUT in statuses:
            said.append(f"build: {run.build.reason or 'the time limit ran out'}")
    return said


def _infra_of_guests(run: Run) -> list[str]:
    said = []
    if run.base_boot and run.boot is None:  # kept alone only when it failed (engine/lab.py)
        why = run.base_boot.module_error or run.base_boot.outcome.value
        said.append(f"boot: the base does not come up ({why})")
    if run.boot and run.boot.outcome is Outcome.INFRA:
        said.append("boot: the guest was not started")
    if run.tests:
        lost = [
            delta.test.name
            for delta in run.tests.deltas
            if any(r.status is Status.INFRA for r in (*delta.base, *delta.tip))
        ]
        if lost:
            said.append(f"test: no result from {', '.join(lost)}")
        if any(b.outcome is Outcome.INFRA for tested in run.tests.runs for b in tested.boots):
            said.append("test: a guest was not started")
    return said
