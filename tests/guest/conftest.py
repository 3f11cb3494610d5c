# SPDX-License-Identifier: GPL-2.0-only
"""``pytest tests/guest --update`` writes the expectations beside the logs anew; read the diff."""

import contextlib
import json
from pathlib import Path

import msgspec
import pytest


def pytest_addoption(parser):
    with contextlib.suppress(ValueError):  # another directory's conftest was first
        parser.addoption("--update", action="store_true", help="write golden files anew")


@pytest.fixture
def expect(request):
    """Compare a value with the JSON file beside a log, or write it with --update."""

    def compare(value, log: Path):
        golden = log.with_suffix(".json")
        text = json.dumps(msgspec.to_builtins(value), indent=1, ensure_ascii=False) + "\n"
        if request.config.getoption("--update", default=False):
            golden.write_text(text)
        assert golden.is_file(), f"no {golden}: run 'pytest tests/guest --update' and read it"
        assert json.loads(text) == json.loads(golden.read_text()), (
            f"{log.name} reads differently now; if that is right: pytest tests/guest --update"
        )

    return compare
