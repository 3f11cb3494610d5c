# SPDX-License-Identifier: GPL-2.0-only
"""Statements that do nothing but leave: ``if (bad) return -EINVAL;``.

gcc folds a constant into the place where the function ends before it puts counters in (-O2, and the kernel has
nothing below), so gcov has no line for it.  How often it ran follows from the lines around it: as
often as the condition was looked at and what comes behind was not reached.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reviewbot.parse.c_syntax import SourceText, nodes_of

_LEAVE = frozenset({"return_statement", "goto_statement", "break_statement", "continue_statement"})
_BODIES = frozenset({"compound_statement", "case_statement"})
# Reached from above only, and once: no loop, no label.
_STRAIGHT = frozenset({"expression_statement", "declaration"})
_LAST = frozenset({"if_statement", "switch_statement", *_LEAVE})
_MOST_BEHIND = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """A statement on ``line`` that is all there is below an ``if`` on line ``condition``, without ``else``.

    ``behind`` are the lines where the next statements begin, as far as nothing but going on leads there.
    """

    line: int
    condition: int
    behind: tuple[int, ...]


def jumps(source: SourceText) -> tuple[Jump, ...]:
    """All of a file, in its order."""
    return tuple(_found(source.root))


def _found(root: Any) -> Iterator[Jump]:
    for choice in nodes_of(root, "if_statement"):
        only = _only(choice.child_by_field_name("consequence"))
        plain = choice.child_by_field_name("alternative") is None and not choice.has_error
        if plain and only is not None and choice.parent.type in _BODIES:
            line, condition = only.start_point[0] + 1, choice.start_point[0] + 1
            if line > condition and (behind := tuple(_behind(choice))):
                yield Jump(line=line, condition=condition, behind=behind)


def _only(body: Any) -> Any | None:
    if body is not None and body.type == "compound_statement":
        inside = [node for node in body.named_children if node.type != "comment"]
        body = inside[0] if len(inside) == 1 else None
    return body if body is not None and body.type in _LEAVE else None


def _behind(choice: Any) -> Iterator[int]:
    following = choice.next_named_sibling
    for _ in range(_MOST_BEHIND):
        while following is not None and following.type == "comment":
            following = following.next_named_sibling
        if following is None or following.type not in _STRAIGHT | _LAST:
            return
        yield following.start_point[0] + 1
        if following.type in _LAST:
            return
        following = following.next_named_sibling
