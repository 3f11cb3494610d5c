# SPDX-License-Identifier: GPL-2.0-only
"""Start a guest in the sandbox, watch it, and say how it ended.

QEMU's own output, the guest's console and its results are three files in one directory of the guest's
own.  Progress is what makes them grow; init's heartbeat (``reviewbot/guest/init``) keeps a silent test from looking
like a hang.  QEMU is ended with its sandbox, so that one that no longer answers its monitor dies too.
"""

import os
import shlex
import shutil
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from reviewbot.model.errors import InfrastructureError, UserError
from reviewbot.model.guest import Accelerator, BootResult, GuestSpec, Outcome
from reviewbot.parse import console, guest
from reviewbot.tools import process, sandbox
from reviewbot.tools.cache import Cache, writing
from reviewbot.tools.process import Completed
from reviewbot.tools.qemu_command import ALIVE, CONSOLE, COUNTERS, RESULTS, arguments
from reviewbot.tools.sandbox import Bind, Limits

_INSIDE = "/guest"
_POLL = 0.02
_GRACE = 10.0  # seconds between a guest's last word and its power-off
_UNKILLABLE = 30.0  # seconds after a test's own limit (and its KILL 5 s later) before we say "hung"
_OUTPUT = 64 << 20  # bytes of console or results; a guest that prints more is ended by the limit
_SAID = (
    16 << 20
)  # bytes of results that are read; init cuts what a test prints, so more comes from no test of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """How a guest ended and what it said: the result port's text, the counter port's bytes."""

    boot: BootResult
    results: str
    counters: bytes = b""


def find(name: str) -> str:
    """Path of the emulator.  Raises UserError when it is not installed."""
    found = shutil.which(name, path=process.PATH)
    if not found:
        raise UserError(f"no QEMU: {name} not found; apt install qemu-system-x86")
    return found


def version(name: str) -> str:
    """The emulator's version, such as "7.2.22".  Raises UserError when it is not installed."""
    done = process.run([find(name), "--version"], timeout=20)
    words = done.text().split()
    if not done.ok or "version" not in words:
        raise InfrastructureError(f"{name} --version: {done.complaint()}")
    return words[words.index("version") + 1]


def run(
    spec: GuestSpec,
    *,
    place: Path,
    cache: Cache,
    on_test: Callable[[guest.Started], None] | None = None,
    on_done: Callable[[str, str], None] | None = None,
    cancel: threading.Event | None = None,
) -> Life:
    """Boot a guest and wait for its end.

    ``place`` is a new directory for it, removed afterwards.  ``on_test`` is told of every test that
    starts, ``on_done`` gets results and console so far whenever one has ended.  Setting ``cancel`` ends the guest; so does an exception here (Ctrl-C).  Raises UserError
    without QEMU, InfrastructureError when the sandbox or the disk fail.  A guest that crashes, hangs
    or is lost is an :class:`Outcome`.
    """
    find(spec.host.qemu)
    streams = _prepare(spec, place)
    watch = _Watch(
        spec=spec,
        streams=streams,
        on_test=on_test,
        on_done=on_done,
        cancel=cancel or threading.Event(),
    )
    try:
        with ThreadPoolExecutor(max_workers=1) as pool:
            running = pool.submit(_start, spec, place, watch.stop)
            try:
                watch.until_end(running)
            finally:
                watch.stop.set()
        return watch.life(running.result(), cache)
    finally:
        for stream in streams.values():
            os.close(stream)
        shutil.rmtree(place, ignore_errors=True)


