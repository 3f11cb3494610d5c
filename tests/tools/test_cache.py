# SPDX-License-Identifier: GPL-2.0-only
"""What has its final name is whole, whatever happened while it was written."""

import hashlib
import threading
from pathlib import Path

import pytest

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.status import Status
from reviewbot.tools import process
from reviewbot.tools.cache import Cache


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_blobs_are_named_by_content(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello")
    assert cache.put(b"hello") == hashlib.sha256(b"hello").hexdigest()
    assert cache.put_file(tmp_path / "file") == cache.put(b"hello")
    assert cache.get(cache.put(b"hello")) == b"hello"


def test_a_pruned_blob_is_a_clear_error(cache: Cache) -> None:
    with pytest.raises(InfrastructureError, match="no longer in the cache"):
        cache.get("0" * 64)


def test_results_come_back_typed_and_damage_counts_as_none(cache: Cache) -> None:
    key = "k" * 64
    assert cache.load("build", key, Status) is None
    cache.save("build", key, Status.PASS)
    assert cache.load("build", key, Status) is Status.PASS
    next(cache.root.rglob("*.json")).write_text('"pas')
    assert cache.load("build", key, Status) is None


def test_a_layer_is_built_once(cache: Cache) -> None:
    built: list[Path] = []

    def build(place: Path) -> None:
        built.append(place)
        (place / "done").write_text("1")

    threads = [
        threading.Thread(target=cache.layer, args=("base", "a" * 64, build)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1
    assert (cache.layer("base", "a" * 64, build) / "done").read_text() == "1"


def test_a_layer_is_on_the_disk_before_it_has_its_name(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A loss of power cannot be had here: seen is that what the cache waits for comes first.
    seen: list[tuple[list[str], bool]] = []
    real = process.run

    def run(argv: list[str | Path], **more: float) -> process.Completed:
        done = real(argv, **more)
        seen.append(([str(word) for word in argv], cache.has_layer("base", "a" * 64)))
        return done

    monkeypatch.setattr(process, "run", run)
    cache.layer("base", "a" * 64, lambda place: (place / "done").touch())
    ((argv, named),) = seen
    assert (argv[:2], argv[2].endswith(".part"), named) == (["sync", "-f"], True, False)


def test_a_layer_that_fails_or_was_killed_is_built_again(cache: Cache) -> None:
    def broken(place: Path) -> None:
        (place / "half").touch()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        cache.layer("base", "b" * 64, broken)
    left = cache.root / "layers" / ("base-" + "b" * 20 + ".part")
    left.mkdir(parents=True)  # as kill -9 would leave it
    (left / "half").touch()
    whole = cache.layer("base", "b" * 64, lambda place: (place / "whole").touch())
    assert [entry.name for entry in whole.iterdir()] == ["whole"]


def test_an_unwritable_place_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises((UserError, NotADirectoryError)):
        Cache(tmp_path / "file").put(b"x")
