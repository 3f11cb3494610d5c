# SPDX-License-Identifier: GPL-2.0-only
"""JSON in and out for every model class, by msgspec; types are checked on the way in."""

import hashlib
from typing import Any, TypeVar

import msgspec

from reviewbot.model.errors import InfrastructureError

T = TypeVar("T")


def to_json(value: object) -> bytes:
    """One line of JSON with keys in a fixed order, so that it can be hashed."""
    return msgspec.json.encode(value, order="sorted")


def from_json(data: bytes, kind: type[T]) -> T:
    """Read what :func:`to_json` wrote.  Raises InfrastructureError when it does not fit ``kind``."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise InfrastructureError(f"stored {kind.__name__} is not readable: {error}") from error


def key_of(*parts: Any) -> str:
    """The content key of some inputs: sha256, 64 hex digits."""
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()
