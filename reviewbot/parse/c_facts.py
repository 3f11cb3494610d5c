# SPDX-License-Identifier: GPL-2.0-only
"""What is known about a C file, as values."""

from dataclasses import dataclass
from functools import lru_cache

from reviewbot.parse.c_syntax import nodes_of, parser


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that must hold where a call stands.

    ``kind`` is "if", "else" (``text`` is then false), "exit" (an earlier ``if (text) return/goto/
    continue/break`` in the same block, else-ifs included: ``text`` is then false), "case" (``text`` is
    the label; of labels that share a body or fall through there is one each, the nearest first, and one
    of them holds) or "loop".  The left sides of ``&&`` and ``||`` are an "if" and an "else" for the right,
    and so is the condition of ``?:``.
    """

    kind: str
    text: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call.  ``function`` is the function it stands in, "" outside any."""

    name: str
    arguments: tuple[str, ...]
    line: int
    function: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A group of case labels that share a body.  ``labels`` holds "default" for the default."""

    labels: tuple[str, ...]
    line: int
    body: str
    switch: str
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """``target operator value;`` such as ``vcpu->run->flags |= KVM_RUN_X86_SMM``."""

    target: str
    operator: str
    value: str
    line: int
    function: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Macro:
    """A ``#define``.  ``parameters`` is "" for object-like ones; ``definition`` the whole directive."""

    name: str
    parameters: str
    value: str
    definition: str
    line: int

    @property
    def calls(self) -> frozenset[str]:
        """Names that the value calls, parsed as an expression."""
        return _called(self.value) if "(" in self.value else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function definition; lines are 1-based and inclusive.  ``parameters`` are their texts."""

    name: str
    parameters: tuple[str, ...]
    line: int
    end: int
    static: bool
    text: str


@lru_cache(maxsize=16384)
def _called(value: str) -> frozenset[str]:
    root = parser().parse(b"int value = " + value.encode() + b";").root_node
    called = (node.child_by_field_name("function") for node in nodes_of(root, "call_expression"))
    return frozenset(node.text.decode() for node in called if node.type == "identifier")
