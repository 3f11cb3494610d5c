# SPDX-License-Identifier: GPL-2.0-only
"""The kernel of the virtual machine that series build in: one that this host's distribution has installed.

It is trusted and kept secure by the distribution; a patched tree has no part in it.  The modules it needs are found by
what they say they depend on, so that an unpacked package, for which nobody has run depmod, will do.
"""

import gzip
import lzma
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reviewbot.model.errors import UserError
from reviewbot.tools import process

REQUIRED = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p")
OPTIONAL = ("kvm_amd", "kvm_intel")
"""With them guests nest."""
HOW = "apt install linux-image-amd64, or name one: [lab] vm_kernel in the settings"
_BOOT = Path("/boot")
_MODULES = Path("/lib/modules")
_SUFFIX = re.compile(r"\.ko(?:\.(?:xz|gz|zst))?")
_DEPENDS = re.compile(rb"(?:^|\0)depends=([\w,-]*)\0")
_HEADER = 0x202  # Documentation/arch/x86/boot.rst: "HdrS", and at 0x20e where the version is


@dataclass(frozen=True, slots=True, kw_only=True)
class VmKernel:
    """A kernel ``image``, its ``release`` and the modules to load, in order, by file name."""

    image: Path
    release: str
    modules: tuple[tuple[str, bytes], ...]
    nests: bool


class _Unfit(Exception):  # noqa: N818 - why the next one is looked at
    pass


def find(named: str) -> VmKernel:
    """The kernel ``named`` in the settings; "" looks for an installed one, the running one first.

    Raises UserError when there is none with what it needs.
    """
    if named:
        try:
            return _examine(Path(named))
        except _Unfit as problem:
            raise UserError(f"{named}: no kernel for a virtual machine: {problem}") from problem
    problems = []
    for image in _installed():
        try:
            return _examine(image)
        except _Unfit as problem:
            problems.append(f"{image}: {problem}")
    why = problems[0] if problems else f"neither {_BOOT} nor {_MODULES} has one"
    raise UserError(f"no kernel for a virtual machine ({why}): {HOW}")


def _installed() -> Iterator[Path]:
    running = platform.release()
    found = [*_BOOT.glob("vmlinuz-*"), *_MODULES.glob("*/vmlinuz")]
    found = [image for image in found if "rescue" not in image.name]
    found.sort(key=lambda image: _by_version(str(image)), reverse=True)
    found.sort(key=lambda image: running not in str(image))
    yield from found


def _by_version(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,9}", name)]


def _examine(image: Path) -> VmKernel:
    release = _release(image)
    places = [
        image.parent,
        image.parent.parent / "lib/modules" / release,
        image.parent.parent / "usr/lib/modules" / release,
        _MODULES / release,
    ]
    place = next((place for place in places if (place / "kernel").is_dir()), None)
    if place is None:
        raise _Unfit(f"there is no {places[1]} with its modules")
    files = {_name(path): path for path in (place / "kernel").rglob("*.ko*")}
    built_in = _built_in(place)
    missing = [name for name in REQUIRED if name not in files and name not in built_in]
    if missing:
        raise _Unfit(f"Linux {release} has no {', '.join(missing)}")
    modules: dict[str, bytes] = {}
    for name in (*REQUIRED, *OPTIONAL):
        _load(name, files, modules)
    return VmKernel(
        image=image,
        release=release,
        modules=tuple((f"{name}.ko", data) for name, data in modules.items()),
        nests=any(name in modules or name in built_in for name in OPTIONAL),
    )


def _release(image: Path) -> str:
    try:
        with image.open("rb") as stream:
            header = stream.read(65536)
    except OSError as error:
        raise _Unfit(f"it cannot be read ({error.strerror})") from error
    if header[_HEADER : _HEADER + 4] != b"HdrS":
        raise _Unfit("it is no kernel image (bzImage)")
    start = 0x200 + int.from_bytes(header[0x20E:0x210], "little")
    words = header[start : start + 200].split(b"\0")[0].decode("ascii", "replace").split()
    if not words or "/" in words[0] or words[0].startswith("."):
        raise _Unfit("it does not say its version")
    return words[0]


def _name(path: Path) -> str:
    return _SUFFIX.sub("", path.name).replace("-", "_")


def _built_in(place: Path) -> frozenset[str]:
    try:
        text = (place / "modules.builtin").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    return frozenset(_name(Path(line)) for line in text.split("\n"))


def _load(name: str, files: dict[str, Path], into: dict[str, bytes]) -> None:
    """Put a module behind those it needs; what is no file is built in."""
    if name in into or name not in files:
        return
    data = _unpacked(files[name])
    found = _DEPENDS.search(data)
    for needed in found[1].decode("ascii").split(",") if found else ():
        _load(needed.replace("-", "_"), files, into)
    into[name] = data


def _unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    if path.suffix == ".gz":
        return gzip.decompress(data)
    if path.suffix == ".zst":
        done = process.run(["zstd", "-dc", path], timeout=60)
        if not done.ok:
            raise _Unfit(f"{path} cannot be unpacked: {done.complaint()}")
        return done.stdout
    return data
