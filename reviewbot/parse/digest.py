# SPDX-License-Identifier: GPL-2.0-only
"""A whole mail -> the little that triage keeps of it: review tags, "applied", what it changes."""

import re

from reviewbot.model.triage import Digest
from reviewbot.parse.footprint import footprint
from reviewbot.parse.mail import Mail
from reviewbot.parse.trailers import offered_trailers

_TAG = re.compile(
    r"(?:[A-Z][a-z]+-and-)*(?:Reviewed|Acked|Tested|Nacked)(?:-and-[a-z]+)*-by", re.IGNORECASE
)
# What maintainers write when they take a series ("Applied to kvm-x86 misc, thanks!", "Queued, thanks").
# "Applied on top of ..." and "applied cleanly" are talk; a line that begins small is the middle of prose.
_TAKEN = re.compile(
    r"^(?:This (?:patch|series) was applied to \S"  # Patchwork's bot
    r"|(?:Applied|Queued|Merged|Pushed|(?:Series|All|Patch(?:es)? [\d, -]+) (?:applied|queued|merged))"
    r"(?:[,.!] ?[Tt]hank| (?:to|for|in|into) (?!the\b|all\b|a\b)\S|[.!]?$))[^\n]{0,100}",
    re.MULTILINE,
)
_OFFER = re.compile(r"[A-Z][A-Za-z-]+-[Bb]y:|On .{5,80}(?:, .*)?$")
_COURTESY = re.compile(
    r"(?:thanks?|thank you|thx|lgtm|looks good(?: to me)?|cheers|best regards|regards|br|hi|hello)\b.{0,40}$",
    re.IGNORECASE,
)
_STABLE = "stable@vger.kernel.org"
_TAGS = 50
_TEXT = 200


def digest(mail: Mail) -> Digest:
    """What is kept of ``mail``.  Texts are cut; quoted lines never count as said."""
    if mail.diff and not mail.subject.reply:
        trailers = mail.trailers
        return Digest(
            tags=tuple(
                (one.name[:_TEXT], one.value[:_TEXT])
                for one in trailers
                if _TAG.fullmatch(one.name)
            )[:_TAGS],
            repairs=any(
                one.name.lower() == "fixes" or (one.name.lower() == "cc" and _STABLE in one.value)
                for one in trailers
            ),
            touched=footprint(mail.diff),
        )
    if not mail.subject.reply:
        return Digest()
    offered = offered_trailers(mail.body, mail.sender.email, mail.sender.name)
    taken = _TAKEN.search(mail.body)
    return Digest(
        tags=tuple((name, value[:_TEXT]) for name, value in offered if _TAG.fullmatch(name))[
            :_TAGS
        ],
        talk=not only_tags(mail),
        taken=taken[0][:_TEXT].strip() if taken else "",
    )


def only_tags(mail: Mail) -> bool:
    """True when a reply's author says nothing but tags and courtesy: it asks nothing of anybody."""
    said = 0
    for line in mail.body.split("\n"):
        text = line.strip()
        if text == "--":
            break
        if not text or text.startswith((">", "|")) or text.endswith((" wrote:", " writes:")):
            continue
        if _OFFER.match(text) or _COURTESY.match(text):
            continue
        said += 1
    return said == 0
