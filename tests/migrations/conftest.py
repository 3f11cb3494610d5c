# SPDX-License-Identifier: GPL-2.0-only
"""The PostgreSQL server is the queue tests' one."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "engine"))
