# SPDX-License-Identifier: GPL-2.0-only
"""What a guest's init wrote to its result port -> what ran and how it ended.  Pure.

The text is KTAP (:mod:`reviewbot.parse.ktap`) with lines of init's own (``reviewbot/guest/init``):

    #reviewbot up SECONDS                     modules are loaded, tests begin
    #reviewbot unlike MODULE.NAME=VALUE       a parameter that has another value than was asked for; the end
    #reviewbot start NUMBER LIMIT NAME
    #reviewbot done NUMBER EXIT SECONDS
    #reviewbot finished | #reviewbot stopped  always the last line, when there is one

Tests cannot print such lines: init puts "# " before everything they say.
"""

import re
from dataclasses import dataclass
from itertools import islice

from reviewbot.model.status import Status
from reviewbot.model.test import TestResult
from reviewbot.parse import ktap, selftest, unit_tests

OWN = "#reviewbot "
_START = re.compile(r"#reviewbot start (\d{1,6}) (\d{1,6}) (\S+)")
_DONE = re.compile(r"#reviewbot done (\d{1,6}) (-?\d{1,6}) (\d{1,9}\.\d\d)")
_UP = re.compile(r"^#reviewbot up (\d{1,9}\.\d\d)\r*$", re.MULTILINE)
_UNLIKE = re.compile(r"#reviewbot unlike (\w{1,64}\.\w{1,64}=[\x21-\x7e]{0,64})")
OUTPUT_LINES = 60
"""Lines of a test's output that a result keeps: the last ones."""
_NAME, _NAMES = 100, 200  # characters of a part's name, and names of one test


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A test that began: its number from 1, time limit in seconds, and name."""

    number: int
    limit: float
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestReport:
    """Everything a result port said.

    ``up`` are the seconds of the guest's own clock until the modules were loaded, None if never.
    ``module_error`` is "kvm.ko: reason" when one did not load; ``unlike`` is "kvm_amd.avic=0" when a
    parameter did not take the value that was asked for.  ``results`` are the tests that
    ended, in order.  ``unfinished`` is the test that was running when the text stopped.
    ``finished``: everything was run; ``stopped``: the kernel oopsed and init gave up early.
    """

    up: float | None
    module_error: str
    results: tuple[TestResult, ...]
    unfinished: Started | None
    unfinished_output: tuple[str, ...]
    finished: bool
    stopped: bool
    unlike: str = ""


def started(line: str) -> Started | None:
    """The test that a single line says is starting, for progress and deadlines."""
    found = _START.fullmatch(line.rstrip("\r"))
    return Started(number=int(found[1]), limit=float(found[2]), name=found[3]) if found else None


def is_done(line: str) -> bool:
    """True for the line that ends a test."""
    return _DONE.fullmatch(line.rstrip("\r")) is not None


def report(text: str) -> GuestReport:
    """Read a whole port, cut off anywhere.  A last line without its newline does not count."""
    text = text[: text.rfind("\n") + 1]
    document = ktap.parse(text)
    lines = {line.rstrip("\r") for line in text.rsplit("\n", 3)[-3:]}
    up = _UP.search(text)
    open_test = _unfinished(document.rest)
    return GuestReport(
        up=float(up[1]) if up else None,
        module_error=(document.bail_out or "").removeprefix("module "),
        results=tuple(_result(result) for result in document.results),
        unfinished=open_test,
        unfinished_output=_said(document.rest) if open_test else (),
        finished=OWN + "finished" in lines,
        stopped=OWN + "stopped" in lines,
        unlike=next(
            (m[1] for line in text.split("\n", 20)[:20] if (m := _UNLIKE.fullmatch(line))), ""
        ),
    )


def _unfinished(rest: tuple[str, ...]) -> Started | None:
    return next((test for line in reversed(rest) if (test := started(line))), None)


def _result(found: ktap.Result) -> TestResult:
    said = _said(found.output)
    done = next((m for line in reversed(found.output) if (m := _DONE.fullmatch(line))), None)
    status = found.status
    why = ""
    unit = found.name.startswith(unit_tests.PREFIX)
    parts = found.subtests
    if unit and status is Status.PASS and (broken := unit_tests.emulator_failed(said)):
        status, why = Status.FAIL, broken
    elif status is Status.PASS and parts and all(part.status is Status.SKIP for part in parts):
        # kselftest_harness.h and ksft_finished() end with 0 when nothing was tested.
        status, why = Status.SKIP, parts[0].reason or selftest.skip_reason(said)
    elif status is Status.SKIP:
        why = (unit_tests.skip_reason(said) if unit else "") or selftest.skip_reason(said)
    elif status is Status.TIMEOUT:
        why = f"not finished after {found.reason}"
    elif status is Status.FAIL:
        read = unit_tests.complaint if unit else selftest.assertion
        why = read(said) or _by_code(int(done[2]) if done else None)
    return TestResult(
        name=found.name,
        status=status,
        seconds=float(done[3]) if done else 0.0,
        exit_code=int(done[2]) if done else None,
        assertion=why,
        output=said[-OUTPUT_LINES:],
        skipped=_skipped(parts) if status is Status.PASS else (),
    )


def _skipped(parts: tuple[ktap.Result, ...]) -> tuple[str, ...]:
    names = (part.name[:_NAME] for part in parts if part.directive == "SKIP")
    return tuple(islice(dict.fromkeys(names), _NAMES))


def _by_code(code: int | None) -> str:
    if code is None:
        return "no exit status"
    if 128 < code < 192:  # how a shell says it
        return f"died of signal {code - 128}"
    return f"exit status {code}"


def _said(output: tuple[str, ...]) -> tuple[str, ...]:
    """What the test itself printed, without init's prefix and lines."""
    begin = max((n for n, line in enumerate(output) if started(line)), default=-1) + 1
    mine = (line for line in output[begin:] if not line.startswith(OWN))
    return tuple(line.removeprefix("# ") for line in mine)
