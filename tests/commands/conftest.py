# SPDX-License-Identifier: GPL-2.0-only
"""The commands' tests use the bot's lists, runs and mail servers."""

import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent
sys.path += [str(TESTS / "watch"), str(TESTS / "report"), str(TESTS / "engine")]
