# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot cache`` shows what is there, and prunes what the settings or --to say."""

import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from reviewbot.cli.main import cli
from reviewbot.tools.cache import Cache

OLD = time.time() - 3 * 24 * 3600


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Cache(tmp_path / "reviewbot")


def fill(cache: Cache) -> Path:
    place = cache.layer("base", "k" * 20, lambda part: (part / "f").write_bytes(b"x" * (1 << 20)))
    cache.release()
    os.utime(place, (OLD, OLD))
    return place


def test_shows_layers_sizes_and_the_budget(cache: Cache) -> None:
    place = fill(cache)
    shown = CliRunner().invoke(cli, ["cache"], catch_exceptions=False)
    assert shown.exit_code == 0
    assert f"3 days ago      {place.name}" in shown.output
    assert "of 40 GiB (cache.disk_gib)" in shown.output


def test_prunes_to_what_is_asked(cache: Cache) -> None:
    place = fill(cache)
    shown = CliRunner().invoke(cli, ["cache", "prune", "--to", "0"], catch_exceptions=False)
    assert shown.output == "removed 1 entries, 1.0 MiB; 0.0 MiB left\n"
    assert not place.exists()


def test_an_empty_cache_is_no_error(cache: Cache) -> None:
    shown = CliRunner().invoke(cli, ["cache"], catch_exceptions=False)
    assert shown.exit_code == 0
    assert not cache.root.exists()
