# SPDX-License-Identifier: GPL-2.0-only
"""Layouts of structs in kernel-internal headers, without compiling the kernel.

Such a header includes half the kernel, and none of that matters for a struct of integers.  Its
``#include`` lines are left out and the kernel's integer types supplied; a struct that needs more than
that is ``broken``, and nothing is said about it.
"""

from collections.abc import Mapping

from reviewbot.parse.clang import Architecture
from reviewbot.parse.uapi import Layouts, read_layouts

_PREFIX = "include/uapi/"  # where parse.clang looks for what is included
_TYPES = b"""
typedef signed char s8; typedef unsigned char u8; typedef signed short s16; typedef unsigned short u16;
typedef signed int s32; typedef unsigned int u32; typedef signed long long s64;
typedef unsigned long long u64; typedef u64 gpa_t; typedef u64 hpa_t; typedef _Bool bool;
typedef u8 __u8; typedef u16 __u16; typedef u32 __u32; typedef u64 __u64;
typedef s8 __s8; typedef s16 __s16; typedef s32 __s32; typedef s64 __s64;
"""


def read_internal(headers: Mapping[str, bytes], architecture: Architecture) -> Layouts:
    """Records of the headers (path: text), compiled in that order; paths and lines are the tree's.

    Raises HeadersUnreadableError when libclang gives up.
    """
    files = {_PREFIX + "reviewbot/types.h": _TYPES}
    files |= {_PREFIX + path: _alone(text) for path, text in headers.items()}
    layouts = read_layouts(files, ("reviewbot/types.h", *headers), architecture)
    return layouts.below(_PREFIX)


def _alone(text: bytes) -> bytes:
    """The header without its includes, lines kept."""
    return b"\n".join(
        b"" if line.replace(b" ", b"").replace(b"\t", b"").startswith(b"#include") else line
        for line in text.split(b"\n")
    )
