# SPDX-License-Identifier: GPL-2.0-only
"""The screen's tests use the report tests' runs."""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
sys.path += [str(TESTS / "report"), str(TESTS / "screen")]

from rooms import Room  # noqa: E402 - lies beside this file


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    """A home with four series, of which two were reviewed; and the tests stand in it."""
    made = Room(tmp_path)
    monkeypatch.setenv("HOME", str(made.home))
    for name in (
        "XDG_STATE_HOME",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "REVIEWBOT_CONFIG",
        "NO_COLOR",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return made
