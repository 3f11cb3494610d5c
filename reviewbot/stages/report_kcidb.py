# SPDX-License-Identifier: GPL-2.0-only
"""Run -> a submission to KernelCI's database, KCIDB I/O schema v5.3: pure.

The schema is kcidb_io/schema/v05_03.py of https://github.com/kernelci/kcidb-io; a test validates with
that package.  What is submitted is public for ever, so nothing of this host goes in: no path, no
command line of the emulator, no configured address but those that say they are public.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reviewbot.model.base import Base, BaseRule
from reviewbot.model.config import Config
from reviewbot.model.errors import UserError
from reviewbot.model.run import Run
from reviewbot.model.series import Patch, Series
from reviewbot.model.status import Status
from reviewbot.stages import kcidb_runs
from reviewbot.stages.judge import label
from reviewbot.stages.printable import one_line
from reviewbot.tools import profile

_COMMIT = re.compile(r"[0-9a-f]{40}")
_ORIGIN = re.compile(r"[a-z0-9_]+")
_MESSAGE_ID = re.compile(r"[!-~]+@[!-~]+")
_MAX_FINDINGS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class KcidbSettings:
    """``origin`` is the name KernelCI knows the bot by; ``trees`` are public addresses by tree name.

    ``architectures`` has the architecture of builds by name of profile, or profile/variant; what is not
    there is left out.
    """

    origin: str = "reviewbot"
    trees: Mapping[str, str] = field(default_factory=dict)
    architectures: Mapping[str, str] = field(default_factory=dict)


def settings(config: Config) -> KcidbSettings:
    """Settings from the configuration; trees without a public https address are left unnamed."""
    return KcidbSettings(
        origin=config.kcidb.origin,
        trees={name: tree.url for name, tree in config.trees.items() if tree.url},
        architectures=_architectures(config.lab.profile),
    )


def _architectures(named: str) -> dict[str, str]:
    """{profile, or profile/variant: its architecture}, of the shipped ones and that of the settings."""
    found = {}
    for name in (*profile.shipped(), named):
        with contextlib.suppress(UserError):  # who builds with it hears of it
            known = profile.load(name)
            found[known.name] = known.architecture
            for variant in known.variants:
                found[f"{known.name}/{variant.name}"] = variant.architecture or known.architecture
    return found


def kcidb(run: Run, settings: KcidbSettings) -> bytes:
    """The submission as JSON, ASCII only.  A run without a base gives one that has no checkouts.

    The same run gives the same ids and the same bytes: submitting it twice changes nothing there.
    Another review of the same series has ids of its own, because its results may differ.
    """
    said = json.dumps(submission(run, settings), ensure_ascii=True, indent=1, sort_keys=True)
    return said.encode() + b"\n"


def submission(run: Run, settings: KcidbSettings) -> dict[str, object]:
    """The same as a value.  Raises ValueError for an origin that the schema does not allow."""
    if not _ORIGIN.fullmatch(settings.origin):
        raise ValueError(f"origin {settings.origin!r}: only a-z, 0-9 and _ are allowed")
    said: dict[str, object] = {"version": {"major": 5, "minor": 3}}
    if run.series is None or run.base is None:
        return said
    prefix = f"{settings.origin}:{_key(run)}"
    builds = list(kcidb_runs.builds(run, prefix, settings.architectures))
    numbers = {len(run.series.patches)} | {number for number, _ in builds}
    said["checkouts"] = [_checkout(run, settings, prefix, number) for number in sorted(numbers)]
    said["builds"] = [build for _, build in builds]
    said["tests"] = list(kcidb_runs.tests(run, prefix))
    for each in ("checkouts", "builds", "tests"):
        for one in said[each]:  # type: ignore[attr-defined]
            one["origin"] = settings.origin
    return said


def _key(run: Run) -> str:
    """Names a review: ids of runs are only unique on one host."""
    series, base = run.series, run.base
    words = (run.id, series.message_id if series else "", base.commit if base else "")
    digest = hashlib.sha256("\0".join(words).encode("utf-8", "replace")).hexdigest()
    return digest[:32]


def _checkout(run: Run, settings: KcidbSettings, prefix: str, number: int) -> dict[str, object]:
    """The base with the first ``number`` patches; 0 is the base alone."""
    series, base = run.series, run.base
    assert series is not None  # noqa: S101 - checked by the only caller
    assert base is not None  # noqa: S101 - likewise
    whole = number == len(series.patches)
    said: dict[str, object] = {
        "id": kcidb_runs.checkout_id(prefix, number),
        "tree_name": one_line(base.tree),
        "start_time": run.started,
        "comment": _comment(run, number, whole=whole),
        "misc": {"reviewbot": _misc(run, number, whole=whole)},
    }
    if not base.commit.startswith(base.ref):
        said["git_repository_branch"] = one_line(base.ref)
    if address := settings.trees.get(base.tree, ""):
        said["git_repository_url"] = address
    commit, alone = _public_base(series, base)
    if _COMMIT.fullmatch(commit):
        said["git_commit_hash"] = commit
    if alone:
        said["patchset_hash"] = patchset_hash(series.patches[:number])
    if number and _MESSAGE_ID.fullmatch(series.message_id):
        said["message_id"] = series.message_id
    said.update(_applied(run, whole=whole))
    return said


def _public_base(series: Series, base: Base) -> tuple[str, bool]:
    """The commit that others have, and whether nothing but the series was put on it.

    With prerequisites ``base.commit`` is a commit of ours; their patches are not in the hash then.
    """
    if base.rule is BaseRule.PREREQUISITES:
        return series.base_commit or "", False
    if base.rule is BaseRule.SCORED and base.commit != base.tip:
        return base.tip, False
    return base.commit, True


def _comment(run: Run, number: int, *, whole: bool) -> str:
    series = run.series
    assert series is not None  # noqa: S101 - checked by the callers
    revision = f"v{series.revision} " if series.revision > 1 else ""
    title = f"[PATCH {revision}0/{series.total}] {one_line(series.title)}"
    if number == 0:
        return f"base of {title}"
    return title if whole else f"the first {number} patches of {title}"


def _applied(run: Run, *, whole: bool) -> Iterator[tuple[str, object]]:
    applied = run.applied
    if applied is None or applied.status is Status.INFRA:
        return
    if not whole:
        yield "valid", True  # it was built
        return
    yield "valid", applied.status is Status.PASS
    if conflict := applied.conflict:
        where = " ".join(word for word in (conflict.path, conflict.hunk) if word)
        text = f"patch {label(run, conflict.patch)} does not apply: {where}: {conflict.reason}"
        yield "log_excerpt", kcidb_runs.excerpt((one_line(text),))


def _misc(run: Run, number: int, *, whole: bool) -> dict[str, object]:
    """What the schema has no word for.  Findings are said of the checkout of the whole series."""
    series, base = run.series, run.base
    said: dict[str, object] = {"version": one_line(run.version), "patches": number}
    if base:
        said["base_rule"] = base.rule.value
        said["base_confidence"] = base.confidence.value
    if series and series.prerequisites:
        said["prerequisites"] = [one_line(name) for name in series.prerequisites[:100]]
    if not whole:
        return said
    if series:
        said["revision"] = series.revision
        said["missing_patches"] = list(series.missing)
    if run.verdict:
        said["verdict"] = run.verdict.kind.value
        # The line of a failure of ours may quote this host's paths.
        if run.verdict.exit_code < 3:
            said["summary"] = kcidb_runs.without_failures(run)
    if run.check:
        said["findings"] = [_finding(run, n) for n in range(len(run.check.findings))][
            :_MAX_FINDINGS
        ]
    return said


def _finding(run: Run, number: int) -> dict[str, object]:
    assert run.check is not None  # noqa: S101 - checked by the only caller
    finding = run.check.findings[number]
    said: dict[str, object] = {
        "code": one_line(finding.code),
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "patch": label(run, finding.patch),
        "title": one_line(finding.title),
    }
    if finding.location:
        said["path"] = one_line(finding.location.path)
        said["line"] = finding.location.line
    return said


def patchset_hash(patches: tuple[Patch, ...]) -> str:
    """What ``sha256sum *.patch | cut -c-64 | sha256sum | cut -c-64`` prints; "" for no patches.

    A patch file here is the diff of the mail, from "diff --git" on, in the bytes in which it came.
    """
    if not patches:
        return ""
    lines = (f"{hashlib.sha256(_bytes(patch.diff)).hexdigest()}\n" for patch in patches)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _bytes(text: str) -> bytes:
    """Text as it was mailed; lone surrogates stand for bytes that are not UTF-8 (parse.mail)."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
