# SPDX-License-Identifier: GPL-2.0-only
"""Values that travel between stages: frozen, slotted, keyword-only, JSON-able.

Nothing here imports anything of ours; everything else may import this.
"""
