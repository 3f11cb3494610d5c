# SPDX-License-Identifier: GPL-2.0-only
"""What is known about a C file, as values."""

from dataclasses import dataclass

from reviewbot.parse.c_syntax import parser, walk


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that must hold where a call stands.

    ``kind`` is "if", "else" (``text`` is then false), "exit" (an earlier ``if (text) return/goto/
    continue/break`` in the same block: ``text`` is then false), "case" (``text`` is the label) or
    "loop".
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
        root = parser().parse(b"int value = " + self.value.encode() + b";").root_node
        called = (
            n.child_by_field_name("function") for n in walk(root) if n.type == "call_expression"
        )
        return frozenset(node.text.decode() for node in called if node.type == "identifier")


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function definition; lines are 1-based and inclusive.  ``parameters`` are their texts."""

    name: str
    parameters: tuple[str, ...]
    line: int
    end: int
    static: bool
    text: str
