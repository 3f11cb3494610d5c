# SPDX-License-Identifier: GPL-2.0-only
"""Read-only pages over the stores: which pages there are, and what is on them.  No input or output."""
