# SPDX-License-Identifier: GPL-2.0-only
"""kvm-unit-tests: their list (x86/unittests.cfg) and what they print.  Pure; linear.

Accepted of the list: sections ``[name]`` with lines ``key = value``, as scripts/common.bash reads them.
Values may go on over lines between ``\"\"\"`` and are words for a shell; a test whose words want a shell to
run something (backquotes, ``$``) says so and is never run.

What a test prints (lib/report.c): ``PASS: text``, ``FAIL: text``, ``SKIP: text``, ``XFAIL:`` and ``XPASS:``,
then ``SUMMARY: 12 tests, 1 unexpected failures``.  Its exit status comes through isa-debug-exit, which
makes (status << 1) | 1 of it.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from reviewbot.parse.selftest import with_others

PREFIX = "kvm-unit-tests/"
"""How the names of our test cases begin."""

_SECTION = re.compile(r"\[([A-Za-z0-9_][A-Za-z0-9_.+-]{0,80})\]\s*")
_KEY = re.compile(r"([a-z_]+)\s*=\s*(.*)")
_BAD = re.compile(r"(?:FAIL|XPASS): (.*)")
_EMULATOR = re.compile(
    r"((?:qemu\S*|emulator): (?!.*\b(?:warning|info):).*|Could not access KVM kernel module: .*)"
)
_ABORT = re.compile(
    r"(Unhandled exception .*|.*assert failed: .*|ABORT: .*|qemu\S*: .*|emulator: .*)"
)
_SKIP = re.compile(r"SKIP: (.*)")
_WIDTH = 300
_MOST = 2000  # sections
_WANTS_SHELL = set("`$;&|<>")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTest:
    """One section.  ``file`` is "realmode.flat"; ``options`` are words for QEMU; ``timeout`` in seconds.

    ``argument`` is what the test gets as its command line.  ``check`` are "PATH=VALUE": the content of
    files in the guest without which it is skipped.  ``shell``: some of its words want a shell, and are not here.
    """

    name: str
    file: str
    processors: int = 1
    options: tuple[str, ...] = ()
    argument: str = ""
    architecture: str = ""
    accelerator: str = ""
    timeout: float = 0.0
    groups: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    shell: bool = False

    @property
    def by_hand(self) -> bool:
        """Whether their own script runs it for whoever names it only (group "nodefault")."""
        return "nodefault" in self.groups


def listed(text: str) -> tuple[UnitTest, ...]:
    """All tests of a list whose file is one, in its order."""
    found: list[UnitTest] = []
    name, keys = "", dict[str, str]()
    for line in [*_joined(text), "[end]"]:
        if section := _SECTION.fullmatch(line.strip()):
            if name and len(found) < _MOST and (test := _test(name, keys)):
                found.append(test)
            name, keys = section[1], {}
        elif pair := _KEY.fullmatch(line.strip()):
            keys[pair[1]] = pair[2]
    return tuple(found)


def complaint(lines: Sequence[str]) -> str:
    """Why a test failed: its first failing report and how many there are, else how it broke off, else ""."""
    for pattern in (_BAD, _ABORT):
        found = [m[1].strip() for line in lines if (m := pattern.fullmatch(line.strip()))]
        if found:
            return with_others(found[0], found if pattern is _BAD else ())[:_WIDTH]
    return ""


def emulator_failed(lines: Sequence[str]) -> str:
    """QEMU's own complaint, "" when it has none.

    Its exit status for "there is no KVM" is 1, which is also what a test that passed makes of it; so
    kvm-unit-tests do not believe it either beside such lines (scripts/arch-run.bash, run_qemu).
    """
    found = (_EMULATOR.fullmatch(line.strip()) for line in lines)
    return next((one[1][:_WIDTH] for one in found if one), "")


def skip_reason(lines: Sequence[str]) -> str:
    """Why it ran nothing, or "" when it did not say."""
    return next(
        (m[1].strip()[:_WIDTH] for line in lines if (m := _SKIP.fullmatch(line.strip()))), ""
    )


def _joined(text: str) -> list[str]:
    """Lines without comments; what stands between triple quotes on one line."""
    lines: list[str] = []
    parts = text.split('"""')
    for number, part in enumerate(parts):
        if number % 2:
            lines[-1] += shlex.quote(" ".join(part.split()))
            continue
        fresh = [line for line in part.split("\n") if not line.lstrip().startswith("#")]
        if number and fresh:
            lines[-1] += fresh[0]
            fresh = fresh[1:]
        lines += fresh
        lines = lines or [""]
    return lines


def _test(name: str, keys: dict[str, str]) -> UnitTest | None:
    said = {key: _value(value) for key, value in keys.items()}
    values = {key: value or "" for key, value in said.items()}
    file, processors = values.get("file", ""), values.get("smp", "1")
    if not re.fullmatch(r"[\w.-]{1,80}", file):
        return None
    timeout = values.get("timeout", "")
    return UnitTest(
        name=name,
        file=file,
        processors=int(processors) if processors.isdecimal() else 1,
        options=tuple(values.get("qemu_params", values.get("extra_params", "")).split()),
        argument=values.get("test_args", ""),
        architecture=values.get("arch", ""),
        accelerator=values.get("accel", ""),
        timeout=float(timeout) if timeout.isdecimal() else 0.0,
        groups=tuple(values.get("groups", "").split()),
        check=tuple(values.get("check", "").split()),
        shell=None in said.values(),
    )


def _value(text: str) -> str | None:
    """A value without its quotes; None when it wants a shell."""
    if _WANTS_SHELL.intersection(text):
        return None
    try:
        return " ".join(shlex.split(text))
    except ValueError:
        return None
