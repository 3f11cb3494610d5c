# SPDX-License-Identifier: GPL-2.0-only
"""An emulator for the inside of a test guest: this host's QEMU, the libraries it is linked with, its firmware.

kvm-unit-tests want one.  In the guest it uses the KVM under test, so the tests are nested; 50 MB of
initramfs cost a second of boot under emulation.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.tools import qemu, sandbox
from reviewbot.tools.sandbox import Task

_LIBRARY = re.compile(r"\s*(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)\s*")
_LOADER = re.compile(r"/ld-linux|/ld-musl|/ld64")
# What a PC without devices reads (hw/i386/x86.c): the BIOS, and what -kernel boots with.
_FIRMWARE = (
    "bios-256k.bin",
    "kvmvapic.bin",
    "linuxboot_dma.bin",
    "multiboot_dma.bin",
    "multiboot.bin",
)
_OPTIONAL = {"multiboot_dma.bin", "kvmvapic.bin"}
_PLACES = ("/usr/share/qemu", "/usr/share/seabios", "/usr/lib/qemu", "/usr/share/qemu-firmware")


@functools.cache
def files(emulator: str) -> dict[str, bytes]:
    """By path below the guest's root.  Raises UserError without QEMU or its firmware."""
    program = Path(qemu.find(emulator))
    done = sandbox.contain(Task(argv=("ldd", str(program)), timeout=30))
    lines = (_LIBRARY.fullmatch(line) for line in done.text().split("\n"))
    libraries = [line[1] for line in lines if line]
    loader = next((one for one in libraries if _LOADER.search(one)), None)
    if not done.ok or loader is None:
        raise InfrastructureError(f"ldd {program}: {done.complaint()}")
    found = {
        "qemu/emulator": program.read_bytes(),
        "qemu/loader": Path(loader).read_bytes(),
    }
    for library in libraries:
        if library != loader:
            found[f"qemu/lib/{Path(library).name}"] = Path(library).read_bytes()
    for name in _FIRMWARE:
        place = next((Path(p, name) for p in _PLACES if Path(p, name).is_file()), None)
        if place is not None:
            found[f"qemu/share/{name}"] = place.read_bytes()
        elif name not in _OPTIONAL:
            raise UserError(
                f"QEMU's {name} is nowhere in {', '.join(_PLACES)}: apt install seabios"
            )
    return found
