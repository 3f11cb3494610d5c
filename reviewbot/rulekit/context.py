# SPDX-License-Identifier: GPL-2.0-only
"""What a rule is handed: the series, the trees before and after each patch, and what is new.

A finding is what patch k adds and what is still there at the tip.  Rules say what is wrong in *one*
tree (a scan); ``Context.introduced`` compares trees, so that no rule can report old problems.
"""

import fnmatch
import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from reviewbot.model.finding import Fact, Finding, Location, Severity
from reviewbot.model.series import FileDiff, Hunk, Patch, Series
from reviewbot.rulekit.problem import Problem, Verified
from reviewbot.rulekit.rule import Declaration
from reviewbot.rulekit.trees import View

Scan = Callable[[View], Iterable[Problem | Verified]]
"""Says everything that is wrong (or verified right) in one tree."""

_QUOTED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One patch that applied.  ``paths`` are the files it touches, old and new names."""

    number: int
    patch: Patch
    before: View
    after: View
    paths: frozenset[str]


@dataclass(slots=True)
class _Lazily:
    """What a scan says about one tree, asked once and only if somebody wants to know."""

    scan: Scan
    view: View
    answer: dict[Hashable, Problem | Verified] | None = None

    @property
    def found(self) -> dict[Hashable, Problem | Verified]:
        """Items by key."""
        if self.answer is None:
            self.answer = {item.key: item for item in self.scan(self.view)}
        return self.answer


@dataclass(slots=True, kw_only=True)
class Context:
    """Everything one rule may look at.

    ``steps`` are empty without a usable tree.  ``complete`` is False when a patch is missing or did
    not apply.  ``unknown`` collects complaints that could not be decided for that reason.  ``settled`` is
    False where the series applies in part only, so that the trees are not those it was made for: numbers
    that are taken there mean nothing.
    """

    series: Series
    steps: tuple[Step, ...]
    declaration: Declaration
    complete: bool
    unknown: list[str] = field(default_factory=list)
    settled: bool = True

    @property
    def base(self) -> View:
        """The tree before patch 1."""
        return self.steps[0].before

    @property
    def tip(self) -> View:
        """The tree after the last patch that applied."""
        return self.steps[-1].after

    def touched(self, *globs: str) -> bool:
        """Whether the series changes a file that matches one of the globs (``*`` crosses ``/``)."""
        return any(
            matches(path, globs) for patch in self.series.patches for path in files_of(patch)
        )

    def introduced(
        self, scan: Scan, *, touching: Iterable[str], transient: Severity | None = None
    ) -> Iterator[Finding | Fact]:
        """Findings for what ``scan`` sees at the tip and not at the base, at the patch that added it.

        ``touching`` are globs of the files the scan reads: patches that change none of them can not
        change its answer and are skipped.  ``transient`` is the severity of a problem that one patch
        adds and a later one removes (it breaks bisection); None says nothing about those.
        """
        globs = tuple(touching)
        steps = [step for step in self.steps if any(matches(p, globs) for p in step.paths)]
        if not steps:
            return
        old = {item.key for item in scan(steps[0].before)}
        trees = [_Lazily(scan, step.after) for step in steps]
        left = trees[-1].found.keys() - old
        for index, step in reversed(list(enumerate(steps))):
            if not left and not transient:
                return  # trees before this one can not change the answer
            found = trees[index].found
            earlier = trees[index - 1].found.keys() if index else old
            for key in [key for key in found if key not in earlier and key not in old]:
                if key in left:
                    yield from self._say(found[key], step)
                    left.discard(key)
                elif transient and isinstance(item := found[key], Problem):
                    later = range(index + 1, len(steps))
                    fixed = next(n for n in later if key not in trees[n].found)
                    yield self._passing(item, step, transient, steps[fixed].number)

    def added_lines(self, *globs: str) -> Iterator[tuple[Patch, str, int, str]]:
        """Added lines of matching files: patch, path, line number in the after-tree, text.

        Works from the mails alone (``needs`` series).
        """
        for patch in self.series.patches:
            for file in patch.files:
                if file.new_path and matches(file.new_path, globs or ("*",)):
                    for hunk in file.hunks:
                        for line, text in added(hunk):
                            yield patch, file.new_path, line, text

    def changed_lines(self, *globs: str) -> Iterator[str]:
        """Lines the series adds to or removes from matching files; decides what is worth parsing."""
        for patch in self.series.patches:
            for file in patch.files:
                if matches(file.path, globs):
                    for hunk in file.hunks:
                        yield from (line[1:] for line in hunk.lines if line[:1] in {"+", "-"})

    def changed_files(self, *globs: str, words: Iterable[str]) -> list[str]:
        """Matching files, sorted, of which some added or removed line has one of the words.

        A rule that reads no other file of the series also runs where those do not apply.
        """
        wanted, found = tuple(words), set()
        for patch in self.series.patches:
            for file in patch.files:
                if matches(file.path, globs) and any(
                    line[:1] in {"+", "-"} and word in line
                    for hunk in file.hunks
                    for line in hunk.lines
                    for word in wanted
                ):
                    found.add(file.path)
        return sorted(found)

    def sources(
        self, view: View, paths: Iterable[str], *, words: Iterable[str]
    ) -> Iterator[tuple[str, View]]:
        """Each path with the tree to read it from, to search for code that has one of the words.

        That is the base where the series changes no such line: of a file whose hunks do not apply, the
        rest is then of no interest.
        """
        paths = tuple(paths)
        changed = frozenset(self.changed_files(*paths, words=words))
        for path in paths:
            yield path, view if path in changed or not self.base.exists(path) else self.base

    def finding(self, problem: Problem, *, patch: int, view: View | None = None) -> Finding:
        """A finding for a problem that the rule placed at a patch by itself (0: the whole series)."""
        own = self.declaration
        return Finding(
            code=own.code,
            severity=problem.severity or own.severity,
            confidence=problem.confidence or own.confidence,
            patch=patch,
            title=problem.title,
            why=problem.why,
            fix=problem.fix,
            reference=problem.reference,
            location=_location(problem),
            quoted=_quoted(problem, view),
        )

    def report(
        self, problem: Problem, *, patch: int, view: View | None = None
    ) -> Iterator[Finding]:
        """The finding, unless it says something is missing and the series is incomplete."""
        if problem.missing and not self.complete:
            self.unknown.append(problem.title)
        else:
            yield self.finding(problem, patch=patch, view=view)

    def _say(self, item: Problem | Verified, step: Step) -> Iterator[Finding | Fact]:
        if isinstance(item, Problem):
            if item.removed:
                item = _at_removal(item, step.patch)
            yield from self.report(item, patch=step.number, view=step.after)
        else:
            yield Fact(
                code=self.declaration.code,
                patch=step.number,
                text=item.text,
                location=_location(item),
            )

    def _passing(self, item: Problem, step: Step, severity: Severity, fixed: int) -> Finding:
        own = self.declaration
        return Finding(
            code=own.code,
            severity=severity,
            confidence=item.confidence or own.confidence,
            patch=step.number,
            title=f"{item.title} (fixed by patch {fixed})",
            why=f"{item.why}  Patch {fixed} repairs it, but a bisection may stop in between.",
            fix=f"Move the repair from patch {fixed} into this one.",
            reference=item.reference,
            location=_location(item),
            quoted=_quoted(item, step.after),
        )


def matches(path: str, globs: Iterable[str]) -> bool:
    """Whether a path matches one of the globs; ``*`` also matches ``/``."""
    return any(fnmatch.fnmatchcase(path, glob) for glob in globs)


def files_of(patch: Patch) -> frozenset[str]:
    """Every path a patch names, old and new."""
    names = {name for file in patch.files for name in (file.old_path, file.new_path) if name}
    return frozenset(names)


def added(hunk: Hunk) -> Iterator[tuple[int, str]]:
    """Added lines of a hunk with their line numbers in the after-file."""
    number = hunk.new_start
    for line in hunk.lines:
        if line.startswith("+"):
            yield number, line[1:]
        if line[:1] in {"+", " ", ""}:
            number += 1


def _at_removal(problem: Problem, patch: Patch) -> Problem:
    """The problem at the line of the after-tree where the patch takes out what it is about.

    That is rather the definition than a use, and rather in a header for userspace than elsewhere.
    """
    headers = [file for file in patch.files if file.path.endswith(".h")]
    userspace = [f for f in headers if "/uapi/" in f.path and not f.path.startswith("tools/")]
    for files in (userspace, headers, patch.files):
        found = list(_removals(problem.removed, files))
        if found:
            path, line, _ = next((one for one in found if one[2]), found[0])
            return replace(problem, path=path, line=max(line, 1))
    return problem


def _removals(name: str, files: Iterable[FileDiff]) -> Iterator[tuple[str, int, bool]]:
    """Where removed lines have a name: path, line of the after-tree, whether they define it."""
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    definition = re.compile(r"-\s*(?:#\s*define\s+|(?:struct|union|enum)\s+)?" + word.pattern)
    for file in files:
        for hunk in file.hunks:
            number = hunk.new_start
            for line in hunk.lines:
                if line.startswith("-") and word.search(line):
                    yield file.path, number, definition.match(line) is not None
                number += line[:1] in {"+", " ", ""}


def _location(item: Problem | Verified) -> Location | None:
    return Location(path=item.path, line=item.line) if item.path and item.line else None


def _quoted(problem: Problem, view: View | None) -> tuple[str, ...]:
    if view is None or not problem.path or not problem.line:
        return ()
    lines = [view.line(problem.path, problem.line + n) for n in range(_QUOTED)]
    return tuple(line for line in lines[:1] if line)
