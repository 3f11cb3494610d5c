# SPDX-License-Identifier: GPL-2.0-only
"""gcov's JSON (``gcov --json-format --stdout``, one document a line) -> counted files.  Pure.

A header is counted in every object that includes it; its counts are added up.  The format is described in
gcov(1), "--json-format"; version 1 is that of gcc 9 to 13.
"""

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from operator import add

import msgspec

from reviewbot.model.coverage import CountedFile, CountedFunction
from reviewbot.model.errors import InfrastructureError


class _Branch(msgspec.Struct):
    count: int


class _Line(msgspec.Struct):
    line_number: int
    count: int
    branches: list[_Branch] = []


class _Function(msgspec.Struct):
    name: str
    start_line: int
    end_line: int
    blocks_executed: int


class _File(msgspec.Struct):
    file: str
    lines: list[_Line]
    functions: list[_Function]


class _Document(msgspec.Struct):
    data_file: str
    files: list[_File]


_DECODER = msgspec.json.Decoder(_Document)


def read(
    text: bytes, *, root: str, paths: Collection[str], loaded: Collection[str]
) -> tuple[CountedFile, ...]:
    """Files that match ``paths`` (globs, "*" crosses "/"), sorted by path.

    ``root`` is the source directory that paths begin with; ``loaded`` are the .gcda files there were.
    Raises InfrastructureError when this is no gcov output.
    """
    stems = {name.removesuffix(".gcda") for name in loaded}
    lines: dict[str, dict[int, int]] = {}
    functions: dict[str, dict[str, CountedFunction]] = {}
    branches: dict[str, dict[int, tuple[int, ...]]] = {}
    loaded_lines: dict[str, set[int]] = {}
    for document in _documents(text):
        for file in document.files:
            path = _relative(file.file, root)
            if not any(fnmatchcase(path, glob) for glob in paths):
                continue
            _add(lines.setdefault(path, {}), functions.setdefault(path, {}), file)
            _add_branches(branches.setdefault(path, {}), file)
            if document.data_file.removeprefix("./").removesuffix(".gcno") in stems:
                loaded_lines.setdefault(path, set()).update(one.line_number for one in file.lines)
    return tuple(
        CountedFile(
            path=path,
            functions=tuple(sorted(functions[path].values(), key=lambda one: one.first)),
            lines=dict(sorted(lines[path].items())),
            loaded=path in loaded_lines,
            foreign=frozenset(lines[path].keys() - loaded_lines.get(path, set())),
            branches=branches[path],
        )
        for path in sorted(lines)
    )


def _documents(text: bytes) -> Iterable[_Document]:
    try:
        for line in text.split(b"\n"):
            if line.startswith(b"{"):
                yield _DECODER.decode(line)
    except msgspec.DecodeError as error:
        raise InfrastructureError(f"gcov said what we cannot read: {error}") from error


def _add(lines: dict[int, int], functions: dict[str, CountedFunction], file: _File) -> None:
    for line in file.lines:
        lines[line.line_number] = lines.get(line.line_number, 0) + line.count
    for found in file.functions:
        before = functions.get(found.name)
        functions[found.name] = CountedFunction(
            name=found.name,
            first=found.start_line,
            last=found.end_line,
            executed=found.blocks_executed > 0 or (before is not None and before.executed),
        )


def _add_branches(branches: dict[int, tuple[int, ...]], file: _File) -> None:
    """One by one, over all functions and objects that were made of the line; none where these have unlike ones."""
    for line in file.lines:
        if line.branches:
            counts = tuple(one.count for one in line.branches)
            before = branches.get(line.line_number, (0,) * len(counts))
            alike = len(before) == len(counts)
            branches[line.line_number] = tuple(map(add, before, counts)) if alike else ()


def _relative(path: str, root: str) -> str:
    """From the top of the tree; arch/x86/kvm/../../../virt/kvm is how its Makefile says virt/kvm."""
    parts: list[str] = []
    for part in path.removeprefix(f"{root}/").split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in {".", ""}:
            parts.append(part)
    return "/".join(parts)
