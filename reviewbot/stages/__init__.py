# SPDX-License-Identifier: GPL-2.0-only
"""The pipeline, one module an arrow: fetch, base, apply, check, build, boot, test, compare, judge, report, deliver."""
