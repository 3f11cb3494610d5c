# SPDX-License-Identifier: GPL-2.0-only
"""What a new revision changed: findings that are gone, findings that stayed, and how much differs.  Pure."""

from collections import Counter
from collections.abc import Hashable

from reviewbot.model.finding import Finding
from reviewbot.model.run import Run, Since
from reviewbot.model.series import Series
from reviewbot.stages.printable import count, listed, one_line


def compare(before: Run, now: Run) -> Since | None:
    """The earlier revision's review against this one; None when one of them has no rules' answers.

    A finding is the same when rule, title and file are: patches are renumbered and lines move between
    revisions.  What a rule that could not run this time said before counts as neither.
    """
    if before.series is None or now.series is None or before.check is None or now.check is None:
        return None
    known = Counter(_identity(finding) for finding in before.check.findings)
    remaining = []
    for finding in now.check.findings:
        if known[_identity(finding)] > 0:
            known[_identity(finding)] -= 1
            remaining.append(finding)
    ran = {outcome.code for outcome in now.check.outcomes if not outcome.reason}
    fixed = []
    for finding in before.check.findings:
        if known[_identity(finding)] > 0 and finding.code in ran:
            known[_identity(finding)] -= 1
            fixed.append(finding)
    files, lines = interdiff(before.series, now.series)
    return Since(
        revision=before.series.revision,
        message_id=before.series.message_id,
        fixed=tuple(fixed),
        remaining=tuple(remaining),
        files=files,
        lines=lines,
    )


def row(run: Run) -> tuple[str, str]:
    """(label, prose) for the report's summary; ("", "") when no earlier revision was reviewed."""
    known = run.since
    if known is None:
        return "", ""
    now = len(run.check.findings) if run.check else 0
    new = now - len(known.remaining)
    parts = [
        _named("fixed", known.fixed),
        _named("remaining", known.remaining),
        f"{new} new" if new else "",
        _size(known),
    ]
    return f"Since v{known.revision}", "; ".join(part for part in parts if part) + "."


def _size(known: Since) -> str:
    if not known.lines:
        return "the same changes"
    return f"interdiff of {count(known.lines, 'line')} in {count(known.files, 'file')}"


def _named(word: str, findings: tuple[Finding, ...]) -> str:
    """'2 fixed (KVM-ABI-002, KVM-DOC-001)', or nothing."""
    if not findings:
        return ""
    codes = dict.fromkeys(one_line(finding.code) for finding in findings)
    return f"{count(len(findings), 'finding')} {word} ({listed(tuple(codes), 6)})"


def interdiff(before: Series, now: Series) -> tuple[int, int]:
    """(files, lines) by which the changes of two revisions differ.

    Counted on the lines that the patches add and remove, each file for itself: rebasing, reordering
    and splitting patches count for nothing, as they change no code.
    """
    old, new = _changes(before), _changes(now)
    differing = ((old - new) + (new - old)).items()
    return len({path for (path, _), _ in differing}), sum(count for _, count in differing)


def _changes(series: Series) -> Counter[tuple[str, str]]:
    """(path, line with its sign) and how often the series as a whole adds or removes it."""
    found: Counter[tuple[str, str]] = Counter()
    for patch in series.patches:
        for file in patch.files:
            for hunk in file.hunks:
                for line in hunk.lines:
                    if line[:1] in {"+", "-"}:
                        other = ("-" if line[0] == "+" else "+") + line[1:]
                        # What one patch adds and a later one removes is no change of the series.
                        if found[file.path, other] > 0:
                            found[file.path, other] -= 1
                        else:
                            found[file.path, line] += 1
    return +found


def _identity(finding: Finding) -> Hashable:
    return finding.code, finding.title, finding.location.path if finding.location else ""