def _prepare(spec: GuestSpec, place: Path) -> dict[str, int]:
    """Lay out the directory; our own descriptors of the output files, whatever replaces them later."""
    with writing(place):
        place.mkdir(parents=True)
        sandbox.give(place)
        for source, name in ((spec.kernel, "bzImage"), (spec.initramfs, "initramfs.cpio")):
            shutil.copyfile(source, place / name)
            (place / name).chmod(0o644)
        streams = {}
        for name in (CONSOLE, RESULTS, ALIVE, COUNTERS):
            streams[name] = os.open(place / name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
            sandbox.give(place / name)
    return streams


def _start(spec: GuestSpec, place: Path, stop: threading.Event) -> Completed:
    kvm = spec.host.accelerator is Accelerator.KVM
    return sandbox.run(
        arguments(spec),
        timeout=spec.timeout + _GRACE * 3,
        mounts=[Bind(source=place, target=_INSIDE, writable=True)],
        devices=[Path("/dev/kvm")] if kvm else [],
        cwd=_INSIDE,
        merge=True,
        limits=Limits(
            memory=(spec.memory_mib + 6144) << 20,
            total_memory=(spec.memory_mib + 2048) << 20,
            processors=spec.cpus + 1,
            file=_OUTPUT,
            cpu=int(spec.timeout * (spec.cpus + 1)) + 60,
        ),
        output_limit=1 << 20,
        stop=stop,
    )


@dataclass(slots=True)
class _Watch:
    """Reads the files as they grow and decides when it is over."""

    spec: GuestSpec
    streams: dict[str, int]
    on_test: Callable[[guest.Started], None] | None
    on_done: Callable[[str, str], None] | None
    cancel: threading.Event
    stop: threading.Event = field(default_factory=threading.Event)
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    up_after: float | None = None
    verdict: Outcome | None = None
    ours: bool = False
    _moved: float = 0.0
    _seen: dict[str, int] = field(default_factory=dict)
    _line: str = ""
    _panic: bool = False
    _last_word: float | None = None
    _test_deadline: float | None = None

    def until_end(self, running: "Future[Completed]") -> None:
        """Return when QEMU has gone, or when it should be ended (``verdict`` says why)."""
        self._moved = time.monotonic()
        while not running.done() and self.verdict is None:
            time.sleep(_POLL)
            now = time.monotonic()
            self._grow(now)
            self.verdict = self._judge(now)
            if self._last_word is not None and now > self._last_word + _GRACE:
                break
        self.ours = not running.done()
        self.stop.set()
        wait((running,))
        self.ended = time.monotonic()
        self._grow(self.ended)

    def _judge(self, now: float) -> Outcome | None:
        if self.cancel.is_set():
            return Outcome.INFRA
        if self._last_word is not None:
            return None
        if self._seen.get(RESULTS, 0) > _SAID:
            return Outcome.LOST
        if now > self.began + self.spec.timeout:
            return Outcome.TIMEOUT
        if now > self._moved + self.spec.hang_timeout:
            return Outcome.HUNG
        if self._test_deadline is not None and now > self._test_deadline:
            return Outcome.HUNG
        return None

    def _grow(self, now: float) -> None:
        for name, handle in self.streams.items():
            size = os.fstat(handle).st_size
            before = self._seen.get(name, 0)
            if size <= before:
                continue
            self._moved, self._seen[name] = now, size
            if name == RESULTS:
                self._results(os.pread(handle, min(size, _SAID) - min(before, _SAID), before), now)
            elif name == CONSOLE and not self._panic:
                self._look_for_panic(max(0, before - 64), size, now)

    def _look_for_panic(self, start: int, end: int, now: float) -> None:
        text = os.pread(self.streams[CONSOLE], end - start, start).decode("utf-8", "replace")
        if console.panicked(text):
            self._panic, self._last_word = True, now

    def _results(self, data: bytes, now: float) -> None:
        """What is new on the port.  However many tests ended at once, the whole is read again once."""
        *lines, self._line = (self._line + data.decode("utf-8", "replace")).split("\n")
        ended = False
        for line in lines:
            if line.startswith(guest.OWN + "up ") and self.up_after is None:
                self.up_after = now - self.began
            elif test := guest.started(line):
                self._test_deadline = now + test.limit + 5.0 + _UNKILLABLE
                if self.on_test:
                    self.on_test(test)
            elif guest.is_done(line):
                self._test_deadline = None
            elif line.startswith(("ok ", "not ok ")):
                ended = True
            elif line in {guest.OWN + "finished", guest.OWN + "stopped"}:
                self._last_word = now
        if ended and self.on_done:
            self.on_done(self._text(RESULTS), self._text(CONSOLE))

    def life(self, done: Completed, cache: Cache) -> Life:
        """Sum it up once QEMU has gone."""
        log = self._text(CONSOLE)
        results = self._text(RESULTS)
        said = guest.report(results)
        outcome = self._outcome(done, said, log)
        last = console.last_lines(log)
        if outcome is Outcome.INFRA:
            killed = "" if self.ours else killed_by(done)
            last = (*last, killed) if killed else last or (done.complaint(),)
        boot = BootResult(
            outcome=outcome,
            seconds=round(self.ended - self.began, 2),
            boot_seconds=None if self.up_after is None else round(self.up_after, 2),
            command=shlex.join(arguments(self.spec)),
            console=cache.put(log.encode()),
            last_lines=last,
            crashes=console.crashes(log),
            module_error=said.module_error,
        )
        counters = self._bytes(COUNTERS) if self.spec.counters else b""
        return Life(boot=boot, results=results, counters=counters)

    def _outcome(self, done: Completed, said: guest.GuestReport, log: str) -> Outcome:
        if console.panicked(log):
            return Outcome.PANIC
        if said.finished or said.stopped:
            return Outcome.FINISHED
        if self.verdict is not None:
            return self.verdict
        if done.timed_out:
            return Outcome.TIMEOUT
        if not self.ours and killed_by(done):
            return Outcome.INFRA
        return Outcome.LOST if log or results_seen(said) else Outcome.INFRA

    def _text(self, name: str) -> str:
        return self._bytes(name).decode("utf-8", "replace")

    def _bytes(self, name: str) -> bytes:
        handle = self.streams[name]
        most = _SAID if name == RESULTS else _OUTPUT
        return os.pread(handle, min(os.fstat(handle).st_size, most), 0)


def killed_by(done: Completed) -> str:
    """What ended an emulator that we did not end, as a sentence; "" when it ended by itself.

    A guest can make QEMU exit (0 or 1), or print until the file limit's SIGXFSZ; other signals come
    from the host, such as its out-of-memory killer, or from a bug in the emulator.
    """
    number = -done.returncode if done.returncode < 0 else done.returncode - 128
    if number > 0 and number != signal.SIGXFSZ:
        return f"QEMU was ended by signal {number}, by its host and not by the guest"
    # QEMU shuts down properly on these: qemu_kill_report() in softmmu/runstate.c.
    if b"terminating on signal" in done.stdout:
        return "QEMU was told to end by somebody else on this host"
    return ""


def results_seen(said: guest.GuestReport) -> bool:
    """True when the guest's init said anything at all."""
    return said.up is not None or bool(said.module_error)
