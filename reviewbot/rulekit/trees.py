# SPDX-License-Identifier: GPL-2.0-only
"""A kernel tree as rules see it: files by path, and facts that are parsed once per blob.

``TreeView`` is what the tools hand in; ``View`` is what rules get.  Facts are remembered by blob id,
so a file that a patch does not touch is parsed once for the whole series.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from reviewbot.parse import clang, rst_pieces
from reviewbot.parse import rst as documents
from reviewbot.parse.c import CFile
from reviewbot.parse.internal import read_internal
from reviewbot.parse.makefile import Makefile, read_makefile
from reviewbot.parse.uapi import Constant, Layouts, evaluate, read_constants, read_layouts
from reviewbot.rulekit.facts import Facts

T = TypeVar("T")

_WORD = re.compile(r"\w+")

API_RST = "Documentation/virt/kvm/api.rst"
"""Where KVM documents its userspace interface."""

_HEADERS = {
    "x86": ("linux/kvm.h", "asm/kvm_para.h", "asm/kvm_perf.h"),
}


class TreeView(Protocol):
    """One commit's files.  Paths are relative to the top of the tree, with forward slashes."""

    def read(self, path: str) -> bytes | None:
        """The file's bytes, or None when there is no such file."""

    def blob_id(self, path: str) -> str | None:
        """The git blob id, or None when there is no such file."""

    def paths(self, prefix: str) -> Iterable[str]:
        """All files below ``prefix`` (a directory, "" for the whole tree)."""


class NoSuchFileError(Exception):
    """A rule needs a file that the tree does not have; the rule then could not run."""


class UnsureFileError(Exception):
    """Nobody knows what is in a file: hunks of it do not apply.  The rule then could not run."""


def _tree_weight(file: CFile) -> int:
    # Measured on x86.c of 0.36 MB: 6 MB for the syntax tree, and facts.
    return 20 * len(file.source)


