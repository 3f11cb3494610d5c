# SPDX-License-Identifier: GPL-2.0-only
"""The functions of a C file, each worked out when it is asked for: x86.c has 600, rules want a few."""

from collections.abc import Iterator, Mapping
from typing import Any

from reviewbot.parse.c_facts import Function
from reviewbot.parse.c_syntax import SourceText, parameters_of


class Functions(Mapping[str, Function]):
    """Functions by name.  ``nodes`` are the definitions of each; the first counts."""

    def __init__(self, text: SourceText, nodes: Mapping[str, list[Any]]) -> None:
        self._text = text
        self._nodes = nodes
        self._made: dict[str, Function] = {}

    def __getitem__(self, name: str) -> Function:
        if name not in self._made:
            self._made[name] = function_at(self._text, name, self._nodes[name][0])
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._nodes

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)


def function_at(text: SourceText, name: str, node: Any) -> Function:
    """The facts of one definition."""
    return Function(
        name=name,
        parameters=tuple(text.of(each) for each in parameters_of(node)),
        line=node.start_point[0] + 1,
        end=node.end_point[0] + 1,
        static=any(
            c.type == "storage_class_specifier" and c.text == b"static" for c in node.children
        ),
        text=text.of(node),
    )
