# SPDX-License-Identifier: GPL-2.0-only
"""Which series of a list the bot leaves alone.  Whoever names a series on the command line gets it."""

import fnmatch
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from reviewbot.model.watch import Skipped, SkipReason
from reviewbot.parse.classify import decline, touched
from reviewbot.parse.envelope import is_upstream_commit
from reviewbot.parse.mail import Mail

# Documentation/process/stable-kernel-rules.rst: "[PATCH 6.1.y]" and the like.  A bare "6.1" also
# is what some put there to say which release a fix is meant for.
_STABLE_BRANCH = re.compile(r"(?:linux-|stable-)?\d{1,2}\.\d{1,3}\.y", re.IGNORECASE)
_RELEASE = re.compile(r"(?:linux-|stable-)?\d{1,2}\.\d{1,3}(?:\.\d{1,3})?(?:/\d\S*)?")
_REVIEW = re.compile(r"\d+\.\d+\.\d+-rc\d+ review$")
_STABLE_LISTS = ("stable@vger.kernel.org", "stable@kernel.org", "linux-stable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a list's bot is for: paths (globs; none is everything) and the name in subjects."""

    subsystem: str = ""
    paths: tuple[str, ...] = ()


def out_of_scope(mails: Sequence[Mail], scope: Scope) -> Skipped | None:
    """Why the cover and patches of a posting are not for us; None when they are.

    Other projects and pull requests first, then backports for stable trees, what headers
    keep robots away from, and series that
    neither touch the subsystem's files nor name it in a subject.
    """
    if declined := decline(mails):
        return Skipped(reason=SkipReason(declined.reason.value), evidence=declined.evidence)
    return _stable(mails) or _unwanted(mails) or _elsewhere(mails, scope)


def _unwanted(mails: Sequence[Mail]) -> Skipped | None:
    """A header of the cover or of any patch counts for all: half a series is not worth a report."""
    for mail in mails:
        if mail.unwanted:
            asked = mail.unwanted.startswith("X-Patchwork-Hint")
            return Skipped(
                reason=SkipReason.ASKED if asked else SkipReason.AUTOMATIC,
                evidence=f'"{mail.subject.full[:80]}" has the header {mail.unwanted}.',
            )
    return None


def _stable(mails: Sequence[Mail]) -> Skipped | None:
    head = mails[0]
    to_stable = any(
        one.email.lower().startswith(_STABLE_LISTS)
        for mail in mails
        for one in (*mail.to, *mail.cc)
    )
    for mail in mails:
        for prefix in mail.subject.prefixes:
            release = to_stable and _RELEASE.fullmatch(prefix)
            if release or _STABLE_BRANCH.fullmatch(prefix) or prefix.upper() == "AUTOSEL":
                return _backport(f'The subject is prefixed [{prefix}]: "{mail.subject.full[:80]}".')
    if _REVIEW.search(head.subject.text):
        return _backport(f'It announces a stable release: "{head.subject.full[:80]}".')
    patches = [mail for mail in mails if mail.diff]
    if to_stable and patches and all(is_upstream_commit(mail) for mail in patches):
        return _backport("Every changelog names the upstream commit, and it was sent to stable.")
    return None


def _backport(evidence: str) -> Skipped:
    return Skipped(reason=SkipReason.STABLE, evidence=evidence)


def _elsewhere(mails: Sequence[Mail], scope: Scope) -> Skipped | None:
    paths = touched(mails)
    if not scope.paths or not paths:
        return None
    pattern = _pattern(scope.paths)
    if any(pattern.match(path) for path in paths) or _named(mails, scope.subsystem):
        return None
    shown = ", ".join(paths[:3]) + (" ..." if len(paths) > 3 else "")
    return Skipped(
        reason=SkipReason.OTHER_SUBSYSTEM,
        evidence=f"It touches {shown}, nothing of {scope.subsystem or 'this subsystem'}.",
    )


@functools.lru_cache(maxsize=32)
def _pattern(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(one) for one in globs))


def _named(mails: Sequence[Mail], subsystem: str) -> bool:
    """True for "x86/kvm: ..." and "KVM: selftests: ...", not for KVM somewhere in the words."""
    if not subsystem:
        return False
    word = re.compile(rf"\b{re.escape(subsystem)}\b", re.IGNORECASE)
    return any(word.search(mail.subject.text.rpartition(": ")[0]) for mail in mails)
