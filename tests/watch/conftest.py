# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures of the watching tests."""

import pytest
from watching import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()
