# SPDX-License-Identifier: GPL-2.0-only
"""The command line: argument parsing and wiring only."""
