# SPDX-License-Identifier: GPL-2.0-only
"""The filter of system calls that a sandbox gets (seccomp(2)): what no namespace of bubblewrap's covers.

* sockets of other families than unix, inet and netlink: AF_VSOCK knows no network namespaces and reaches the
  hypervisor of the machine we run in, and whoever listens there;
* keys of the caller's (keyrings(7)), which its user may read wherever it is;
* io_uring, which makes sockets past any filter;
* system calls of other ABIs (int 0x80, x32), which number all of these otherwise.

They fail as if the kernel had none.
"""

import errno
import os
import struct
from dataclasses import dataclass

_FAMILIES = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK
_IO_URING_SETUP = 425  # the same everywhere (scripts/syscall.tbl)
_X32 = 0x40000000  # arch/x86/include/uapi/asm/unistd.h

# include/uapi/linux/bpf_common.h and seccomp.h
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ABI, _FIRST_ARGUMENT = 0, 4, 16  # struct seccomp_data, little-endian
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Machine:
    """AUDIT_ARCH_* of include/uapi/linux/audit.h, and numbers of its table of system calls."""

    abi: int
    socket: int
    keys: tuple[int, ...]


_MACHINES = {
    "x86_64": _Machine(abi=0xC000003E, socket=41, keys=(248, 249, 250)),
    "aarch64": _Machine(abi=0xC00000B7, socket=198, keys=(217, 218, 219)),
    "riscv64": _Machine(abi=0xC00000F3, socket=198, keys=(217, 218, 219)),
}


def program() -> bytes:
    """The filter as ``bwrap --seccomp`` reads it, b"" where we do not know the machine's numbers."""
    machine = _MACHINES.get(os.uname().machine)
    if machine is None:
        return b""
    missing = (_RETURN, 0, 0, _FAIL | errno.ENOSYS)
    denied = (*machine.keys, _IO_URING_SETUP)
    code = [
        (_LOAD, 0, 0, _ABI),
        (_EQUAL, 1, 0, machine.abi),
        missing,
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        missing,
        *(word for number in denied for word in ((_EQUAL, 0, 1, number), missing)),
        (_EQUAL, 1, 0, machine.socket),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        *(
            word
            for family in _FAMILIES
            for word in ((_EQUAL, 0, 1, family), (_RETURN, 0, 0, _ALLOW))
        ),
        (_RETURN, 0, 0, _FAIL | errno.EAFNOSUPPORT),
    ]
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in code)
