# SPDX-License-Identifier: GPL-2.0-only
"""Questions to the machine we run on, for ``reviewbot doctor``: everything is tried, not looked up."""

import shutil
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

import pygit2
import requests

from reviewbot.model.errors import InfrastructureError
from reviewbot.tools import process

_SECONDS = 30.0
_PT_INTERP = 3  # elf(5): a program with this segment needs a dynamic loader
_ELF64_LITTLE_ENDIAN = b"\x7fELF\x02\x01"


def python_version() -> str:
    """Version of the interpreter that runs us: "3.11.2"."""
    return ".".join(str(number) for number in sys.version_info[:3])


def version(program: str) -> str | None:
    """First line of ``program --version``; None when there is no such program or it fails."""
    if not shutil.which(program, path=process.PATH):
        return None
    try:
        done = process.run([program, "--version"], timeout=_SECONDS, merge=True)
    except InfrastructureError:
        return None
    first = done.text().strip().partition("\n")[0].strip()
    return (first or "present") if done.ok else None


def compile_complaint(source: str, *, link_static: bool = False) -> str:
    """What gcc says about ``source``, in one line; "" when it compiles (and links, statically)."""
    step = ["-static", "-o", "/dev/null"] if link_static else ["-fsyntax-only"]
    done = process.run(
        ["gcc", "-x", "c", "-", *step], timeout=_SECONDS, stdin=source.encode(), cwd="/"
    )
    if done.ok:
        return ""
    lines = [line.strip() for line in done.stderr.decode("utf-8", "replace").splitlines()]
    return next((line for line in lines if "error" in line), done.complaint())


def exists(place: Path) -> bool:
    """True for anything that can be seen under this name."""
    try:
        return place.exists()
    except OSError:
        return False


def is_static_program(path: Path) -> bool:
    """True for a 64-bit ELF program that runs without any library.  Raises OSError."""
    with path.open("rb") as stream:
        head = stream.read(64)
        if len(head) < 64 or not head.startswith(_ELF64_LITTLE_ENDIAN):
            return False
        (offset,) = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        stream.seek(offset)
        table = stream.read(size * count)
    kinds = {struct.unpack_from("<I", table, at)[0] for at in range(0, len(table) - 3, size or 1)}
    return _PT_INTERP not in kinds


def free_bytes(place: Path) -> int:
    """What may still be written below ``place``, which need not exist yet.  Raises OSError."""
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


def http_complaint(url: str, timeout: float) -> str:
    """Why ``url`` can not be reached, in a few words; "" when a server answers, whatever it says.

    "Whatever": an archive may well answer 404 to an address without a message-id.
    """
    try:
        with requests.get(url, timeout=timeout, stream=True, allow_redirects=True) as answer:
            bad_gateway = answer.status_code >= 500
            return f"the server says {answer.status_code}" if bad_gateway else ""
    except requests.exceptions.SSLError:
        return "the TLS certificate is not accepted"
    except requests.exceptions.Timeout:
        return f"no answer within {timeout:.0f} s"
    except requests.exceptions.ConnectionError as error:
        return "name not found" if "resolve" in str(error).lower() else "connection refused or lost"
    except (requests.exceptions.RequestException, ValueError) as error:
        return type(error).__name__


def repository_complaint(path: str, refs: Iterable[str]) -> str:
    """Why ``path`` is no repository that has all ``refs``, in a few words; "" when it is."""
    try:
        repository = pygit2.Repository(path)
    except (pygit2.GitError, KeyError):
        return "no git repository" if Path(path).is_dir() else "no such directory"
    for ref in refs:
        try:
            repository.revparse_single(ref).peel(pygit2.Commit)
        except (pygit2.GitError, KeyError, ValueError):
            return f"no commit {ref}"
    return ""
