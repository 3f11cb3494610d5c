# SPDX-License-Identifier: GPL-2.0-only
"""The bot's tests use the watching tests' lists and the report tests' runs and mail servers."""

import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent
sys.path += [str(TESTS / "watch"), str(TESTS / "report")]
