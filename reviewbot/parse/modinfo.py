# SPDX-License-Identifier: GPL-2.0-only
"""A kernel module's bytes -> the parameters it takes.  Pure; linear in the size of the module.

Its section .modinfo holds "parmtype=NAME:TYPE" for each (include/linux/moduleparam.h), each ended by NUL.
"""

import re

_PARAMETER = re.compile(rb"(?:^|\0)parmtype=(\w{1,64}):")


def parameters(module: bytes) -> frozenset[str]:
    """Names of the parameters; none of something that is no module."""
    return frozenset(name.decode("ascii") for name in _PARAMETER.findall(module))
