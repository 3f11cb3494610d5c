# SPDX-License-Identifier: GPL-2.0-only
"""The pictures of the screen in the documents are what it shows."""

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_pictures_of_the_screen_are_up_to_date(tmp_path):
    made = subprocess.run(
        [sys.executable, CHECKOUT / "tests/pictures/screen.py", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    for name in ("screen-list.svg", "screen-patch.svg"):
        fresh, kept = (
            (place / name).read_text() for place in (tmp_path, CHECKOUT / "docs/pictures")
        )
        assert fresh == kept, f"{name} looks different: run 'make pictures', commit docs/pictures"
        assert "http" not in fresh.replace("http://www.w3.org/2000/svg", "").replace("https://lore.kernel.org", ""), "a picture fetches nothing"  # fmt: skip
