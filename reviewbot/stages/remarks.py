# SPDX-License-Identifier: GPL-2.0-only
"""Everything there is to say about one patch, each with the line it belongs under."""

from dataclasses import dataclass, replace

from reviewbot.model.base import Confidence
from reviewbot.model.build import CommitBuild, Diagnostic, Level
from reviewbot.model.finding import Fact, Finding, Location, Severity
from reviewbot.model.run import Run
from reviewbot.model.series import Patch
from reviewbot.stages.printable import lines_of, one_line
from reviewbot.stages.tally import Tally

_CONTEXT_LINES = 6
# The rule that foresees what the compiler says.
_FORESEEN = "KVM-PROC-007"
_RANK = {"build": 0, "error": 1, "warning": 2, "note": 3, "fact": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing to say about a patch.

    ``kind`` is "build", "error", "warning", "note" or "fact"; ``title`` may be empty; ``text`` is
    prose and gets wrapped, ``log`` is quoted output and never is; ``tag`` is the rule's code and the
    document that says so; ``quoted`` are lines of the after-tree for when no hunk shows the place.
    """

    kind: str
    location: Location | None
    title: str
    text: str
    log: tuple[str, ...] = ()
    tag: str = ""
    quoted: tuple[str, ...] = ()

    @property
    def rank(self) -> int:
        """0 is what an author has to look at first."""
        return _RANK[self.kind]


def remarks(run: Run, counted: Tally, patch: Patch) -> tuple[Remark, ...]:
    """All remarks on one patch, the gravest first."""
    diagnostics = [
        d
        for built in counted.broken
        if built.number == patch.number
        for d in built.new
        if d.level is not Level.NOTE
    ]
    diagnostics += [d for built, d in counted.compiler if built.number == patch.number]
    found = []
    for finding in run.check.findings if run.check else ():
        if finding.patch == patch.number:
            proof = next((d for d in diagnostics if _foreseen(finding, d)), None)
            diagnostics = [d for d in diagnostics if d is not proof]
            found.append(_of_finding(finding, proof, _doubt(run)))
    found += [
        _of_fact(f) for f in (run.check.facts if run.check else ()) if f.patch == patch.number
    ]
    found += [_of_diagnostic(d) for d in diagnostics]
    return tuple(sorted(found, key=lambda remark: remark.rank))


def _foreseen(finding: Finding, diagnostic: Diagnostic) -> bool:
    """Whether a finding and the compiler speak of one thing: the author need not read it twice."""
    place = Location(path=diagnostic.path, line=diagnostic.line)
    return finding.code == _FORESEEN and finding.location == place


def broken_build(counted: Tally, patch: Patch) -> CommitBuild | None:
    """The build of this patch, when it failed and the commit before did build."""
    numbers = {built.number for built in counted.broken}
    found = (built for built in counted.broken if built.number == patch.number)
    return next((built for built in found if built.number - 1 not in numbers), None)


def grave(found: tuple[Remark, ...]) -> bool:
    """True when a mail of its own is in order: a reply to the patch is never sent for notes."""
    return any(remark.kind in ("build", "error", "warning") for remark in found)


def needs_reply(run: Run, counted: Tally, patch: Patch) -> bool:
    """True when something is to be said under lines of the patch, or it does not build.

    What is about the mail as a whole (its subject, its trailers) is said in the summary: a reply that
    quotes nothing is noise.
    """
    found = remarks(run, counted, patch)
    placed = tuple(one for one in found if one.location or one.kind == "build")
    return grave(placed) or broken_build(counted, patch) is not None


def _doubt(run: Run) -> str:
    """What to say of a finding that may be wrong: the reason, where it is not the rule's own."""
    if run.check and run.check.basis:
        return "I am not sure: the series does not apply to this tree."
    return "I am not sure about this one."


def _of_finding(finding: Finding, proof: Diagnostic | None, doubt: str) -> Remark:
    sentences = [one_line(part) for part in (finding.why, finding.fix) if part.strip()]
    if finding.confidence is Confidence.LOW and finding.severity is not Severity.NOTE:
        sentences.append(doubt)
    tags = [one_line(part) for part in (finding.code, finding.reference) if part.strip()]
    said = Remark(
        kind=finding.severity.value,
        location=finding.location,
        title=one_line(finding.title).rstrip("."),
        text=" ".join(sentences),
        tag=", ".join(tags),
        quoted=tuple(line for text in finding.quoted for line in lines_of(text)),
    )
    return replace(said, kind="build", log=diagnostic_lines(proof)) if proof else said


def _of_fact(fact: Fact) -> Remark:
    return Remark(
        kind="fact",
        location=fact.location,
        title="",
        text=one_line(fact.text),
        tag=one_line(fact.code),
    )


def _of_diagnostic(diagnostic: Diagnostic) -> Remark:
    place = Location(path=diagnostic.path, line=diagnostic.line) if diagnostic.line else None
    return Remark(
        kind="build",
        location=place,
        title="New compiler message with this patch",
        text="",
        log=diagnostic_lines(diagnostic),
    )


def diagnostic_lines(diagnostic: Diagnostic) -> tuple[str, ...]:
    """A compiler message as the compiler wrote it, marked ">>" as new (0-day's convention)."""
    place = diagnostic.path
    if diagnostic.line:
        place += f":{diagnostic.line}"
        place += f":{diagnostic.column}" if diagnostic.column else ""
    option = f" [{diagnostic.option}]" if diagnostic.option else ""
    head = one_line(f"{place}: {diagnostic.level}: {diagnostic.message}{option}")
    below = (
        f"   {line}" for text in diagnostic.context[:_CONTEXT_LINES] for line in lines_of(text)
    )
    return (f">> {head}", *below)
