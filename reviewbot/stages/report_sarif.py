# SPDX-License-Identifier: GPL-2.0-only
"""Run -> SARIF 2.1.0, for editors and code-scanning services: pure.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; numbers below are its sections.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from reviewbot.model.finding import Finding, RuleStatus
from reviewbot.model.run import Run
from reviewbot.model.series import Patch
from reviewbot.rulekit.rule import Rule
from reviewbot.stages.judge import label
from reviewbot.stages.printable import one_line, printable
from reviewbot.stages.reference import markdown

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "SRCROOT"
"""What paths are relative to: the top of the kernel tree, wherever the reader has it."""


def sarif(run: Run, rules: Sequence[Rule], help_url: str) -> bytes:
    """The findings of a run; ``rules`` are those there are, ``help_url`` has %s for a code, or is "".

    What the author asked to ignore is there as suppressed.  ASCII only.
    """
    known = _descriptors(run, rules, help_url)
    places = {rule["id"]: index for index, rule in enumerate(known)}
    check = run.check
    results = [_result(run, finding, places) for finding in (check.findings if check else ())]
    for finding, reason in check.ignored if check else ():
        suppression = {"kind": "external", "status": "accepted", "justification": _text(reason)}
        results.append({**_result(run, finding, places), "suppressions": [suppression]})
    one = {
        "tool": {"driver": {"name": "reviewbot", "version": one_line(run.version), "rules": known}},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The top of the kernel tree."}}},
        "invocations": [_invocation(run, places)],
        "automationDetails": {"id": "reviewbot/"},
        "results": results,
    }
    if run.series:
        one["properties"] = {
            "series": one_line(run.series.title),
            "revision": run.series.revision,
            "base": run.base.commit if run.base else "",
        }
    said = {"$schema": SCHEMA, "version": "2.1.0", "runs": [one]}
    return json.dumps(said, ensure_ascii=True, indent=2).encode() + b"\n"


def _descriptors(run: Run, rules: Sequence[Rule], help_url: str) -> list[dict[str, object]]:
    """The rules that ran, and any that a finding names."""
    check = run.check
    ran = {outcome.code for outcome in check.outcomes} if check else set()
    named = (
        {f.code for f in check.findings} | {f.code for f, _ in check.ignored} if check else set()
    )
    by_code = {rule.code: rule for rule in rules}
    return [
        _descriptor(by_code[code], help_url) if code in by_code else {"id": one_line(code)}
        for code in sorted(ran | named)
    ]


def _descriptor(rule: Rule, help_url: str) -> dict[str, object]:
    _, group, _ = rule.code.split("-")
    said: dict[str, object] = {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.path.stem.split("_")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": " ".join(rule.docs["What"].split())},
        "help": _help(rule.docs),
        "defaultConfiguration": {"level": rule.declaration.severity.value},
        "properties": {
            "precision": rule.declaration.confidence.value,
            "tags": ["kernel", group.lower()],
        },
    }
    if help_url:
        said["helpUri"] = help_url.replace("%s", rule.code)
    return said


def _help(docs: Mapping[str, str]) -> dict[str, str]:
    plain = (f"{name}\n{text.removeprefix('::').strip(chr(10))}" for name, text in docs.items())
    marked = (f"## {name}\n\n{markdown(text)}" for name, text in docs.items())
    return {"text": "\n\n".join(plain), "markdown": "\n\n".join(marked)}


def _result(run: Run, finding: Finding, places: Mapping[object, int]) -> dict[str, object]:
    sentences = (f"{finding.title.rstrip('.')}.", finding.why, finding.fix)
    properties: dict[str, object] = {
        "patch": label(run, finding.patch),
        "confidence": finding.confidence.value,
        "reference": one_line(finding.reference),
    }
    subject = next((p.subject for p in _patches(run) if p.number == finding.patch), "")
    if subject:
        properties["subject"] = one_line(subject)
    said: dict[str, object] = {
        "ruleId": one_line(finding.code),
        "ruleIndex": places[one_line(finding.code)],
        "level": finding.severity.value,
        "message": {"text": _text(" ".join(part for part in sentences if part.strip()))},
        "partialFingerprints": {"reviewbot/v1": _fingerprint(finding)},
        "properties": properties,
    }
    if finding.location:
        region: dict[str, object] = {"startLine": max(1, finding.location.line)}
        if finding.quoted:
            region["snippet"] = {"text": printable(finding.quoted[0])}
        where = {"uri": _uri(finding.location.path), "uriBaseId": _ROOT}
        said["locations"] = [{"physicalLocation": {"artifactLocation": where, "region": region}}]
    return said


def _patches(run: Run) -> Iterable[Patch]:
    return run.series.patches if run.series else ()


def _invocation(run: Run, places: Mapping[object, int]) -> dict[str, object]:
    """3.20: whether the run is whole, and every rule that could not run."""
    outcomes = run.check.outcomes if run.check else ()
    said: list[dict[str, object]] = [
        {
            "level": "warning",
            "message": {"text": _text(f"{outcome.code} could not run: {outcome.reason}")},
            "associatedRule": {"id": outcome.code, "index": places[outcome.code]},
        }
        for outcome in outcomes
        if outcome.status is RuleStatus.COULD_NOT_RUN
    ]
    conflict = run.applied.conflict if run.applied else None
    if conflict:
        text = f"patch {conflict.patch} does not apply: {conflict.path}: {conflict.reason}"
        said.append({"level": "error", "message": {"text": _text(text)}})
    ok = run.check is not None and not run.check.lost and not run.failures
    invocation: dict[str, object] = {
        "executionSuccessful": ok,
        "toolExecutionNotifications": said,
    }
    if run.verdict:
        invocation["exitCode"] = run.verdict.exit_code
        invocation["exitCodeDescription"] = one_line(run.verdict.line)
    return invocation


def _uri(path: str) -> str:
    """3.4.3: a relative reference; leading slashes and dots cannot lead out of the tree."""
    parts = (part for part in path.encode("utf-8", "replace").decode().split("/"))
    return "/".join(quote(part, safe="") for part in parts if part not in ("", ".", ".."))


def _text(text: str) -> str:
    """A message that is only text: no placeholder (3.11.5) and no embedded link (3.11.6)."""
    plain = one_line(text).replace("](", "] (")
    return plain.replace("{", "{{").replace("}", "}}") if _placeholder(plain) else plain


def _placeholder(text: str) -> bool:
    return any(piece[:1].isdigit() for piece in text.split("{")[1:])


def _fingerprint(finding: Finding) -> str:
    """The same in the next version of the series, where lines have moved."""
    path = finding.location.path if finding.location else ""
    said = f"{finding.code}\0{path}\0{finding.title}"
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:32]
