# SPDX-License-Identifier: GPL-2.0-only
"""Pipeline order and the store of results."""
