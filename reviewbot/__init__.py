# SPDX-License-Identifier: GPL-2.0-only
"""reviewbot: review and regression runs for kernel patch series, KVM first."""

__version__ = "0.1.0"
