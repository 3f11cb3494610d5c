# SPDX-License-Identifier: GPL-2.0-only
"""The interactive screen of triage: what is shown is made by pure functions, widgets only show it."""
