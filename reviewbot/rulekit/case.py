# SPDX-License-Identifier: GPL-2.0-only
"""The text format of a rule's test cases.

    EXPECT: KVM-ABI-002 arch/x86/include/uapi/asm/kvm.h:12 error patch 1
    FACT: 8 of the 112 bytes of padding behind vmcb_pa are used
    # a comment
    %%% before: arch/x86/include/uapi/asm/kvm.h
    ...the file before patch 1...
    %%% mail
    ...a patch mail, as git format-patch writes it; more mails follow...

``MUTATE: old => new`` breaks the case in the way the rule forbids: with the text replaced in the lines
that its mails add, the rule must find something (tests/rules/test_mutations.py).  ``MUTATE: mail: old =>
new`` does it above the diffs: subjects and changelogs.

``EXPECT: none`` says that nothing is found, ``EXPECT: unknown`` that the rule must say it can not know.
``FACT`` lines, when there are any, are pieces of the facts' text.  A new case may have, instead of
mails, ``%%% patch: Subject`` sections followed by ``%%% after: path`` sections; ``--update`` makes
mails of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from reviewbot.model.errors import UserError
from reviewbot.model.finding import CheckResult, RuleStatus

_MARK = "%%% "
_HEAD = "mail:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A patch that is still written as whole files.  A file with text None is deleted."""

    subject: str
    after: tuple[tuple[str, str], ...]
    changelog: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseText:
    """A parsed case.  ``expect`` and ``facts`` are what the head says, ``comments`` kept as they are."""

    expect: tuple[str, ...]
    facts: tuple[str, ...]
    comments: tuple[str, ...]
    before: tuple[tuple[str, str], ...]
    mails: tuple[str, ...]
    drafts: tuple[Draft, ...] = ()
    mutations: tuple[str, ...] = ()


def parse_case(text: str, name: str) -> CaseText:
    """Read a case; ``name`` is used in messages.  Raises UserError for what is no case."""
    lines, sections = _split(text)
    head = _head(lines, name)
    before, mails, drafts = [], [], []
    for title, body in sections:
        kind, _, argument = title.partition(":")
        argument = argument.strip()
        if kind == "before" and argument:
            before.append((argument, body))
        elif kind == "mail":
            mails.append(body)
        elif kind == "patch" and argument:
            drafts.append(Draft(subject=argument, after=(), changelog=body.strip("\n")))
        elif kind == "after" and argument and drafts:
            drafts[-1] = replace(drafts[-1], after=(*drafts[-1].after, (argument, body)))
        else:
            raise UserError(f"{name}: unknown section {title!r}")
    if bool(mails) == bool(drafts):
        raise UserError(f"{name}: must have '%%% mail' sections or '%%% patch:' sections")
    return CaseText(
        expect=tuple(head["EXPECT"]),
        facts=tuple(head["FACT"]),
        comments=tuple(head["#"]),
        before=tuple(before),
        mails=tuple(mails),
        drafts=tuple(drafts),
        mutations=tuple(head["MUTATE"]),
    )


def _head(lines: list[str], name: str) -> dict[str, list[str]]:
    """What is expected, the facts, the mutations, and the comments."""
    found: dict[str, list[str]] = {"EXPECT": [], "FACT": [], "MUTATE": [], "#": []}
    for line in lines:
        keyword, _, rest = line.partition(":")
        if line.startswith("#"):
            found["#"].append(line)
        elif keyword in found:
            found[keyword].append(rest.strip())
        elif line.strip():
            raise UserError(f"{name}: {line!r} is no EXPECT:, FACT: or MUTATE:, nor a # comment")
    if not found["EXPECT"]:
        raise UserError(f"{name}: has no EXPECT: line")
    return found


def render_case(case: CaseText) -> str:
    """The text of a case; :func:`parse_case` reads it back."""
    lines = [f"EXPECT: {line}" for line in case.expect]
    lines += [f"FACT: {line}" for line in case.facts]
    lines += [f"MUTATE: {line}" for line in case.mutations]
    lines += case.comments
    parts = ["\n".join(lines) + "\n"]
    parts += [f"{_MARK}before: {path}\n{text}" for path, text in case.before]
    parts += [f"{_MARK}mail\n{mail}" for mail in case.mails]
    return "".join(parts)


