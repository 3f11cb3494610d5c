# SPDX-License-Identifier: GPL-2.0-only
"""``pytest tests/report --update`` writes the golden reports anew; read the diff before committing."""

import contextlib

import pytest

from reviewbot.model.config import Config
from reviewbot.stages import report


def pytest_addoption(parser):
    with contextlib.suppress(ValueError):  # another folder may have the same option
        parser.addoption("--update", action="store_true", help="write golden files anew")


@pytest.fixture(scope="session")
def settings() -> report.ReportSettings:
    return report.settings(Config())
