# SPDX-License-Identifier: GPL-2.0-only
"""Builds, boots and selftests of a Run as builds and tests of KCIDB v5.3: pure.

The words of the schema: FAIL the code is faulty, ERROR the test could not end because of its own
failure, MISS our tools failed and nothing is known, SKIP not applicable, PASS.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from reviewbot.model.build import BuildResult, CommitBuild, Diagnostic, VariantBuild
from reviewbot.model.guest import BootResult, Host, Outcome
from reviewbot.model.run import Run
from reviewbot.model.status import Status
from reviewbot.model.test import Change, Delta, TestResult, Why
from reviewbot.parse.unit_tests import PREFIX
from reviewbot.stages.printable import clipped, one_line, printable
from reviewbot.stages.tally import wrong_base

EXCERPT = 16384
"""Characters of a log excerpt that the schema allows."""

_ARCHITECTURE = re.compile(r"[a-z0-9_]+")
_NOT_IN_PATHS = re.compile(r"[^a-zA-Z0-9_-]+")

BUILD = {
    Status.PASS: "PASS",
    Status.FAIL: "FAIL",
    Status.SKIP: "SKIP",
    Status.CRASH: "ERROR",  # the compiler died
    Status.TIMEOUT: "MISS",  # the limit is our machine's
    Status.INFRA: "MISS",
}
TEST = {
    Status.PASS: "PASS",
    Status.FAIL: "FAIL",
    Status.SKIP: "SKIP",
    Status.CRASH: "FAIL",  # it took its kernel down, or died of a signal
    Status.TIMEOUT: "ERROR",
    Status.INFRA: "MISS",
}
BOOT = {
    Outcome.FINISHED: "PASS",
    Outcome.PANIC: "FAIL",
    Outcome.HUNG: "FAIL",
    Outcome.TIMEOUT: "ERROR",
    Outcome.LOST: "FAIL",  # a triple fault, a reset: what the host does to QEMU is INFRA
    Outcome.INFRA: "MISS",
}


def checkout_id(prefix: str, number: int) -> str:
    """The base with the first ``number`` patches."""
    return f"{prefix}-{number:04}"


def builds(
    run: Run, prefix: str, architectures: Mapping[str, str]
) -> Iterator[tuple[int, dict[str, object]]]:
    """(number of patches applied, build): of the base, of every patch and of the tip's variants.

    ``architectures`` has the profile's, and its variants' as "profile/variant".  A variant that could
    not be tried here is left out.
    """
    built = run.build
    if built is None or run.series is None:
        return
    places = {patch.number: place for place, patch in enumerate(run.series.patches, 1)}
    for commit in (built.base, *built.patches):
        place = places.get(commit.number, 0)
        if commit.number and not place:
            continue
        yield (
            place,
            _build(run, built, commit, prefix=prefix, place=place)
            | _architecture(architectures, built.profile),
        )
    tip = len(run.series.patches)
    for variant in built.variants:
        if variant.status is not Status.INFRA:
            known = _architecture(architectures, f"{built.profile}/{variant.name}")
            yield tip, _variant(variant, prefix, tip) | known


def _architecture(known: Mapping[str, str], name: str) -> dict[str, object]:
    found = known.get(name, "")
    return {"architecture": found} if _ARCHITECTURE.fullmatch(found) else {}


def _variant(variant: VariantBuild, prefix: str, tip: int) -> dict[str, object]:
    name = one_line(variant.name)
    said: dict[str, object] = {
        "checkout_id": checkout_id(prefix, tip),
        "id": f"{checkout_id(prefix, tip)}-{name}",
        "status": BUILD[variant.status],
        "command": printable(variant.command),
        "compiler": one_line(variant.compiler),
        "config_name": name,
        "duration": variant.seconds,
        "misc": {"reviewbot": {"variant": name}},
    }
    if variant.new:
        said["log_excerpt"] = _messages(variant.new)
    return said


def _build(
    run: Run,
    built: BuildResult,
    commit: CommitBuild,
    *,
    prefix: str,
    place: int,
) -> dict[str, object]:
    blamed = commit.status in (Status.FAIL, Status.CRASH)
    misplaced = bool(place) and blamed and wrong_base(run)
    said: dict[str, object] = {
        "checkout_id": checkout_id(prefix, place),
        "id": checkout_id(prefix, place),
        "status": "MISS" if misplaced else BUILD[commit.status],
        "command": printable(commit.command),
        "compiler": one_line(built.compiler),
        "config_name": one_line(built.config_name),
        "misc": {"reviewbot": {"patch": commit.number, "reused": commit.reused}},
    }
    if not commit.reused:
        said["duration"] = commit.seconds
    if misplaced:
        names = ", ".join(built.missing_symbols[:10])
        said["comment"] = one_line(f"wrong base: neither series nor base defines {names}")
    if commit.new:
        said["log_excerpt"] = _messages(commit.new)
    return said


def _messages(diagnostics: Iterable[Diagnostic]) -> str:
    return excerpt(
        f"{one.path}:{one.line}:{one.column}: {one.level}: {one.message}"
        + (f" [{one.option}]" if one.option else "")
        for one in diagnostics
    )


def tests(run: Run, prefix: str) -> Iterator[dict[str, object]]:
    """Boots, selftests with their repeats, and new reports on the series' console.

    A test that the series adds is not reported of the base, which does not have it.
    """
    series, built = run.series, run.build
    if series is None or built is None:
        return
    tip = len(series.patches)
    host = run.tests.host if run.tests else None
    for place, boot in ((0, run.base_boot), (tip, run.boot)):
        if boot:
            yield _boot(prefix, place, boot, host)
    suite = f"kselftest.{_segment(built.profile)}"
    for delta in run.tests.deltas if run.tests else ():
        name = delta.test.name
        parts = [] if name.startswith(PREFIX) else [suite]
        path = ".".join([*parts, *(_segment(part) for part in name.split("/") if part)])
        sides = ((tip, delta.tip),) if delta.test.why is Why.ADDED else _both(tip, delta)
        for place, results in sides:
            for repeat, result in enumerate(results):
                yield _test(
                    delta,
                    result,
                    build=checkout_id(prefix, place),
                    path=path,
                    repeat=repeat,
                    host=host,
                    of_tip=place == tip,
                )
    for number, crash in enumerate(run.new_crashes):
        yield {
            "build_id": checkout_id(prefix, tip),
            "id": f"{checkout_id(prefix, tip)}-console-{number}",
            "path": f"{suite}.console",
            "status": "FAIL",
            "comment": one_line(crash.title),
            "log_excerpt": excerpt(crash.excerpt),
            "misc": {"reviewbot": {"kind": crash.kind.value, "test": one_line(crash.test)}},
            **_environment(host),
        }


def _both(tip: int, delta: Delta) -> tuple[tuple[int, tuple[TestResult, ...]], ...]:
    return (0, delta.base), (tip, delta.tip)


def _boot(prefix: str, place: int, boot: BootResult, host: Host | None) -> dict[str, object]:
    status = "FAIL" if boot.module_error else BOOT[boot.outcome]
    said: dict[str, object] = {
        "build_id": checkout_id(prefix, place),
        "id": f"{checkout_id(prefix, place)}-boot",
        "path": "boot",
        "status": status,
        "comment": one_line(boot.module_error or boot.outcome.value),
        "duration": boot.seconds if boot.boot_seconds is None else boot.boot_seconds,
        **_environment(host),
    }
    if status != "PASS" and boot.outcome is not Outcome.INFRA and boot.last_lines:
        said["log_excerpt"] = excerpt(boot.last_lines)
    return said


def _test(
    delta: Delta,
    result: TestResult,
    *,
    build: str,
    path: str,
    repeat: int,
    host: Host | None,
    of_tip: bool,
) -> dict[str, object]:
    status = TEST[result.status]
    if of_tip and delta.change is Change.REGRESSION and status == "ERROR":
        status = "FAIL"  # the base ends in time, again and again
    said: dict[str, object] = {
        "build_id": build,
        "id": f"{build}-{one_line(delta.test.name)}-{repeat}",
        "path": path,
        "status": status,
        "duration": result.seconds,
        "misc": {
            "reviewbot": {
                "repeat": repeat,
                "change": delta.change.value,
                "why": delta.test.why.value,
            }
        },
        **_environment(host),
    }
    if result.status is not Status.INFRA:  # what is said of our own failures may name this host
        if result.assertion:
            said["comment"] = one_line(clipped(result.assertion))
        if result.output:
            said["log_excerpt"] = excerpt(result.output)
    return said


def _environment(host: Host | None) -> dict[str, object]:
    if host is None:
        return {}
    text = f"QEMU {host.qemu_version}, {host.accelerator}, {host.cpu_model}"
    misc = {
        "accelerator": host.accelerator.value,
        "cpu_model": one_line(host.cpu_model),
        "vendor": one_line(host.vendor),
    }
    return {"environment": {"comment": one_line(text), "misc": misc}}


def _segment(name: str) -> str:
    """Part of a path in the tree of tests: what the schema does not allow becomes "_"."""
    return _NOT_IN_PATHS.sub("_", name) or "_"


def excerpt(lines: Iterable[str]) -> str:
    """The end of a log as the schema allows it."""
    return printable("\n".join(clipped(line) for line in lines))[-EXCERPT:]


def without_failures(run: Run) -> str:
    """The verdict's line, unless our own tools failed: their words may name places of this host."""
    if run.verdict is None or run.failures or (run.build and run.build.reason):
        return ""
    return one_line(run.verdict.line)
