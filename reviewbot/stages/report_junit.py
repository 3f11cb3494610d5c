# SPDX-License-Identifier: GPL-2.0-only
"""Run -> JUnit XML, the dialect that Jenkins and GitLab read: pure.

What is a failure here is what the verdict blames the series for: a test that fails on the base in the
same way is skipped, and says so.  What our own tools failed at is an error.  The elements and their
order are those of junit-10.xsd of Jenkins' xUnit plugin.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from reviewbot.model.analysis import ToolReport
from reviewbot.model.build import CommitBuild, Diagnostic, VariantBuild
from reviewbot.model.guest import Outcome
from reviewbot.model.run import Run, Stage
from reviewbot.model.status import Status
from reviewbot.model.test import Change, Delta
from reviewbot.parse.unit_tests import PREFIX
from reviewbot.stages.judge import label
from reviewbot.stages.printable import clipped, one_line, printable
from reviewbot.stages.tally import base_broken, tally, wrong_base

_LAB = (Stage.BUILD, Stage.BOOT, Stage.TEST, Stage.COMPARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One testcase.  ``kind`` is "failure", "error" or "skipped", "" when it passed."""

    group: str
    name: str
    seconds: float = 0.0
    kind: str = ""
    type: str = ""
    message: str = ""
    text: str = ""
    output: str = ""


def junit(run: Run) -> bytes:
    """The document, ASCII only; it is never without a testcase, because no test is no success."""
    suites = [("build", list(_builds(run))), ("kselftest", list(_tests(run)))]
    lost = list(_lost(run))
    if not any(case.kind == "error" for case in (*suites[0][1], *suites[1][1], *lost)):
        lost += _unsaid(run)
    suites = [(name, cases) for name, cases in [*suites, ("reviewbot", lost)] if cases]
    every = [case for _, cases in suites for case in cases]
    top = ET.Element("testsuites", {"name": "reviewbot", **_counts(every)})
    top.attrib.pop("skipped")
    for name, cases in suites:
        suite = ET.SubElement(top, "testsuite", {"name": name, **_counts(cases)})
        suite.set("timestamp", one_line(run.started))
        properties = ET.SubElement(suite, "properties")
        for key, value in _properties(run).items():
            ET.SubElement(properties, "property", {"name": key, "value": one_line(value)})
        for case in cases:
            _write(suite, case)
    ET.indent(top)
    said: bytes = ET.tostring(top, encoding="us-ascii", xml_declaration=True)
    return said + b"\n"


def _builds(run: Run) -> Iterator[Case]:
    built = run.build
    if built is None:
        return
    excused = "wrong base" if wrong_base(run) else "the base does not build"
    spared = wrong_base(run) or base_broken(run)
    blamed = {commit.number for commit in tally(run).broken}
    for commit in (built.base, *built.patches):
        where = label(run, commit.number) if commit.number else "base"
        case = Case(group="build", name=where, seconds=commit.seconds, text=_diagnostics(commit))
        if commit.status is Status.PASS:
            yield Case(group="build", name=where, seconds=commit.seconds, output=case.text)
        elif commit.status in (Status.INFRA, Status.TIMEOUT):
            yield _as(case, "error", commit.status.value, built.reason or "no result")
        elif commit.number in blamed:
            yield _as(case, "failure", "build", "does not build")
        elif commit.number == 0:
            yield _as(case, "error", "base", "the base does not build")
        else:
            yield _as(case, "skipped", "build", excused if spared else "not built")

    for variant in built.variants:
        yield _variant(variant)
    for tool in run.analysis.tools if run.analysis else ():
        yield _tool(tool)


def _variant(variant: VariantBuild) -> Case:
    case = Case(
        group="build",
        name=f"tip, {variant.name}",
        seconds=variant.seconds,
        text=_diagnostics(variant),
    )
    if variant.status is Status.PASS:
        return replace(case, text="", output=case.text)
    if variant.status is Status.INFRA:
        return _as(case, "skipped", "not tried", variant.reason or "not tried")
    return _as(case, "failure", "build", "does not build")


def _tool(tool: ToolReport) -> Case:
    """New messages are its output, as the compiler's are."""
    case = Case(group="build", name=f"tip, {tool.name}")
    if tool.status is not Status.PASS:
        return _as(case, "skipped", "not checked", tool.reason or "no result")
    return replace(case, output=_messages((*tool.added, *tool.elsewhere)))


def _diagnostics(commit: CommitBuild | VariantBuild) -> str:
    return _messages(commit.new)


def _messages(found: Iterable[Diagnostic]) -> str:
    return "\n".join(
        f"{one.path}:{one.line}:{one.column}: {one.level}: {one.message}" for one in found
    )


