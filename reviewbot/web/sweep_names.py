# SPDX-License-Identifier: GPL-2.0-only
"""Branches as parts of addresses and of files' names: "kvm/queue" is kvm-queue.  Pure."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

_ODD = re.compile(r"[^0-9A-Za-z_-]")


def slugs(branches: Iterable[str]) -> dict[str, str]:
    """Slug -> branch; where two would be called the same, both get a few digits of their name's hash."""
    plain = {one: _plain(one) for one in branches}
    many = Counter(plain.values())
    return {
        slug if many[slug] == 1 else f"{slug}-{_digits(branch)}": branch
        for branch, slug in plain.items()
    }


def _plain(branch: str) -> str:
    slug = _ODD.sub("-", branch).lstrip("-_")
    return slug if 0 < len(slug) <= 60 else f"{slug[:50]}-{_digits(branch)}".lstrip("-")


def _digits(branch: str) -> str:
    return hashlib.sha256(branch.encode("utf-8", "replace")).hexdigest()[:8]
