# SPDX-License-Identifier: GPL-2.0-only
"""Text in, model out.  Pure: no files, no processes, no clock."""
