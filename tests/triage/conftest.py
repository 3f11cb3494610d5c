# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures of triage's tests."""

import pytest
from desks import Office


@pytest.fixture
def office(tmp_path) -> Office:
    return Office(tmp_path)