def _tests(run: Run) -> Iterator[Case]:
    if run.boot and run.boot.outcome is not Outcome.INFRA and tally(run).boot_failure:
        yield Case(
            group="kselftest",
            name="boot",
            seconds=run.boot.seconds,
            kind="failure",
            type="boot",
            message=f"the kernel with the series does not come up ({tally(run).boot_failure})",
            text="\n".join(run.boot.last_lines),
        )
    deltas = run.tests.deltas if run.tests else ()
    for delta in deltas:
        yield _test(delta)
    for one in run.tests.unbuilt if run.tests else ():
        said = f"does not build: {one.reason}"
        yield Case(group="kselftest", name=one.name, kind="failure", type="build", message=said)
    for crash in run.new_crashes:
        yield Case(
            group="kselftest.console",
            name=crash.title,
            kind="failure",
            type=crash.kind.value,
            message=f"new on the console: {crash.title}",
            text="\n".join(crash.excerpt),
        )
    if not deltas:
        why = next((reason for stage, reason in run.skipped if stage in _LAB), "")
        if run.tests and run.tests.unavailable:
            why = run.tests.unavailable
        text = f"no selftest was compared{': ' if why else ''}{why}"
        yield Case(group="kselftest", name="selftests", kind="skipped", message=text)


def _test(delta: Delta) -> Case:
    first = delta.tip[0] if delta.tip else None
    worst = next((result for result in delta.tip if result.status.bad), first)
    unit = delta.test.name.startswith(PREFIX)
    case = Case(
        group="kvm-unit-tests" if unit else "kselftest",
        name=delta.test.name.removeprefix(PREFIX),
        seconds=sum(result.seconds for result in delta.tip),
        text="\n".join(worst.output) if worst else "",
    )
    said = worst.assertion if worst else ""
    reason = "; ".join(part for part in (said, delta.note) if part)
    if delta.change in (Change.REGRESSION, Change.NEW_FAIL):
        return _as(case, "failure", delta.change.value, reason or "fails")
    if delta.change is Change.UNKNOWN:
        return _as(case, "error", delta.change.value, reason or "no result")
    if delta.change in (Change.FLAKY, Change.UNCONFIRMED, Change.DIFFERENT):
        return _as(case, "skipped", delta.change.value, f"{delta.change}: {reason}")
    if first is None or first.status is Status.INFRA:
        return _as(case, "error", "no result", reason or "no result")
    if first.status is not Status.PASS:  # it skips itself, or fails on the base as well
        return _as(case, "skipped", first.status.value, reason or first.status.value)
    return Case(group=case.group, name=case.name, seconds=case.seconds)


def _lost(run: Run) -> Iterator[Case]:
    """What no other case says: our own failures, a series that does not apply, or was not taken."""
    for stage, reason in run.failures:
        yield Case(group="reviewbot", name=stage, kind="error", type="infra", message=reason)
    if run.declined:
        yield Case(group="reviewbot", name="fetch", kind="skipped", message=run.declined.evidence)
    applied = run.applied
    if applied and applied.status is not Status.PASS:
        conflict = applied.conflict
        text = "no result"
        if conflict:
            text = f"patch {label(run, conflict.patch)}: {conflict.path}: {conflict.reason}"
        kind = "error" if applied.status is Status.INFRA else "failure"
        yield Case(group="reviewbot", name="apply", kind=kind, type="apply", message=text)


def _unsaid(run: Run) -> Iterator[Case]:
    """What the verdict calls our failure and no test is of: a base that does not boot must not look green."""
    for said in tally(run).infra:
        stage, _, reason = said.partition(": ")
        yield Case(group="reviewbot", name=stage, kind="error", type="infra", message=reason)


def _as(case: Case, kind: str, of: str, message: str) -> Case:
    return replace(case, kind=kind, type=of, message=message)


def _counts(cases: list[Case]) -> dict[str, str]:
    kinds = [case.kind for case in cases]
    return {
        "tests": str(len(cases)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
        "time": f"{sum(case.seconds for case in cases):.3f}",
    }


def _properties(run: Run) -> dict[str, str]:
    said = {"run": run.id, "reviewbot": run.version}
    if run.series:
        said["series"] = run.series.title
        said["revision"] = str(run.series.revision)
        said["message-id"] = run.series.message_id
    if run.base:
        said["base"] = run.base.commit
    if run.verdict:
        said["verdict"] = run.verdict.line
    return said


def _write(suite: ET.Element, case: Case) -> None:
    """Text is made printable first: XML 1.0 has no way to write most control characters."""
    made = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": case.group,
            "name": one_line(case.name),
            "time": f"{case.seconds:.3f}",
        },
    )
    if case.kind:
        said = {"message": one_line(clipped(case.message))}
        if case.type:
            said["type"] = one_line(case.type)
        child = ET.SubElement(made, case.kind, said)
        child.text = _lines(case.text)
    elif case.output:
        ET.SubElement(made, "system-out").text = _lines(case.output)


def _lines(text: str) -> str | None:
    clean = "\n".join(clipped(line) for line in printable(text).split("\n"))
    return clean or None
