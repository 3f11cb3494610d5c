# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures from kernel_repository, whose name, unlike conftest, no other folder has."""

from kernel_repository import base_of, kernel, series_of, small_disk

__all__ = ["base_of", "kernel", "series_of", "small_disk"]
