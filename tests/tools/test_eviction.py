# SPDX-License-Identifier: GPL-2.0-only
"""The oldest goes first, what is used stays, and what a killed removal leaves is no layer."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reviewbot.tools import eviction
from reviewbot.tools.cache import Cache

MIB = 1 << 20
OLD = time.time() - 3 * 24 * 3600


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def layer(cache: Cache, name: str, *, age: float = 0.0, mib: int = 1) -> Path:
    """A layer with ``mib`` MiB, used ``age`` seconds before OLD, that no process uses."""
    place = cache.layer(name, "k" * 20, lambda part: _fill(part / "file", mib))
    cache.release()
    os.utime(place, (OLD - age, OLD - age))
    return place


def _fill(path: Path, mib: int) -> None:
    path.write_bytes(os.urandom(mib * MIB))


def test_nothing_goes_while_everything_fits(cache: Cache) -> None:
    place = layer(cache, "base")
    gone = eviction.keep_within(cache, 2 * MIB)
    assert not gone.entries
    assert place.is_dir()
    assert MIB <= gone.left < 2 * MIB


def test_the_layer_used_longest_ago_goes_first(cache: Cache) -> None:
    oldest, older, newest = (layer(cache, n, age=a) for n, a in (("a", 300), ("b", 200), ("c", 0)))
    gone = eviction.keep_within(cache, int(2.5 * MIB))
    assert [entry.path for entry in gone.entries] == [oldest]
    assert not oldest.exists()
    assert older.is_dir()
    assert newest.is_dir()


def test_using_a_layer_makes_it_young(cache: Cache) -> None:
    used, unused = layer(cache, "a", age=300), layer(cache, "b", age=200)
    layer(cache, "a")
    os.utime(used)
    eviction.keep_within(cache, int(1.5 * MIB))
    assert used.is_dir()
    assert not unused.exists()


def test_a_layer_in_use_by_another_process_stays_until_that_dies(cache: Cache) -> None:
    place = layer(cache, "base")
    script = (
        "import sys, pathlib\n"
        "from reviewbot.tools.cache import Cache\n"
        "Cache(pathlib.Path(sys.argv[1])).layer('base', 'k' * 20, None)\n"
        "print('holds', flush=True)\n"
        "sys.stdin.read()\n"
    )
    user = subprocess.Popen(
        [sys.executable, "-c", script, str(cache.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert user.stdout
        assert user.stdout.readline() == b"holds\n"
        os.utime(place, (OLD, OLD))
        entry = next(iter(eviction.entries(cache)))
        assert eviction.in_use(cache, entry)
        assert not eviction.keep_within(cache, 0).entries
        assert (place / "file").stat().st_size == MIB
    finally:
        user.kill()
        user.communicate()
    assert not eviction.in_use(cache, entry)
    assert eviction.keep_within(cache, 0).left == 0
    assert not place.exists()


def test_blobs_and_results_of_today_stay(cache: Cache) -> None:
    old, young = cache.put(b"o" * MIB), cache.put(b"y" * MIB)
    os.utime(cache.path(old), (OLD, OLD))
    eviction.keep_within(cache, 0)
    assert not cache.path(old).exists()
    assert cache.get(young)


def test_asking_for_a_blob_keeps_it(cache: Cache) -> None:
    digest = cache.put(b"o" * MIB)
    for ask in (cache.has, cache.get, lambda _: cache.put(b"o" * MIB)):
        os.utime(cache.path(digest), (OLD, OLD))
        assert ask(digest)
        assert not eviction.keep_within(cache, 0).entries


def test_a_removal_that_was_killed_is_finished(cache: Cache) -> None:
    place = layer(cache, "base")
    half = place.with_name(place.name + ".gone")
    place.rename(half)
    assert not list(eviction.entries(cache))
    eviction.keep_within(cache, MIB)
    assert not half.exists()


def test_a_removed_layer_is_built_again(cache: Cache) -> None:
    layer(cache, "base", mib=1)
    eviction.keep_within(cache, 0)
    place = layer(cache, "base", mib=2)
    assert (place / "file").stat().st_size == 2 * MIB
    assert sum(entry.size for entry in eviction.entries(cache)) >= 2 * MIB


WRITE = """
import sys, time
from pathlib import Path
from reviewbot.tools import cache
with cache._temporary(Path(sys.argv[1]) / "target") as stream:
    stream.write(b"half")
    stream.flush()
    print("writing", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_was_writing_goes_what_is_being_written_stays(cache: Cache) -> None:
    blobs = cache.root / "blobs/ab"
    blobs.mkdir(parents=True)
    killed, alive = (
        subprocess.Popen([sys.executable, "-c", WRITE, blobs], stdout=subprocess.PIPE)
        for _ in range(2)
    )
    for child in (killed, alive):
        assert child.stdout
        assert child.stdout.readline() == b"writing\n"
    killed.kill()
    killed.communicate()
    assert len(list(blobs.iterdir())) == 2
    for place in blobs.iterdir():
        os.utime(place, (OLD, OLD))
    eviction.keep_within(cache, 10 * MIB)
    (left,) = blobs.iterdir()
    alive.terminate()
    alive.communicate()
    eviction.keep_within(cache, 10 * MIB)
    assert not left.exists()


def test_a_layer_that_was_killed_half_made_goes_one_that_is_being_made_stays(cache: Cache) -> None:
    dead = cache.root / "layers/dead-kkkk.part"
    dead.mkdir(parents=True)
    _fill(dead / "file", 1)

    def build(part: Path) -> None:
        eviction.keep_within(cache, 10 * MIB)
        assert part.is_dir(), "removed while it was made"
        _fill(part / "file", 1)

    assert cache.layer("alive", "k" * 20, build).is_dir()
    assert not dead.exists()