def mutant(case: CaseText, mutation: str, name: str) -> CaseText:
    """The case with one of its mutations made: ``old => new`` in every line that its mails add.

    Later mails have such lines as context, there it is made as well.  Lines are never added or taken
    away, so the mails still apply.  ``mail: old => new`` is made above the diffs, in subjects and
    changelogs.  Raises UserError when nothing has the text.
    """
    old, arrow, new = (part.strip() for part in mutation.removeprefix(_HEAD).partition("=>"))
    if not (old and arrow) or old == new:
        raise UserError(f"{name}: MUTATE: {mutation!r} is not like 'old => new'")
    above = mutation.startswith(_HEAD)
    mails = _above(case.mails, old, new) if above else _added(case.mails, old, new)
    if mails == case.mails:
        where = "line above the diffs" if above else "line that the mails add"
        raise UserError(f"{name}: no {where} has {old!r}; correct its MUTATE: line")
    return replace(case, facts=(), mutations=(), mails=mails)


def _above(mails: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    """The mails with the text replaced above their diffs."""
    parts = (mail.partition("\ndiff --git ") for mail in mails)
    return tuple(head.replace(old, new) + cut + diff for head, cut, diff in parts)


def _added(mails: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    """The mails with the text replaced in what they add, and where later ones show that."""
    made: list[str] = []
    added = False
    for mail in mails:
        head, cut, diff = mail.partition("\ndiff --git ")
        lines = diff.split("\n")
        mine = [line.startswith("+") and not line.startswith("+++") for line in lines]
        changed = [
            line.replace(old, new) if own or (added and line[:1] in {" ", "-"}) else line
            for line, own in zip(lines, mine, strict=True)
        ]
        added = added or any(own and old in line for line, own in zip(lines, mine, strict=True))
        made.append(head + cut + "\n".join(changed))
    return tuple(made)


def said(result: CheckResult) -> tuple[str, ...]:
    """What a check said, as EXPECT: lines in full."""
    lines = []
    for finding in result.findings:
        place = f" {finding.location.path}:{finding.location.line}" if finding.location else ""
        lines.append(f"{finding.code}{place} {finding.severity} patch {finding.patch}")
    for outcome in result.outcomes:
        if outcome.status is RuleStatus.COULD_NOT_RUN:
            incomplete = outcome.reason.startswith("series incomplete")
            lines.append("unknown" if incomplete else f"could not run: {outcome.reason}")
    return tuple(lines) or ("none",)


def differences(case: CaseText, result: CheckResult) -> tuple[str, ...]:
    """What a result has or lacks against the case, one line each; empty when it is as expected."""
    spoken = list(said(result))
    lines = []
    for wanted in case.expect:
        found = next((line for line in spoken if _fits(wanted, line)), None)
        if found is None:
            lines.append(f"expected, not found: {wanted}")
        else:
            spoken.remove(found)
    lines += [f"found, not expected: {line}" for line in spoken]
    lines += [
        f"fact not stated: {fact}"
        for fact in case.facts
        if not any(fact in stated.text for stated in result.facts)
    ]
    return tuple(lines)


def _fits(wanted: str, line: str) -> bool:
    return line == wanted or line.startswith(wanted + " ")


def _split(text: str) -> tuple[list[str], list[tuple[str, str]]]:
    head: list[str] = []
    sections: list[tuple[str, list[str]]] = []
    for line in text.splitlines(keepends=True):
        if line.startswith(_MARK):
            sections.append((line[len(_MARK) :].strip(), []))
        elif sections:
            sections[-1][1].append(line)
        else:
            head.append(line.rstrip("\n"))
    return head, [(title, "".join(lines)) for title, lines in sections]


def updated(case: CaseText, result: CheckResult, mails: Iterable[str]) -> CaseText:
    """The case with what was found as its expectation, and drafts as mails."""
    return CaseText(
        expect=said(result),
        facts=tuple(fact.text for fact in result.facts) if case.facts else (),
        comments=case.comments,
        before=case.before,
        mails=tuple(mails),
        mutations=case.mutations,
    )
