# SPDX-License-Identifier: GPL-2.0-only
"""The pictures in the documents are what the commands show."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_pictures_are_up_to_date(tmp_path):
    made = subprocess.run(
        [sys.executable, CHECKOUT / "tests/pictures/terminal.py", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    for name in ("triage.svg", "triage-show.svg"):
        root = ET.parse(tmp_path / name).getroot()  # noqa: S314 - our own file
        assert root.tag.endswith("svg")
    # The other one has a date in it.
    fresh, kept = (
        (place / "triage.svg").read_text() for place in (tmp_path, CHECKOUT / "docs/pictures")
    )
    assert fresh == kept, (
        "the table looks different now: run 'make pictures' and commit docs/pictures"
    )
