# SPDX-License-Identifier: GPL-2.0-only
"""A kernel tree as rules see it: files by path, and facts that are parsed once per blob.

``TreeView`` is what the tools hand in; ``View`` is what rules get.  Facts are remembered by blob id,
so a file that a patch does not touch is parsed once for the whole series.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from reviewbot.parse import clang
from reviewbot.parse import rst as documents
from reviewbot.parse.c import CFile
from reviewbot.parse.internal import read_internal
from reviewbot.parse.uapi import Constant, Layouts, evaluate, read_constants, read_layouts

T = TypeVar("T")

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


class Keep(Protocol):
    """Where facts outlive a review: the base's are the same for the next series."""

    def load(self, key: Hashable, kind: type[T]) -> T | None:
        """What was kept under the key, or None."""

    def save(self, key: Hashable, value: object) -> None:
        """Keep a value, a dataclass or a dictionary of them."""


class Facts:
    """What was parsed so far, by kind and blob ids; failures are remembered as well."""

    def __init__(self, keep: Keep | None = None) -> None:
        self._known: dict[Hashable, Any] = {}
        self._keep = keep

    def kept(self, key: Hashable, kind: type[T], make: Callable[[], T]) -> T:
        """As :func:`of`, for what is slow to make and worth keeping for the next review."""
        return self.of(key, lambda: self._load_or_make(key, kind, make))

    def _load_or_make(self, key: Hashable, kind: type[T], make: Callable[[], T]) -> T:
        if self._keep is None:
            return make()
        value = self._keep.load(key, kind)
        if value is None:
            value = make()
            self._keep.save(key, value)
        return value

    def of(self, key: Hashable, make: Callable[[], T]) -> T:
        """The remembered value of ``key``, made by ``make()`` the first time."""
        if key not in self._known:
            try:
                self._known[key] = make()
            except clang.HeadersUnreadableError as error:
                self._known[key] = error
        value = self._known[key]
        if isinstance(value, clang.HeadersUnreadableError):
            raise value
        return value  # type: ignore[no-any-return]


@dataclass(slots=True, kw_only=True)
class View:
    """One tree with its facts.  ``label`` names it for people ("after patch 3")."""

    tree: TreeView
    facts: Facts
    label: str
    _blobs: dict[str, str | None] = field(default_factory=dict)

    def read(self, path: str) -> bytes | None:
        """The file's bytes, or None."""
        blob = self.blob_id(path)
        if blob is None:
            return None
        return self.facts.of(("bytes", blob), lambda: self.tree.read(path))

    def blob_id(self, path: str) -> str | None:
        """The git blob id, or None."""
        if path not in self._blobs:
            self._blobs[path] = self.tree.blob_id(path)
        return self._blobs[path]

    def exists(self, path: str) -> bool:
        """Whether the tree has the file."""
        return self.blob_id(path) is not None

    def paths(self, prefix: str, suffix: str = "") -> tuple[str, ...]:
        """All files below ``prefix`` whose name ends with ``suffix``, sorted."""
        return tuple(sorted(path for path in self.tree.paths(prefix) if path.endswith(suffix)))

    def text(self, path: str) -> str:
        """The file as text, "" when there is none; bytes that are not UTF-8 become U+FFFD."""
        return (self.read(path) or b"").decode("utf-8", "replace")

    def line(self, path: str, number: int) -> str:
        """One line, 1-based, without its newline; "" beyond the end."""
        blob = self.blob_id(path)
        lines = self.facts.of(("lines", blob), lambda: self.text(path).split("\n"))
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def c(self, path: str) -> CFile:
        """The file's functions, calls, macros and initialisers.  Raises NoSuchFileError."""
        data = self._demand(path)
        return self.facts.of(("c", self.blob_id(path), path), lambda: CFile(path, data))

    def rst(self, path: str = API_RST) -> documents.Document:
        """The file's sections, tables and code blocks.  Raises NoSuchFileError."""
        data = self._demand(path)
        return self.facts.kept(
            ("rst", self.blob_id(path)), documents.Document, lambda: documents.parse(data)
        )

    def uapi(self, architecture: str = "x86_64") -> Layouts:
        """Structs and unions of the KVM userspace headers, as installed.

        Raises HeadersUnreadableError (an include is missing) or NoSuchFileError.
        """
        files, headers, key = self._headers(architecture)
        arch = clang.ARCHITECTURES[architecture]
        return self.facts.kept(
            ("layouts", key), Layouts, lambda: read_layouts(files, headers, arch)
        )

    def constants(self, architecture: str = "x86_64") -> Mapping[str, Constant]:
        """Macros and enumerators of the KVM userspace headers with their values."""
        files, headers, key = self._headers(architecture)
        layouts = self.uapi(architecture)
        return self.facts.kept(
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
        """Something that is equal only for the same View: gathered headers are kept per tree."""
        return id(self)
