# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures every test may use."""

import os
from pathlib import Path

import hypothesis
import pytest
from debian import kernel_tree as debians

from reviewbot.model.config import Config
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools

CHECKOUT = Path(__file__).resolve().parent.parent

# How long an example takes is the machine's business: no test fails because others keep it busy.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write golden files anew")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests first: who broke something small hears of it within a minute or two."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real mails that developers have beside the checkout; absent for everyone else."""
    place = Path(os.environ.get("REVIEWBOT_SHARED", CHECKOUT.parent / "shared"))
    if not (place / "lore").is_dir():
        pytest.skip(f"needs the real mails of {place}; set REVIEWBOT_SHARED")
    return place


@pytest.fixture(scope="session")
def kernel_tree() -> Path:
    """Debian's 6.12 as a git tree, in the cache that the product uses."""
    return debians()


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    """Tools with an empty cache and scratch directory, default settings and silent progress."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Tools(
        config=Config(),
        cache=Cache(tmp_path / "cache"),
        scratch=scratch,
        progress=lambda _stage, _message: None,
    )
