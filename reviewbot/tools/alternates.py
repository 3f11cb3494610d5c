# SPDX-License-Identifier: GPL-2.0-only
"""A bare repository of our own that borrows the objects of a user's repository."""

import os
from pathlib import Path

from reviewbot.model.errors import UserError

_ALTERNATES_DEPTH = 5  # git's own limit, object-file.c
_STORE_CONFIG = b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n[gc]\n\tauto = 0\n"
# gitattributes(5): this file wins over any .gitattributes of a (patched) tree.
_ATTRIBUTES = (
    b"* -text -eol -ident -filter -working-tree-encoding -export-ignore -export-subst !merge\n"
)


def make_store(path: Path, common: Path) -> None:
    """Make or refresh the bare repository ``path`` that borrows from the git directory ``common``."""
    lines = b"".join(os.fsencode(one) + b"\n" for one in _object_directories(common / "objects"))
    if not path.is_dir():
        part = path.with_name(path.name + ".part")
        for below in ("refs/heads", "objects/info", "objects/pack", "info"):
            (part / below).mkdir(parents=True, exist_ok=True)
        (part / "HEAD").write_bytes(b"ref: refs/heads/none\n")
        (part / "config").write_bytes(_STORE_CONFIG)
        (part / "info" / "attributes").write_bytes(_ATTRIBUTES)
        (part / "objects" / "info" / "alternates").write_bytes(lines)
        part.rename(path)
    _replace(path / "objects" / "info" / "alternates", lines)
    # A shallow repository's oldest commits name parents it has not; git needs to be told which.
    shallow = common / "shallow"
    _replace(path / "shallow", shallow.read_bytes() if shallow.is_file() else b"")


def _replace(target: Path, data: bytes) -> None:
    if (target.read_bytes() if target.exists() else b"") != data:
        part = target.with_name(target.name + ".part")
        part.write_bytes(data)
        part.rename(target)


def common_directory(directory: Path) -> Path:
    """The directory holding ``objects``: another one for a linked work tree (gitrepository-layout(5))."""
    pointer = directory / "commondir"
    if pointer.is_file():
        directory = directory / pointer.read_text().rstrip("\n")
    return Path(os.path.realpath(directory))


def _object_directories(objects: Path, depth: int = 0) -> list[Path]:
    """An objects directory and its alternates, all absolute: libgit2 reads relative ones one level deep."""
    if "\n" in str(objects):
        raise UserError(f"{str(objects)!r}: a repository path must not hold a line break")
    found = [Path(os.path.realpath(objects))]
    listed = objects / "info" / "alternates"
    if depth < _ALTERNATES_DEPTH and listed.is_file():
        for line in listed.read_bytes().splitlines():
            if line and not line.startswith(b"#"):
                deeper = _object_directories(objects / os.fsdecode(line), depth + 1)
                found += [one for one in deeper if one not in found and one.is_dir()]
    return found
