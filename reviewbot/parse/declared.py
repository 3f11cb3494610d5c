# SPDX-License-Identifier: GPL-2.0-only
"""Names a C file declares, and names that a failed build did not find."""

import re
from collections.abc import Iterable
from typing import Any

from reviewbot.model.build import Diagnostic, Level

_QUOTES = "\u2018\u2019'`\""
_NAME = rf"[{_QUOTES}](?:struct |union |enum )?(?P<name>[A-Za-z_]\w{{0,127}})[{_QUOTES}]"
_NOT_FOUND = tuple(
    re.compile(pattern.replace("NAME", _NAME))
    for pattern in (
        r"implicit declaration of function NAME",
        r"call to undeclared (?:library )?function NAME",
        r"NAME undeclared",
        r"use of undeclared identifier NAME",
        r"unknown type name NAME",
        r"has no member named NAME",
        r"no member named NAME",
        r"invalid use of undefined type NAME",
        r"incomplete definition of type NAME",
        r"NAME has incomplete type",
        r"undefined reference to NAME",
        r"^modpost: NAME \[[^\]]*\] undefined",
    )
)
_NO_HEADER = re.compile(
    r"^[\"']?(?P<name>[\w./-]{1,200}\.h)[\"']?(?:: No such file or directory| file not found)"
)
_AT_FILE_LEVEL = re.compile(rb"^[A-Z][A-Z0-9_]*\(\s*([A-Za-z_]\w*)\s*[,)]", re.MULTILINE)
# include/linux/static_call_types.h; KVM_X86_OP(foo) makes one of kvm_x86_foo (arch/x86/include/asm/kvm_host.h).
_CALLS = tuple(f"{key}{of}" for key in ("__SCK__", "__SCT__") for of in ("", "kvm_x86_"))
_MADE_OF = ("trace_", "__tracepoint_", *_CALLS, *(f"{call}pmu_" for call in _CALLS[1::2]))
_DECLARES = frozenset(
    {"declaration", "field_declaration", "function_definition", "type_definition"}
)
_TAGGED = frozenset({"struct_specifier", "union_specifier", "enum_specifier"})
_NAMES = frozenset({"identifier", "field_identifier", "type_identifier"})


def not_found(diagnostics: Iterable[Diagnostic]) -> tuple[str, ...]:
    """The names that errors say do not exist, sorted."""
    names: set[str] = set()
    for diagnostic in diagnostics:
        if diagnostic.level is Level.ERROR:
            found = (pattern.search(diagnostic.message) for pattern in _NOT_FOUND)
            names.update(match["name"] for match in found if match)
    return tuple(sorted(names))


def headers_not_found(diagnostics: Iterable[Diagnostic]) -> tuple[str, ...]:
    """The headers that errors say do not exist, as they were included, sorted."""
    found = (_NO_HEADER.match(one.message) for one in diagnostics if one.level is Level.ERROR)
    return tuple(sorted({match["name"] for match in found if match}))


def declares(source: bytes, names: Iterable[str]) -> frozenset[str]:
    """Those of ``names`` that a C source declares outside function bodies.

    Functions, variables, types, tags, members, enumerators and macros count, and so do arguments of
    macros at file level (``TRACE_EVENT(kvm_foo, ...)``, ``KVM_X86_OP(foo)``), which also stand for
    ``trace_kvm_foo`` and ``__SCK__kvm_x86_foo``.
    """
    import tree_sitter  # noqa: PLC0415 - only failed builds pay for it
    import tree_sitter_c  # noqa: PLC0415

    wanted = frozenset(names)
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_c.language()))
    # A macro call without semicolon makes tree-sitter guess; all of the kernel's start a line.
    declared = {found.decode() for found in _AT_FILE_LEVEL.findall(source)}
    nodes: list[Any] = [parser.parse(source).root_node]
    while nodes:
        node = nodes.pop()
        if node.type == "compound_statement":
            continue
        declared.update(_declared_by(node))
        nodes.extend(node.named_children)
    return wanted & (declared | {f"{prefix}{name}" for prefix in _MADE_OF for name in declared})


def _declared_by(node: Any) -> list[str]:
    if node.type in {"preproc_def", "preproc_function_def", "enumerator"}:
        return _texts([node.child_by_field_name("name")])
    if node.type in _TAGGED and node.child_by_field_name("body"):
        return _texts([node.child_by_field_name("name")])
    if node.type in _DECLARES:
        declarators = node.children_by_field_name("declarator")
        return _texts([_innermost(declarator) for declarator in declarators])
    return []


def _innermost(declarator: Any) -> Any:
    while declarator is not None and declarator.type not in _NAMES:
        inner = declarator.child_by_field_name("declarator")
        if inner is None:
            named = [child for child in declarator.named_children if "declarator" in child.type]
            inner = named[0] if named else None
        declarator = inner
    return declarator


def _texts(nodes: Iterable[Any]) -> list[str]:
    return [node.text.decode("utf-8", "replace") for node in nodes if node and node.type in _NAMES]
