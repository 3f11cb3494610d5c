# SPDX-License-Identifier: GPL-2.0-only
"""Keep the cache within its disk budget: what was used longest ago goes first.

Never removed are layers that a living process uses (:meth:`reviewbot.tools.cache.Cache.layer` pins
them), what was used within the last hours (a review that runs may come back to it), imported trees
and object stores (git knows what it needs).  A removed entry is only made again when it is needed.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reviewbot.tools import removal
from reviewbot.tools.cache import IN_USE, UNFINISHED, Cache

FRESH_SECONDS = 12 * 3600.0
"""Blobs and results used this recently stay: longer than any review takes."""

GIB = 1 << 30
_LOW_WATER = 0.9  # of the budget: making room for one entry at a time would scan at every review
_GONE = ".gone"
_PART = ".part"
_MOMENT = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that can be removed by itself.  ``used`` is seconds since the epoch."""

    kind: str
    path: Path
    size: int
    used: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evicted:
    """What a call of :func:`keep_within` removed, and the bytes that are left."""

    entries: tuple[Entry, ...]
    left: int


def entries(cache: Cache) -> Iterator[Entry]:
    """Layers, blobs and results, in no order.  Sizes are those on the disk, in bytes."""
    layers = cache.root / "layers"
    for place in _inside(layers):
        if place.is_dir() and not place.name.endswith((_PART, _GONE)):
            with contextlib.suppress(FileNotFoundError):
                used = place.stat().st_mtime
                yield Entry(kind="layer", path=place, size=_layer_size(cache, place), used=used)
    for kind in ("blobs", "results"):
        for directory, _, names in os.walk(cache.root / kind):
            for name in names:
                if name.startswith(UNFINISHED):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    status = Path(directory, name).lstat()
                    yield Entry(
                        kind=kind.removesuffix("s"),
                        path=Path(directory, name),
                        size=status.st_blocks * 512,
                        used=status.st_mtime,
                    )


def keep_within(cache: Cache, budget: int, *, now: float | None = None) -> Evicted:
    """Remove what was used longest ago until the rest fits into ``budget`` bytes.

    When it must remove at all it goes down to nine tenths.  What is in use stays, so that the rest
    may still be larger.  Two processes may do this at once.
    """
    _drop_remains(cache)
    everything = sorted(entries(cache), key=lambda entry: entry.used)
    left = sum(entry.size for entry in everything)
    if left <= budget:
        return Evicted(entries=(), left=left)
    moment = time.time() if now is None else now
    removed = []
    for entry in everything:
        if left <= budget * _LOW_WATER:
            break
        if _remove(cache, entry, moment):
            removed.append(entry)
            left -= entry.size
    return Evicted(entries=tuple(removed), left=left)


def in_use(cache: Cache, entry: Entry) -> bool:
    """Whether a living process uses a layer."""
    if entry.kind != "layer":
        return False
    with cache.lock_file(f"{entry.path.name}{IN_USE}") as stream:
        return not _locked(stream.fileno())


def _remove(cache: Cache, entry: Entry, now: float) -> bool:
    if entry.kind != "layer":
        if now - entry.used < FRESH_SECONDS:
            return False
        with contextlib.suppress(FileNotFoundError):
            entry.path.unlink()
        return True
    name = entry.path.name
    # The maker's lock first, then the users': the order in which Cache.layer takes them.
    with cache.lock_file(name) as maker, cache.lock_file(f"{name}{IN_USE}") as users:
        if not (_locked(maker.fileno()) and _locked(users.fileno())):
            return False
        gone = entry.path.with_name(name + _GONE)
        with contextlib.suppress(FileNotFoundError):
            entry.path.rename(gone)
    removal.remove(gone, ignore_errors=True)
    _size_file(cache, entry.path).unlink(missing_ok=True)
    return True


def _drop_remains(cache: Cache) -> None:
    """Remove what killed processes have left: half-removed and half-made layers, half-written files."""
    for place in _inside(cache.root / "layers"):
        if place.name.endswith(_GONE):
            removal.remove(place, ignore_errors=True)
        elif place.name.endswith(_PART):
            with cache.lock_file(place.name.removesuffix(_PART)) as maker:
                if _locked(maker.fileno()):
                    removal.remove(place, ignore_errors=True)
    for kind in ("blobs", "results"):
        for place in (cache.root / kind).rglob(f"{UNFINISHED}*"):
            with contextlib.suppress(OSError):
                _drop_unfinished(place)


def _drop_unfinished(place: Path) -> None:
    with place.open("rb") as stream:
        age = time.time() - os.fstat(stream.fileno()).st_mtime
        # A moment passes between making and locking it.
        if not 0 <= age < _MOMENT and _locked(stream.fileno()):
            place.unlink()


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _layer_size(cache: Cache, place: Path) -> int:
    """Bytes of a layer.  It never changes, so they are counted once: it has 100,000 files."""
    known = _size_file(cache, place)
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(known.read_text("ascii"))
    size = _disk_size(place)
    with contextlib.suppress(OSError):
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(f"{size}\n", "ascii")
    return size


def _disk_size(place: Path) -> int:
    size = 0
    for directory, names, files in os.walk(place):
        for name in (*names, *files):
            with contextlib.suppress(FileNotFoundError):
                size += Path(directory, name).lstat().st_blocks * 512
    return size


def _size_file(cache: Cache, place: Path) -> Path:
    return cache.root / "locks" / f"{place.name}.size"


def _inside(directory: Path) -> Iterable[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else ()
