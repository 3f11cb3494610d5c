# SPDX-License-Identifier: GPL-2.0-only
"""The one place where settings change how grave a rule's findings are: pure, after the rules ran.

A list's own table goes before that of all lists; in a table, the longest code or prefix counts.  Where
a series goes to several lists that say something of a rule, the gravest counts: one list's "off" does
not hide a finding from another.  What a rule itself grades below its usual severity (a problem that a
later patch repairs, say) is never raised.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from reviewbot.model.config import Config
from reviewbot.model.errors import UserError
from reviewbot.model.finding import Adjusted, CheckResult, Finding, Severity
from reviewbot.model.series import Series
from reviewbot.rulekit.registry import covers
from reviewbot.rulekit.rule import Rule

_OFF = "off"
_ORDER = (*(severity.value for severity in Severity), _OFF)
"""Gravest first."""


def adjust(
    result: CheckResult, rules: Sequence[Rule], series: Series, config: Config
) -> CheckResult:
    """The result with the severities that the settings give, and what that changed.

    ``rules`` are all there are, selected or not.  Raises UserError for an entry that names none.
    """
    _check_entries(rules, config)
    declared = {rule.code: rule.declaration.severity for rule in rules}
    wanted = dict(_wanted({finding.code for finding in result.findings}, series, config))
    findings: list[Finding] = []
    changes: dict[tuple[str, Severity, Severity | None, str], int] = {}
    for finding in result.findings:
        if finding.code not in wanted:
            findings.append(finding)
            continue
        word, mailing_list = wanted[finding.code]
        after = _after(finding.severity, declared.get(finding.code, finding.severity), word)
        if after is not finding.severity:
            change = (finding.code, finding.severity, after, mailing_list)
            changes[change] = changes.get(change, 0) + 1
        if after is not None:
            findings.append(replace(finding, severity=after))
    findings.sort(key=lambda each: (each.patch, _ORDER.index(each.severity)))
    return replace(
        result,
        findings=tuple(findings),
        adjusted=tuple(
            Adjusted(code=code, before=before, after=after, mailing_list=where, findings=number)
            for (code, before, after, where), number in changes.items()
        ),
    )


def _after(own: Severity, declared: Severity, word: str) -> Severity | None:
    if word == _OFF:
        return None
    graded_down = _ORDER.index(own) > _ORDER.index(declared)
    place = _ORDER.index(word)
    return Severity(_ORDER[max(place, _ORDER.index(own))] if graded_down else word)


def _wanted(
    codes: Iterable[str], series: Series, config: Config
) -> Iterator[tuple[str, tuple[str, str]]]:
    """Code to the severity that the settings give it, and the list that says so."""
    addressed = _addresses(series)
    lists = {
        name: table.severity for name, table in config.lists.items() if name.lower() in addressed
    }
    for code in codes:
        said = [
            (word, name)
            for name, table in lists.items()
            if (word := _best(table, code)) is not None
        ]
        if said:
            yield code, min(said, key=lambda pair: _ORDER.index(pair[0]))
        elif (word := _best(config.rules.severity, code)) is not None:
            yield code, (word, "")


def _best(table: Mapping[str, str], code: str) -> str | None:
    entries = [entry for entry in table if covers(entry, code)]
    return table[max(entries, key=len)] if entries else None


def _addresses(series: Series) -> set[str]:
    """Everybody the series was sent to."""
    found = {a.email.lower() for patch in series.patches for a in (*patch.to, *patch.cc)}
    if series.cover:
        found |= {a.email.lower() for a in (*series.cover.to, *series.cover.cc)}
    return found


def _check_entries(rules: Sequence[Rule], config: Config) -> None:
    tables = [("rules.severity", config.rules.severity)]
    tables += [(f"lists.{name!r}.severity", each.severity) for name, each in config.lists.items()]
    for name, table in tables:
        for entry in table:
            if not any(covers(entry, rule.code) for rule in rules):
                raise UserError(
                    f"{name}: no rule has code or prefix {entry!r}; see 'reviewbot rules list'"
                )
