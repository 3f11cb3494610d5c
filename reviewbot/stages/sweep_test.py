# SPDX-License-Identifier: GPL-2.0-only
"""Run the whole suite of selftests on a branch's tip, over parallel guests, the longest tests first.

Every night executes every test: a result that another night left would be no observation of this one.
What an interrupted night got to is kept under the name of that night's work, and taken up again.
"""

import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from reviewbot.model.build import Image
from reviewbot.model.codec import key_of
from reviewbot.model.guest import Host
from reviewbot.model.profile import Profile
from reviewbot.model.run import Stage
from reviewbot.model.status import Status
from reviewbot.model.sweep import Kind, Seen
from reviewbot.model.test import TestBinary, TestRun
from reviewbot.stages import selftests
from reviewbot.tools import kselftest, share_out, testbed
from reviewbot.tools.context import Tools
from reviewbot.tools.objects import TreeView

_BATCHES = 2
"""At a time, as base and series of a review: tools.testbed shares each out to half as many guests as
there are processors."""
_BATCH_SECONDS = 45.0
"""Work for one guest, so that a boot (4 s under emulation) costs little and an interruption too."""
_MOST_IN_BATCH = 12
_UNKNOWN_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRequest:
    """The tests of ``tree`` that match ``globs``; ``base_tree`` is the tree whose library is kept built.

    ``repository`` is our store.  ``leave_out`` are names that are run otherwise.
    """

    repository: str
    base_tree: str
    tree: str
    globs: tuple[str, ...]
    profile: Profile
    host: Host
    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Programs to run, how building them went (tests that did not), and sentences about what is missing."""

    binaries: tuple[TestBinary, ...]
    built: tuple[Seen, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Tests for one kernel.  ``work`` names what the results may be taken up by again ("": nothing).

    ``seconds`` is how long each took last time, by name; ``repeat`` counts repeats of the same work.
    """

    image: Image
    profile: Profile
    host: Host
    tests: tuple[TestBinary, ...]
    work: str = ""
    seconds: Mapping[str, float]
    repeat: int = 0


def suite(request: SuiteRequest, tools: Tools) -> Suite:
    """Build the tests.  A suite that cannot be listed is a sentence, no error."""
    view = TreeView(request.repository, request.tree)
    limit = selftests.limit(request.profile, view) * selftests.scale(request.host, tools)
    try:
        with selftests.opened(
            request.profile,
            tools,
            repository=request.repository,
            base_tree=request.base_tree,
            tree=request.tree,
        ) as suite:
            names = [name for name in suite.names() if selftests.wanted(name, request.globs)]
            names = [name for name in names if name not in request.leave_out]
            tools.progress(Stage.TEST, f"build {len(names)} selftests")
            built = suite.build(names)
    except kselftest.UnlistedError as error:
        broken = Seen(
            kind=Kind.BUILD, name=SUITE, status=Status.FAIL, detail=str(error), failures=1
        )
        return Suite(binaries=(), built=(broken,), missing=(f"no selftest was run: {error}",))
    listed = Seen(kind=Kind.BUILD, name=SUITE, status=Status.PASS)
    failed = (
        Seen(kind=Kind.TEST, name=name, status=Status.FAIL, detail=f"{UNBUILT}{why}", failures=1)
        for name, why in sorted(built.failures.items())
    )
    binaries = tuple(
        TestBinary(name=name, digest=built.digests[name], limit=limit)
        for name in names
        if name in built.digests
    )
    missing = () if names else ("no selftest of the tree matches the sweep's tests",)
    return Suite(binaries=binaries, built=(listed, *failed), missing=missing)


SUITE = "selftests"
"""What the build of the suite is called beside the kernel's configurations."""
UNBUILT = "does not build: "
"""How the detail of a test begins that could not be built."""


def run(request: RunRequest, tools: Tools) -> Generator[TestRun, None, None]:
    """Run all tests; yields what each batch did as soon as it is done.

    When it is closed, or cut off by any exception, guests end, and what is done is kept.
    """
    cancel = threading.Event()
    with ThreadPoolExecutor(max_workers=_BATCHES) as pool:
        at_once = share_out.guests(tools.config.lab.guests, tools.config.lab.memory_mib)
        futures = [
            pool.submit(_batch, request, batch, tools, cancel)
            for batch in batches(request.tests, request.seconds, at_once)
        ]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            cancel.set()
            for future in futures:
                future.cancel()
            raise


def batches(
    tests: Sequence[TestBinary], seconds: Mapping[str, float], at_once: int = 1
) -> Iterator[tuple[TestBinary, ...]]:
    """Tests to be run together by ``at_once`` guests, the longest first: the last to end are short ones."""
    order = sorted(tests, key=lambda test: (-seconds.get(test.name, _UNKNOWN_SECONDS), test.name))
    batch: list[TestBinary] = []
    spent = 0.0
    for test in order:
        takes = seconds.get(test.name, _UNKNOWN_SECONDS)
        if batch and (
            spent + takes > _BATCH_SECONDS * at_once or len(batch) >= _MOST_IN_BATCH * at_once
        ):
            yield tuple(batch)
            batch, spent = [], 0.0
        batch.append(test)
        spent += takes
    if batch:
        yield tuple(batch)


def _batch(
    request: RunRequest, batch: Sequence[TestBinary], tools: Tools, cancel: threading.Event
) -> TestRun:
    programs = [(test.name, test.digest, test.limit) for test in batch]
    image = request.image
    key = key_of("sweep", request.work, request.repeat, image.kernel, image.modules, programs)
    kept = tools.cache.load("sweep", key, TestRun) if request.work else None
    if kept is not None:
        return kept
    kernel = testbed.Kernel(image=image, profile=request.profile, host=request.host)
    # A number that no review uses: what a review keeps of the same kernel is not looked at.
    ran = testbed.run(
        tools,
        kernel,
        batch,
        repeat=1 + request.repeat,
        on_test=lambda name: tools.progress(Stage.TEST, name),
        cancel=cancel,
    )
    if request.work and not cancel.is_set():
        tools.cache.save("sweep", key, ran)
    return ran
