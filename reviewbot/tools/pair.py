# SPDX-License-Identifier: GPL-2.0-only
"""Run the same selftests on base and series side by side."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from reviewbot.model.test import TestBinary, TestRun
from reviewbot.tools import share_out, testbed
from reviewbot.tools.context import Tools
from reviewbot.tools.testbed import Kernel


def run(
    tools: Tools,
    base: Kernel,
    tip: Kernel,
    tests: Sequence[TestBinary],
    *,
    repeat: int,
    on_test: Callable[[str, str], None],
) -> tuple[TestRun, TestRun]:
    """First runs or repeats on both kernels, (base, tip); ``on_test`` gets "base" or "tip" and a name.

    Two guests at a time: most selftests use one processor (measured on two busy cores, ten tests on
    each kernel: 15 s side by side, 25 s one after the other), of either kernel: mostly the base has run all
    of them before.  When one fails, or the user presses Ctrl-C, both end.
    """
    cancel = threading.Event()
    lab = tools.config.lab
    slots = threading.Semaphore(2 * share_out.guests(lab.guests, lab.memory_mib))

    def one(which: str, kernel: Kernel) -> TestRun:
        try:
            return testbed.run(
                tools,
                kernel,
                tests,
                repeat=repeat,
                on_test=lambda name: on_test(which, name),
                cancel=cancel,
                slots=slots,
            )
        except BaseException:
            cancel.set()
            raise

    with ThreadPoolExecutor(max_workers=2) as pool:
        futures = [pool.submit(one, "base", base), pool.submit(one, "tip", tip)]
        try:
            first, second = (future.result() for future in futures)
        except BaseException:
            cancel.set()
            raise
    return first, second
