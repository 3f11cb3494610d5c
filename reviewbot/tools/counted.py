# SPDX-License-Identifier: GPL-2.0-only
"""Run selftests on a kernel that counts, and say what each of them executed.

A few tests share a guest: counters are set to zero before each, so nothing of one is said of another.
What ran before the first - a module's init functions, kvm_set_cpu_caps() - runs in no test, and is told apart.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from reviewbot.model.test import TestBinary, TestResult
from reviewbot.parse import counters
from reviewbot.tools import kbuild, testbed
from reviewbot.tools.context import Tools
from reviewbot.tools.guest_results import Session
from reviewbot.tools.share_out import alike
from reviewbot.tools.testbed import Kernel

_TESTS_A_GUEST = 8  # a boot costs 4 s under emulation; what a lost guest did not send is run again
_GUESTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One test's result and counters (.gcda files by path in the object tree; none: guest lost)."""

    result: TestResult
    counters: dict[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Tests that shared a guest, and the counters of ``loading`` its modules (none: guest lost)."""

    tests: tuple[Counted, ...]
    loading: dict[str, bytes]


def run(
    tools: Tools,
    kernel: Kernel,
    tests: Sequence[TestBinary],
    *,
    on_test: Callable[[str], None],
) -> Iterator[Batch]:
    """Run ``tests``, some to a guest, in order but for module parameters: a guest has one set of them.

    Yields what each batch counted.  A test that takes its guest down has a result without counters.
    """
    cancel = threading.Event()

    def one(batch: Sequence[TestBinary]) -> Batch:
        return _batch(tools, kernel, batch, on_test, cancel)

    with ThreadPoolExecutor(max_workers=_GUESTS) as pool:
        futures = [pool.submit(one, batch) for batch in batches(tests)]
        try:
            for future in futures:
                yield future.result()
        finally:
            cancel.set()
            for future in futures:
                future.cancel()


def batches(tests: Sequence[TestBinary]) -> Iterator[Sequence[TestBinary]]:
    """Tests as they share guests, some at a time."""
    for group in alike(tests):
        yield from (group[at : at + _TESTS_A_GUEST] for at in range(0, len(group), _TESTS_A_GUEST))


def _batch(
    tools: Tools,
    kernel: Kernel,
    tests: Sequence[TestBinary],
    on_test: Callable[[str], None],
    cancel: threading.Event,
) -> Batch:
    session = Session(results={}, boots=[], logs=[])
    found: dict[str, dict[str, bytes]] = {}
    loading: dict[str, bytes] = {}
    names = {testbed.plain(test.name): test.name for test in tests}
    pending = [replace(test, name=testbed.plain(test.name)) for test in tests]
    kernel = replace(kernel, parameters=tests[0].parameters)
    while pending and not cancel.is_set():
        life = testbed.boot(
            tools,
            kernel,
            pending,
            on_test=lambda test: on_test(names[test.name]),
            cancel=cancel,
            counters=kbuild.OBJECTS,
        )
        for number, archive in counters.frames(life.counters).items():
            if number == 0:
                loading = counters.unpack(archive)
            elif number <= len(pending):
                found[names[pending[number - 1].name]] = counters.unpack(archive)
        pending = session.take(life, pending)
    results = session.named(names).results
    return Batch(
        tests=tuple(
            Counted(result=results[test.name], counters=found.get(test.name, {}))
            for test in tests
            if test.name in results
        ),
        loading=loading,
    )
