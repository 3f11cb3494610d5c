# SPDX-License-Identifier: GPL-2.0-only
"""What this process has used of the machine."""

import os


def processor_seconds() -> float:
    """Seconds of processor time so far, with those of its children that have ended."""
    return sum(os.times()[:4])
