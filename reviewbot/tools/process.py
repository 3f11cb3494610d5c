# SPDX-License-Identifier: GPL-2.0-only
"""The only place that starts other programs.

Every child gets its own session (one signal ends the whole group), a wall-clock limit, a cap on
what is kept of its output, a scrubbed environment, and dies with us (PR_SET_PDEATHSIG).
"""

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from reviewbot.model.errors import InfrastructureError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OUTPUT_LIMIT = 64 * 1024 * 1024
_PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h
_GRACE_SECONDS = 2.0
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What a child left.  ``returncode`` is negative for a signal; ``timed_out`` when we ended it."""

    argv: tuple[str, ...]
    returncode: int
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool = False
    truncated: bool = False

    @property
    def ok(self) -> bool:
        """True for exit status 0 within the time limit."""
        return self.returncode == 0 and not self.timed_out

    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 become U+FFFD."""
        return self.stdout.decode("utf-8", "replace")

    def complaint(self) -> str:
        """The last non-empty line of what it printed, to put into an error message."""
        lines = (self.stderr or self.stdout).decode("utf-8", "replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        if self.timed_out:
            return f"no answer within {self.seconds:.0f} s"
        return said[-1] if said else f"exit status {self.returncode}"


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """A minimal environment: fixed PATH, C.UTF-8, UTC; nothing of the caller's but ``extra``."""
    return {"PATH": PATH, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC", **(extra or {})}


def run(
    argv: Sequence[str | Path],
    *,
    timeout: float,
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    merge: bool = False,
    output_limit: int = OUTPUT_LIMIT,
    on_line: Callable[[str], None] | None = None,
    pass_fds: Sequence[int] = (),
    group_exit: bool = True,
    stop: threading.Event | None = None,
) -> Completed:
    """Run ``argv`` to its end and return what it left.

    ``env`` is added to :func:`clean_environment`.  ``merge`` sends standard error to standard output.
    ``on_line`` sees every line of standard output as it comes.  ``group_exit`` ends whatever the
    child left running in its process group.  ``stop``, when set by another thread, ends it as the time
    limit does.  Raises InfrastructureError when it cannot be started.
    A non-zero exit or a time-out is returned, not raised.
    """
    words = tuple(str(word) for word in argv)
    started = time.monotonic()
    child = _start(words, cwd=cwd, env=clean_environment(env), merge=merge, pass_fds=pass_fds)
    pump = _Pump(child, stdin, output_limit, on_line)
    timed_out = False
    try:
        timed_out = not pump.until(started + timeout, stop)
    finally:
        if group_exit or timed_out or child.poll() is None:
            end_group(child)
        pump.close()
    return Completed(
        argv=words,
        returncode=child.returncode,
        stdout=bytes(pump.kept["stdout"]),
        stderr=bytes(pump.kept["stderr"]),
        seconds=time.monotonic() - started,
        timed_out=timed_out,
        truncated=pump.truncated,
    )


def _die_with_parent(parent: int) -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was killed before we asked for that
        os._exit(1)


def _start(
    argv: tuple[str, ...],
    *,
    cwd: str | Path | None,
    env: dict[str, str],
    merge: bool,
    pass_fds: Sequence[int],
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merge else subprocess.PIPE,
            start_new_session=True,
            pass_fds=tuple(pass_fds),
            preexec_fn=partial(_die_with_parent, os.getpid()),  # noqa: PLW1509 - one prctl, no locks taken
        )
    except FileNotFoundError as error:
        missing = cwd if cwd and not Path(cwd).is_dir() else argv[0]
        raise InfrastructureError(
            f"{missing}: not found; 'reviewbot doctor' says what to install"
        ) from error
    except OSError as error:
        raise InfrastructureError(f"{argv[0]}: cannot be started: {error.strerror}") from error


def end_group(child: subprocess.Popen[bytes]) -> None:
    """End the child's whole process group: TERM to a child still alive, KILL after a grace period."""
    if child.poll() is None:
        _signal_group(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_SECONDS)
    _signal_group(child.pid, signal.SIGKILL)
    child.wait()


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


class _Pump:
    """Moves bytes between us and the child without ever blocking past a deadline."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        stdin: bytes,
        limit: int,
        on_line: Callable[[str], None] | None,
    ) -> None:
        self.child = child
        self.kept = {"stdout": bytearray(), "stderr": bytearray()}
        self.truncated = False
        self._limit = limit
        self._on_line = on_line
        self._partial = b""
        self._unsent = memoryview(stdin)
        self._selector = selectors.DefaultSelector()
        for name in ("stdout", "stderr"):
            if stream := getattr(child, name):
                self._selector.register(stream, selectors.EVENT_READ, name)
        if child.stdin and stdin:
            os.set_blocking(child.stdin.fileno(), False)
            self._selector.register(child.stdin, selectors.EVENT_WRITE, "stdin")
        elif child.stdin:
            child.stdin.close()

    def until(self, deadline: float, stop: threading.Event | None = None) -> bool:
        """Pump until the child has exited (True), or the deadline passed or ``stop`` is set (False).

        The child's own exit counts, not end-of-file: a daemon it left may hold the pipe open.
        """
        while self._selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0 or (stop and stop.is_set()):
                return False
            events = self._selector.select(min(left, 0.5))
            for key, _ in events:
                self._move(key)
            if not events and self.child.poll() is not None:
                return True
        try:
            self.child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """Release the pipes; hand over a last line without newline."""
        if self._partial and self._on_line:
            self._on_line(self._partial.decode("utf-8", "replace"))
        self._selector.close()
        for stream in (self.child.stdin, self.child.stdout, self.child.stderr):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _move(self, key: selectors.SelectorKey) -> None:
        if key.data == "stdin":
            self._feed(key)
            return
        data = os.read(key.fd, 65536)
        if not data:
            self._selector.unregister(key.fileobj)
            return
        kept = self.kept[key.data]
        room = self._limit - len(kept)
        kept += data[:room]
        self.truncated = self.truncated or len(data) > room
        if key.data == "stdout" and self._on_line:
            *lines, self._partial = (self._partial + data).split(b"\n")
            self._partial = self._partial[-65536:]
            for line in lines:
                self._on_line(line.decode("utf-8", "replace"))

    def _feed(self, key: selectors.SelectorKey) -> None:
        try:
            sent = os.write(key.fd, self._unsent[:65536])
        except BrokenPipeError:
            sent = len(self._unsent)
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self._selector.unregister(key.fileobj)
            if self.child.stdin:
                self.child.stdin.close()