@dataclass(slots=True, kw_only=True)
class View:
    """One tree with its facts.  ``label`` names it for people ("after patch 3").

    ``base`` is the tree before the series, None in that tree itself; ``changed`` are the files that the
    series names.  All others are the base's.
    """

    tree: TreeView
    facts: Facts
    label: str
    base: "View | None" = None
    changed: frozenset[str] = frozenset()
    _blobs: dict[str, str | None] = field(default_factory=dict)
    _listed: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def read(self, path: str) -> bytes | None:
        """The file's bytes, or None."""
        blob = self.blob_id(path)
        if blob is None:
            return None
        return self.facts.recent(("bytes", blob), len, lambda: self.tree.read(path) or b"")

    def blob_id(self, path: str) -> str | None:
        """The git blob id, or None."""
        if path not in self._blobs:
            base = self.base if path not in self.changed else None
            self._blobs[path] = base.blob_id(path) if base else self.tree.blob_id(path)
        return self._blobs[path]

    def exists(self, path: str) -> bool:
        """Whether the tree has the file."""
        return self.blob_id(path) is not None

    def paths(self, prefix: str, suffix: str = "") -> tuple[str, ...]:
        """All files below ``prefix`` whose name ends with ``suffix``, sorted."""
        if prefix not in self._listed:
            same = not any(path.startswith(prefix.rstrip("/")) for path in self.changed)
            base = self.base if same else None
            listed = base.paths(prefix) if base else tuple(sorted(self.tree.paths(prefix)))
            self._listed[prefix] = listed
        return tuple(path for path in self._listed[prefix] if path.endswith(suffix))

    def text(self, path: str) -> str:
        """The file as text, "" when there is none; bytes that are not UTF-8 become U+FFFD."""
        data = self.read(path) or b""
        return self.facts.recent(
            ("text", self.blob_id(path)), len, lambda: data.decode("utf-8", "replace")
        )

    def line(self, path: str, number: int) -> str:
        """One line, 1-based, without its newline; "" beyond the end."""
        text = self.text(path)
        lines = self.facts.recent(
            ("lines", self.blob_id(path)), lambda _: 3 * len(text), lambda: text.split("\n")
        )
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def words(self, path: str) -> frozenset[str]:
        """Every whole word (letters, digits, underscores) of the file, comments and all."""
        text = self.text(path)
        return self.facts.recent(
            ("words", self.blob_id(path)),
            lambda _: len(text),
            lambda: frozenset(_WORD.findall(text)),
        )

    def c(self, path: str) -> CFile:
        """The file's functions, calls, macros and initialisers.  Raises NoSuchFileError."""
        data = self._demand(path)
        versions = self.facts.versions

        def make() -> CFile:
            versions[path] = made = CFile(path, data, versions.get(path))
            return made

        return self.facts.recent(("c", self.blob_id(path), path), _tree_weight, make)

    def makefile(self, path: str) -> Makefile:
        """The file's variables.  Raises NoSuchFileError."""
        data = self._demand(path)
        return self.facts.of(("makefile", self.blob_id(path)), lambda: read_makefile(data))

    def rst(self, path: str = API_RST) -> documents.Document:
        """The file's sections, tables and code blocks.  Raises NoSuchFileError."""
        data = self._demand(path)

        key = ("rst", self.blob_id(path))

        def make() -> documents.Document:
            if self.base is None:
                return self.facts.kept(key, documents.Document, lambda: documents.parse(data))
            if not self.base.exists(path):
                return documents.parse(data)
            return rst_pieces.parse_near(data, self.base.rst(path))

        return self.facts.recent(key, lambda made: 4 * len(made.text), make)

    def uapi(self, architecture: str = "x86_64") -> Layouts:
        """Structs and unions of the KVM userspace headers, as installed.

        Raises HeadersUnreadableError (an include is missing) or NoSuchFileError.
        """
        files, headers, key = self._headers(architecture)
        arch = clang.ARCHITECTURES[architecture]
        if self.base and self.tree_key() == self.base.tree_key():
            return self.base.uapi(architecture)
        return self._kept(("layouts", key), Layouts, lambda: read_layouts(files, headers, arch))

    def constants(self, architecture: str = "x86_64") -> Mapping[str, Constant]:
        """Macros and enumerators of the KVM userspace headers with their values."""
        files, headers, key = self._headers(architecture)
        if self.base and self.tree_key() == self.base.tree_key():
            return self.base.constants(architecture)
        layouts = self.uapi(architecture)
        return self._kept(
            ("constants", key), dict[str, Constant], lambda: read_constants(files, headers, layouts)
        )

    def values(
        self, path: str, names: Iterable[str], architecture: str = "x86_64"
    ) -> Mapping[str, int | None]:
        """Values of macros that the kernel-internal file ``path`` defines ("KVM_X86_VALID_QUIRKS").

        They are evaluated by the compiler on top of the userspace headers; a macro that does not
        compile (a missing ``|``) has value None, one that the file does not define is left out.
        """
        macros = self.c(path).macros
        wanted = tuple(name for name in names if name in macros)
        files, headers, key = self._headers(architecture)
        arch = clang.ARCHITECTURES[architecture]
        texts = tuple(macros[name].definition for name in macros if not macros[name].parameters)
        return self.facts.of(
            ("values", key, self.blob_id(path), wanted),
            lambda: evaluate(files, headers, arch, texts, wanted),
        )

    def internal(self, *paths: str, architecture: str = "x86_64") -> Layouts:
        """Structs of kernel-internal headers, compiled alone and in this order.

        One that needs types of other headers is in ``broken``.  Raises NoSuchFileError.
        """
        headers = {path: self._demand(path) for path in paths}
        key = tuple((path, self.blob_id(path)) for path in paths)
        return self.facts.of(
            ("internal", architecture, key),
            lambda: read_internal(headers, clang.ARCHITECTURES[architecture]),
        )

    def _kept(self, key: Hashable, kind: type[T], make: Callable[[], T]) -> T:
        """A fact; the base's is for the next series, too, which has trees of its own behind it."""
        return self.facts.of(key, make) if self.base else self.facts.kept(key, kind, make)

    def _demand(self, path: str) -> bytes:
        data = self.read(path)
        if data is None:
            raise NoSuchFileError(f"{path} is not in the tree {self.label}")
        return data

    def _headers(self, name: str) -> tuple[dict[str, bytes], tuple[str, ...], Hashable]:
        architecture = clang.ARCHITECTURES[name]
        wanted = _HEADERS.get(architecture.directory, ("linux/kvm.h",))
        headers = tuple(h for h in wanted if clang.header_path(h, architecture, self.read))
        if not headers:
            raise NoSuchFileError(f"no KVM userspace header is in the tree {self.label}")
        blobs = tuple(
            self.blob_id(clang.header_path(h, architecture, self.read) or "") for h in headers
        )
        files = self.facts.of(
            ("gathered", name, self.tree_key(), blobs),
            lambda: clang.gather(headers, architecture, self.read),
        )
        contents = tuple((path, self.blob_id(path)) for path in sorted(files))
        return files, headers, (name, headers, contents)

    def tree_key(self) -> Hashable:
        """Equal for trees of a series that have the same userspace headers."""
        headers = sorted(path for path in self.changed if "include/uapi/" in path)
        return (id(self.base or self), *map(self._state, headers))

    def _state(self, path: str) -> str | None:
        try:
            return self.blob_id(path)
        except UnsureFileError:
            return "unsure"
