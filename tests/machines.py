# SPDX-License-Identifier: GPL-2.0-only
"""Virtual machines for tests: of the kernel that is installed, or of the one that deploy/vm-kernel has unpacked.

REVIEWBOT_VM_KERNEL names another.
"""

import os
import shutil
from pathlib import Path

import pytest

from reviewbot.model.errors import UserError
from reviewbot.tools import accelerator, vm_kernel
from reviewbot.tools.vm import VirtualMachines

UNPACKED = Path(__file__).resolve().parent.parent / "build" / "vm-kernel" / "boot"
QEMU = "qemu-system-x86_64"


def machines(cache):
    """With hardware KVM where that works, else emulated."""
    if not shutil.which(QEMU):
        pytest.skip(f"needs {QEMU}: apt install qemu-system-x86")
    unpacked = next((str(image) for image in UNPACKED.glob("vmlinuz-*")), "")
    named = os.environ.get("REVIEWBOT_VM_KERNEL", unpacked)
    if not named:
        try:
            vm_kernel.find("")
        except UserError as error:
            pytest.skip(f"{error}, or run deploy/vm-kernel")
    real = accelerator.runs_programs(QEMU, cache).usable
    return VirtualMachines(emulator=QEMU, named=named, cache=cache, emulated=not real)
