# SPDX-License-Identifier: GPL-2.0-only
"""What a selftest printed -> why it failed or was skipped, in one line.  Pure.

Accepted are the three ways KVM selftests complain:

    ==== Test Assertion Failure ====              tools/testing/selftests/kvm/lib/assert.c
      x86_64/state_test.c:280: ret == sizeof(x)
      pid=61 tid=61 errno=22 - Invalid argument
      (a stack)
      What the author wanted to say

    # state_test.c:41:name:Expected 0 (0) == r (1)    tools/testing/selftests/kselftest_harness.h
    not ok 1 name                                     any TAP
"""

import re
from collections.abc import Sequence
from itertools import islice

_ASSERTION = "==== Test Assertion Failure ===="
_FRAME = re.compile(
    r"\s*\d+\s+0x[0-9a-f]+.*|\s*\d+\s+.* at .*:.*|\s*\d+\s+\?\? .*|\s*\(stack trace empty\).*"
)
_NOISE = re.compile(r".*(?:addr2line|cat|sh): .*not found.*")
_ERRNO = re.compile(r"\s*pid=\d+ tid=\d+ errno=(\d+)(?: - (.*))?")
_HARNESS = re.compile(r"(?:# )*([\w./-]+\.[ch]:\d+:\w+:.*)")
_NOT_OK = re.compile(r"(?:# )*not ok \d+ (?!.*# (?:SKIP|TODO|XFAIL)\b)(.*)")
_VALUE = re.compile(r" \((?:0x[0-9a-f]+|-?\d+)\)")  # "Expected 0 (0) == r (22)"
_SKIP = re.compile(r"(?:# )*1\.\.0 # SKIP[\s:-]*(.*)", re.IGNORECASE)
_SKIPPING = re.compile(r"(?:# )*(?:- )?(.*\bskipping test\b.*)", re.IGNORECASE)
_WIDTH = 300
_NAMED = 5


def assertion(lines: Sequence[str]) -> str:
    """The failing check of a test's output: ``file:line: expression (errno): message``, or "".

    A test of several parts goes on behind the first that fails: then ``; 2 not ok: name, name`` follows, for
    two failures that begin alike may not be the same.
    """
    parts = dict.fromkeys(
        found[1].strip() for line in lines if (found := _NOT_OK.fullmatch(line.strip()))
    )
    check, mark, message = _first(lines).partition(" | ")
    return f"{with_others(check, tuple(parts))}{mark}{message}"[:_WIDTH]


def with_others(first: str, failed: Sequence[str]) -> str:
    """The first complaint, and how many parts failed where it was more than one."""
    if len(failed) < 2:
        return first
    more = ", ..." if len(failed) > _NAMED else ""
    return f"{first[: _WIDTH // 2]}; {len(failed)} not ok: {', '.join(failed[:_NAMED])}{more}"


def _first(lines: Sequence[str]) -> str:
    for number, line in enumerate(lines):
        if line.strip() == _ASSERTION:
            return _kvm(lines[number + 1 : number + 40])
    for pattern in (_HARNESS, _NOT_OK):
        for line in lines:
            if found := pattern.fullmatch(line.strip()):
                return found[1].strip()[:_WIDTH]
    return ""


def same_assertion(one: str, other: str) -> bool:
    """True when two failures are of the same check, whatever values it saw.

    The message behind the check may hold pointers and counts; file, line and expression may not, but for
    what kselftest_harness.h writes behind each side of a comparison.
    """
    return bool(one) and _check(one) == _check(other)


def _check(said: str) -> str:
    check = said.partition(" | ")[0]
    return _VALUE.sub("", check) if _HARNESS.match(check) else check


def skip_reason(lines: Sequence[str]) -> str:
    """Why a test skipped itself, or "" when it did not say."""
    for pattern in (_SKIP, _SKIPPING):
        for line in lines:
            if found := pattern.fullmatch(line.strip()):
                return found[1].strip()[:_WIDTH]
    return next((line.strip()[:_WIDTH] for line in reversed(lines) if line.strip()), "")


def _kvm(lines: Sequence[str]) -> str:
    said = [line.strip() for line in lines if line.strip()]
    if not said:
        return ""
    check, errno = said[0], ""
    message = ""
    for line in islice(said, 1, None):
        if found := _ERRNO.fullmatch(line):
            errno = f" | errno {found[1]} {found[2] or ''}".rstrip() if found[1] != "0" else ""
        elif not _FRAME.fullmatch(line) and not _NOISE.fullmatch(line):
            message = f" | {line}"
            break
    return f"{check}{errno}{message}"[:_WIDTH]
