# SPDX-License-Identifier: GPL-2.0-only
"""What was parsed, remembered: for all rules of a review, and what is dear for the next one."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from weakref import WeakValueDictionary

from reviewbot.parse.clang import HeadersUnreadableError

if TYPE_CHECKING:
    from reviewbot.parse.c import CFile

T = TypeVar("T")

_RECENT_BYTES = 80 * 1024 * 1024
"""Texts and syntax trees kept at a time: a series of 60 patches has 60 versions of x86.c."""


class Keep(Protocol):
    """Where facts outlive a review: the base's are the same for the next series."""

    def load(self, key: Hashable, kind: type[T]) -> T | None:
        """What was kept under the key, or None."""

    def save(self, key: Hashable, value: object) -> None:
        """Keep a value, a dataclass or a dictionary of them."""


class Facts:
    """What was parsed so far, by kind and blob ids; failures are remembered as well."""

    def __init__(self, keep: Keep | None = None) -> None:
        self._known: dict[Hashable, Any] = {}
        self._recent: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._weight = 0
        self._keep = keep
        self.versions: WeakValueDictionary[str, CFile] = WeakValueDictionary()
        """The version of each C file that was parsed last, for the next one, unless it went."""

    def recent(self, key: Hashable, weight: Callable[[T], int], make: Callable[[], T]) -> T:
        """As :func:`of`, for what is large and quick to make again: the least recently used goes.

        ``weight`` says about how many bytes of memory a value takes.
        """
        if key in self._recent:
            self._recent.move_to_end(key)
            return self._recent[key][0]  # type: ignore[no-any-return]
        value = make()
        size = weight(value)
        self._recent[key] = value, size
        self._weight += size
        while self._weight > _RECENT_BYTES and len(self._recent) > 1:
            _, (_, freed) = self._recent.popitem(last=False)
            self._weight -= freed
        return value

    def kept(self, key: Hashable, kind: type[T], make: Callable[[], T]) -> T:
        """As :func:`of`, for what is slow to make and worth keeping for the next review."""
        return self.of(key, lambda: self._load_or_make(key, kind, make))

    def _load_or_make(self, key: Hashable, kind: type[T], make: Callable[[], T]) -> T:
        if self._keep is None:
            return make()
        value = self._keep.load(key, kind)
        if value is None:
            value = make()
            self._keep.save(key, value)
        return value

    def of(self, key: Hashable, make: Callable[[], T]) -> T:
        """The remembered value of ``key``, made by ``make()`` the first time."""
        if key not in self._known:
            try:
                self._known[key] = make()
            except HeadersUnreadableError as error:
                self._known[key] = error
        value = self._known[key]
        if isinstance(value, HeadersUnreadableError):
            raise value
        return value  # type: ignore[no-any-return]
