# SPDX-License-Identifier: GPL-2.0-only
"""Lines of a console report that name a place in code, and the same with its source file and line.  Pure.

Accepted: "RIP: 0010:NAME+0xOFFSET/0xSIZE [MODULE]", where it happened, and the lines of a call trace,
"NAME+0xOFFSET/0xSIZE [MODULE]", which are return addresses.  "? NAME+..." is a guess of the unwinder and not
decoded (Documentation/arch/x86/orc-unwinder.rst).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reviewbot.parse.console import plain

_FRAME = re.compile(
    r" {0,8}(?P<exact>RIP: 0010:)?(?P<name>[A-Za-z_][\w.]{0,120})"
    r"\+0x(?P<offset>[0-9a-f]{1,8})/0x(?P<size>[0-9a-f]{1,8})"
    r"(?: \[(?P<module>\w{1,56})(?: [0-9a-f]{1,64})?\])?"
)
# show_regs(), show_opcodes(), dump_stack_print_info() and print_modules() of the kernel; what user space did.
_ELSE = re.compile(
    r" *(?:R(?:[ABCD]X|[SD]I|[SB]P|\d\d|IP: 0033): ?\S|[FC]S: |CR\d: |DR\d: |PKRU: |Code: |PGD |\? |</?TASK>"
    r"|Modules linked in:|Hardware name:|Tainted: )"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A place in a function: ``offset`` of the instruction in question, or of its last byte.

    ``size`` is kallsyms': to the next symbol.  ``module`` is "kvm_amd", "" for the kernel itself.
    """

    function: str
    offset: int
    size: int
    module: str


def frame(line: str) -> Frame | None:
    """The place that a console line names, None when it names none.

    What is returned to is the instruction after the call: its line may be another one's, or another
    function's after a call that never returns (as kernel/kallsyms.c, sprint_backtrace).
    """
    found = _FRAME.fullmatch(plain(line).rstrip())
    if found is None:
        return None
    offset = int(found["offset"], 16) - (0 if found["exact"] else 1)
    if offset < 0:
        return None
    return Frame(
        function=found["name"],
        offset=offset,
        size=int(found["size"], 16),
        module=found["module"] or "",
    )


def with_places(lines: Iterable[str], places: Mapping[Frame, str]) -> tuple[str, ...]:
    """``lines``, those whose place is known with " (FILE:LINE)" at their end."""
    return tuple(
        f"{line.rstrip()} ({place})"
        if (one := frame(line)) and (place := places.get(one))
        else line
        for line in lines
    )


def telling(lines: Iterable[str]) -> tuple[str, ...]:
    """Those of a report's lines that say what and where: no registers, machine code or guesses of the unwinder."""
    return tuple(line for line in lines if line.strip() and not _ELSE.match(line))
