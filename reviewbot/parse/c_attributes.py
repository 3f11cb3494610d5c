# SPDX-License-Identifier: GPL-2.0-only
"""C without the attributes that make a parser go astray.  Pure; texts keep their length."""

import re
from collections.abc import Iterator, Sequence

from reviewbot.parse.c_near import Edit

# What stands where C has no place for it, so that a parser that does not preprocess goes astray:
# include/linux/compiler_attributes.h, compiler_types.h, init.h, and __entry's kin are not among them.
_ATTRIBUTES = re.compile(
    # A first letter, then what \b would say: a pattern that begins with \b is tried at every byte.
    rb"(?:_(?<!\w_)_(?:always_inline|always_unused|bitwise|cold|exit|flatten|force|head|hyp_text|init|"
    rb"initdata|iomem|kprobes|maybe_unused|must_check|naked|no_kcsan|noreturn|packed|percpu|private|"
    rb"rcu|read_mostly|refdata|ro_after_init|sched|unused|used|user|visible|weak)"
    rb"|a(?<!\wa)smlinkage|n(?<!\wn)(?:oinline(?:_for_stack)?|oinstr|okprobe_inline|otrace))"
    rb"\b(?!\s*\()"
    rb"|_(?<!\w_)_(?:acquire|acquires|aligned|alias|counted_by|must_hold|printf|release|releases|"
    rb"section)[ \t]*\((?:[^()\n]|\([^()\n]*\))*\)"
)


def blanked(data: bytes) -> bytes:
    """The text with spaces for attributes."""
    return _ATTRIBUTES.sub(lambda found: b" " * len(found[0]), data)


def blanked_near(plain: bytes, data: bytes, changes: Sequence[Edit]) -> tuple[bytes, list[Edit]]:
    """As :func:`blanked`, given what ``changes`` lead from to ``data``, without attributes.

    Returns also what leads from ``plain`` to the result: whether a word is an attribute depends on what
    follows, so each edit begins with the last line before it.
    """
    pieces, wider = list[bytes](), list[Edit]()
    old = new = 0
    for start, end, begin, stop in changes:
        back = begin - max(new, _line_before(data, begin))
        wider.append((start - back, end, begin - back, stop))
        pieces += [plain[old : start - back], *_blanked_part(data, begin - back, stop)]
        old, new = end, stop
    return b"".join([*pieces, plain[old:]]), wider


def _blanked_part(data: bytes, begin: int, stop: int) -> Iterator[bytes]:
    for found in _ATTRIBUTES.finditer(data, begin):
        if found.start() >= stop:
            break
        yield data[begin : found.start()]
        yield b" " * len(found[0])
        begin = found.end()
    yield data[begin:stop]


def _line_before(data: bytes, at: int) -> int:
    """Where the last line begins that has more than white space and stands before a position."""
    text = len(data[:at].rstrip())
    return data.rfind(b"\n", 0, text) + 1
