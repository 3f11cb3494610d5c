# SPDX-License-Identifier: GPL-2.0-only
"""KTAP -> test results.  Pure; linear in the size of the text.

Accepted (Documentation/dev-tools/ktap.rst, and what kselftests really print):

    document  = { line }
    line      = version | plan | result | bail | diagnostic | other
    version   = "KTAP version 1" | "TAP version 13" | "TAP version 14"
    plan      = "1.." count [ "# SKIP" reason ]
    result    = ( "ok" | "not ok" ) [ number ] [ "-" ] [ name ] [ "#" directive [ reason ] ]
    directive = "SKIP" | "TODO" | "XFAIL" | "TIMEOUT" | "ERROR" | any word, in either case
    bail      = "Bail out!" [ reason ]

Nesting, in either of its two spellings: lines indented by two spaces or more (KTAP), or lines behind
"# " (kselftest's runner puts it before whatever a test prints; again for tests that run tests).
Results of subtests precede the result they belong to.  Every line between two results of the outermost
level, nested ones included, is output of the second.
Numbers may be missing or wrong: :attr:`Ktap.notes` says so, nothing is dropped but what follows more
results or lines than anything means to print (:data:`_MOST`, :data:`_MOST_LINES`).  A plan with more tests
than results means the text was cut off: the missing ones are simply not there.
"""

import io
import re
from dataclasses import dataclass, field

from reviewbot.model.status import Status

_VERSION = re.compile(r"K?TAP version (\d{1,4})\s*")
_PLAN = re.compile(r"1\.\.(\d{1,9})(?:\s+#\s*(?:SKIP|skip|Skip)\b[\s:-]*(.*))?\s*")
_RESULT = re.compile(r"(ok|not ok)\b(?:\s+(\d{1,9}))?(.*)")
_DIRECTIVE = re.compile(r"\s*([A-Za-z]+)\b[\s:=-]*(.*)")
_HASH = re.compile(r"(?<!\\)#")
_BAIL = re.compile(r"Bail out!\s*(.*)")
_LINE = 2000  # characters of a line that matter
_DEPTH = 16  # levels of nesting that matter
_MOST = 10_000  # results of one level
_MOST_LINES = 20_000  # of output between two results; our init lets a test print 5,000


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One result line with what preceded it.  ``reason`` is the directive's text."""

    number: int | None
    name: str
    status: Status
    directive: str = ""
    reason: str = ""
    output: tuple[str, ...] = ()
    subtests: tuple["Result", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ktap:
    """A whole document.

    ``planned`` is None without a plan.  ``skipped`` is the reason of a plan that skips everything.
    ``rest`` is output after the last result: of a test that never ended, when the text was cut off.
    """

    version: str
    planned: int | None
    results: tuple[Result, ...]
    bail_out: str | None = None
    skipped: str | None = None
    rest: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """True when a plan was given and kept."""
        return self.planned == len(self.results) and self.bail_out is None


@dataclass(slots=True)
class _Level:
    """Results and output of one depth that have no parent yet."""

    results: list[Result] = field(default_factory=list)
    output: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Reader:
    levels: list[_Level] = field(default_factory=lambda: [_Level()])
    version: str = ""
    planned: int | None = None
    bail_out: str | None = None
    skipped: str | None = None
    notes: list[str] = field(default_factory=list)

    def read(self, raw: str) -> None:
        depth, text = _depth(raw)
        if found := _RESULT.fullmatch(text):
            self._result(depth, raw, found)
        elif (found := _VERSION.fullmatch(text)) or (found := _PLAN.fullmatch(text)):
            self._frame(depth, raw, found)
        elif found := _BAIL.fullmatch(text):
            self.bail_out = found[1].strip() if depth == 0 else self.bail_out
            self.levels[0].output.append(raw)
        else:
            self.levels[0].output.append(raw)

    def _frame(self, depth: int, raw: str, found: re.Match[str]) -> None:
        if depth:
            # "1..0 # SKIP why" of a test that skips itself says so to whoever reads its output.
            self.levels[0].output.append(raw)
            return
        if found.re is _VERSION:
            self.version = self.version or found[0].strip()
        elif self.planned is not None:
            self.notes.append("more than one plan")
        else:
            self.planned, self.skipped = int(found[1]), found[2]

    def _result(self, depth: int, raw: str, found: re.Match[str]) -> None:
        while len(self.levels) <= depth:
            self.levels.append(_Level())
        inner = [result for level in self.levels[depth + 1 :] for result in level.results]
        del self.levels[depth + 1 :]
        level = self.levels[depth]
        number = int(found[2]) if found[2] else None
        if depth == 0 and number != len(level.results) + 1:
            self.notes.append(f"result {len(level.results) + 1} is numbered {number}")
        output: list[str] = []
        if depth == 0:
            output, self.levels[0].output = self.levels[0].output, []
        else:
            self.levels[0].output.append(raw)
        level.results.append(_one(found, number, tuple(output), tuple(inner)))

    def full(self) -> bool:
        """Whether a hostile guest prints to fill our memory."""
        most = max(len(level.results) for level in self.levels)
        return most >= _MOST or len(self.levels[0].output) >= _MOST_LINES

    def finish(self) -> Ktap:
        left = [result for level in self.levels[1:] for result in level.results]
        if left:
            self.notes.append(f"{len(left)} subtests belong to no test")
        if self.planned is not None and self.planned != len(self.levels[0].results):
            self.notes.append(f"{self.planned} planned, {len(self.levels[0].results)} seen")
        return Ktap(
            version=self.version,
            planned=self.planned,
            results=tuple(self.levels[0].results),
            bail_out=self.bail_out,
            skipped=self.skipped,
            rest=tuple(self.levels[0].output),
            notes=tuple(self.notes),
        )


def parse(text: str) -> Ktap:
    """Read a document, however broken: every text has an answer and nothing is raised."""
    reader = _Reader()
    for raw in io.StringIO(text, newline="\n"):  # not all lines at once: a text may have millions
        line = raw.removesuffix("\n")[:_LINE].rstrip("\r")
        if line.strip():
            reader.read(line)
            if reader.full():
                reader.notes.append("too long: the rest was not read")
                break
    return reader.finish()


def _depth(line: str) -> tuple[int, str]:
    depth = 0
    while depth < _DEPTH:
        if line.startswith("# "):
            depth, line = depth + 1, line[2:]
        elif line.startswith("  "):
            depth, line = depth + 1, line.lstrip(" ")
        else:
            break
    return depth, line


def _one(
    found: re.Match[str], number: int | None, output: tuple[str, ...], inner: tuple[Result, ...]
) -> Result:
    name, directive, reason = found[3], "", ""
    if (hash_ := _HASH.search(name)) and (split := _DIRECTIVE.fullmatch(name, hash_.end())):
        name, directive, reason = name[: hash_.start()], split[1].upper(), split[2].strip()
    return Result(
        number=number,
        name=name.strip().removeprefix("-").strip().replace("\\#", "#"),
        status=_status(passed=found[1] == "ok", directive=directive),
        directive=directive,
        reason=reason,
        output=output,
        subtests=inner,
    )


def _status(*, passed: bool, directive: str) -> Status:
    """Directives first: kselftest prints both "ok # SKIP" and, long ago, "not ok # SKIP"."""
    if directive == "SKIP":
        return Status.SKIP
    if directive in {"TODO", "XFAIL"}:
        return Status.SKIP if not passed else Status.PASS
    if directive == "TIMEOUT":
        return Status.TIMEOUT
    return Status.PASS if passed else Status.FAIL
