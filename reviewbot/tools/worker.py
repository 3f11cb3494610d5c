# SPDX-License-Identifier: GPL-2.0-only
"""Do work in a forked child that may hang, crash or eat memory without taking us along.

libclang can not be interrupted from Python and reads text from strangers, so rules run here.  No
program is started (that is tools.process): the child is a copy of ourselves that only computes.
"""

import ctypes
import faulthandler
import gc
import os
import resource
import select
import signal
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from reviewbot.model.codec import from_json, to_json
from reviewbot.model.errors import InfrastructureError

Item = TypeVar("Item")
Result = TypeVar("Result")

_MESSAGE_LIMIT = 64 * 1024 * 1024
_PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h
# Facts live as long as the child, so looking for garbage as often as Python does (700) finds none.
_COLLECT = 20_000
_LENGTH = struct.Struct("!I")
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """No result for one item; ``reason`` says what became of the child."""

    reason: str
    seconds: float


def run_each(
    items: Sequence[Item],
    work: Callable[[Item], Result],
    kind: type[Result],
    *,
    seconds: float,
    memory: int,
) -> Iterator[Result | Lost]:
    """``work(item)`` for every item, in order, all in one child; what it learns it keeps.

    ``kind`` is the result's dataclass (it travels as JSON).  An item that takes longer than
    ``seconds``, or whose child dies, is Lost; a new child then goes on with the next item.
    ``memory`` limits the child's data, in bytes.
    """
    position = 0
    while position < len(items):
        child = _Child(items[position:], work, memory)
        try:
            while position < len(items):
                started = time.monotonic()
                answer = child.receive(started + seconds)
                position += 1
                if isinstance(answer, str):
                    yield Lost(reason=answer, seconds=time.monotonic() - started)
                    break
                yield from_json(answer, kind)
        finally:
            child.end()


def run_together(
    items: Sequence[Item],
    work: Callable[[Item], Result],
    kind: type[Result],
    *,
    seconds: float,
    memory: int,
) -> list[Result | Lost]:
    """As :func:`run_each`, with a child for every item, all at the same time."""
    started = time.monotonic()
    children = [_Child([item], work, memory) for item in items]
    try:
        answers = [child.receive(started + seconds) for child in children]
    finally:
        for child in children:
            child.end()
    return [
        Lost(reason=answer, seconds=time.monotonic() - started)
        if isinstance(answer, str)
        else from_json(answer, kind)
        for answer in answers
    ]


class _Child:
    """A forked copy of ourselves that works through items and writes results to a pipe."""

    def __init__(self, items: Sequence[Item], work: Callable[[Item], object], memory: int) -> None:
        self._fd, write_end = os.pipe()
        try:
            self._pid = os.fork()
        except OSError as error:
            raise InfrastructureError(f"cannot fork: {error.strerror}") from error
        if not self._pid:
            _be_child(items, work, memory, write_end)
        os.close(write_end)

    def receive(self, deadline: float) -> bytes | str:
        """One result, or the reason why there is none."""
        head = self._read(_LENGTH.size, deadline)
        if isinstance(head, str):
            return head
        (length,) = _LENGTH.unpack(head)
        if length > _MESSAGE_LIMIT:
            return "its answer is too large"
        return self._read(length, deadline)

    def end(self) -> None:
        """Make sure that the child is gone."""
        os.close(self._fd)
        try:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass

    def _read(self, length: int, deadline: float) -> bytes | str:
        data = b""
        while len(data) < length:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._fd], [], [], left)[0]:
                return "time limit exceeded"
            piece = os.read(self._fd, length - len(data))
            if not piece:
                return f"its process died ({self._cause()})"
            data += piece
        return data

    def _cause(self) -> str:
        try:
            _, status = os.waitpid(self._pid, 0)
        except ChildProcessError:
            return "unknown cause"
        code = os.waitstatus_to_exitcode(status)
        return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def _be_child(items: Sequence[Item], work: Callable[[Item], object], memory: int, fd: int) -> None:
    """Never returns.  The parent's buffers, handlers and output are left alone."""
    status = 1
    try:
        faulthandler.disable()  # a crash is an answer here, not news for the terminal
        gc.freeze()  # what was the parent's stays: looking through it would only copy its pages
        gc.set_threshold(_COLLECT)
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        for item in items:
            data = to_json(work(item))
            _write(fd, _LENGTH.pack(len(data)) + data)
        status = 0
    except MemoryError:
        status = 3
    finally:
        os._exit(status)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
