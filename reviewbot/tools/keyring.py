# SPDX-License-Identifier: GPL-2.0-only
"""Keep the caller's keys from a program: what is in a session keyring is readable for whoever inherited that.

Neither another user nor a user namespace changes it (keyrings(7), "Possession"): Kerberos tickets may lie there, and
passwords that file systems and networks were given.
"""

import ctypes
import errno
import os

_JOIN_SESSION_KEYRING = 1  # include/uapi/linux/keyctl.h
# arch/x86/entry/syscalls/syscall_64.tbl and its like; glibc has no function for it.
_KEYCTL = {
    "x86_64": 250,
    "aarch64": 219,
    "riscv64": 219,
    "loongarch64": 219,
    "ppc64le": 271,
    "s390x": 280,
}.get(os.uname().machine)
_libc = ctypes.CDLL(None, use_errno=True)


def join_new() -> None:
    """Have this process, and whatever it starts, use an empty session keyring.

    Where the kernel has none, or a container may not use them, nobody has.  Raises OSError.
    """
    if _KEYCTL is None or _libc.syscall(_KEYCTL, _JOIN_SESSION_KEYRING, None) >= 0:
        return
    number = ctypes.get_errno()
    if number not in (errno.ENOSYS, errno.EPERM):
        raise OSError(number, os.strerror(number))
