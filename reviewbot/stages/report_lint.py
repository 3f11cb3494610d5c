# SPDX-License-Identifier: GPL-2.0-only
"""Run -> lines as a compiler prints them, for editors and for people in a hurry: pure.

arch/x86/include/uapi/asm/kvm.h:495: warning: KVM_X uses BIT() [KVM-ABI-011] (patch 3/8)
    Use _BITUL(). (Documentation/dev-tools/checkuapi.rst)
"""

from collections.abc import Iterable, Iterator

from reviewbot.model.finding import Finding, Severity
from reviewbot.model.run import Run
from reviewbot.stages import set_aside
from reviewbot.stages.judge import label
from reviewbot.stages.printable import one_line
from reviewbot.stages.summary import unable
from reviewbot.stages.tally import tally


def lines(run: Run, findings: Iterable[Finding]) -> Iterator[str]:
    """Two lines a finding: what and where, and what to do."""
    for finding in findings:
        title = one_line(finding.title).rstrip(".")
        said = f"{finding.severity}: {title} [{finding.code}]"
        if place := finding.location:
            yield f"{one_line(place.path)}:{place.line}: {said} ({_patch(run, finding)})"
        else:
            yield f"{_patch(run, finding)}: {said}"
        reference = f" ({one_line(finding.reference)})" if finding.reference.strip() else ""
        yield f"    {one_line(finding.fix or finding.why)}{reference}"


def remarks(run: Run) -> Iterator[str]:
    """What the findings do not say: what was set aside, could not run, does not apply."""
    conflict = run.applied.conflict if run.applied else None
    if conflict:
        where = " ".join(word for word in (conflict.path, conflict.hunk) if word)
        said = one_line(f"patch {conflict.patch} does not apply: {where}: {conflict.reason}")
        yield f"{said}; name the commit that the patches go on with --base"
    for name, text in (
        ("ignored", set_aside.ignored(run)),
        ("severity", set_aside.severities(run)),
        ("could not run", "; ".join(unable(tally(run).unable))),
    ):
        if text:
            yield f"{name}: {one_line(text)}"


def grave(findings: Iterable[Finding]) -> bool:
    """True when there is an error or a warning: what exit status 1 stands for."""
    return any(finding.severity is not Severity.NOTE for finding in findings)


def _patch(run: Run, finding: Finding) -> str:
    return f"patch {label(run, finding.patch)}" if finding.patch else "series"
