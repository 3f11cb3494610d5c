# SPDX-License-Identifier: GPL-2.0-only
"""The keys: those at the bottom of each screen, and all of them for "?".  Pure."""

from __future__ import annotations

from reviewbot.screen.lines import Line, line

LIST = (
    ("q", "quit"), ("?", "keys"), ("enter", "open"), ("/", "filter"), ("s", "sort"), ("n", "note"), ("z", "snooze"),
    ("d", "done"), ("r", "review"), ("v", "view"), ("A", "all"), ("u", "update"), ("D", "diff"),
    ("a", "apply"),
)  # fmt: skip
SERIES = (
    ("q", "back"), ("?", "keys"), ("tab", "part"), ("[ ]", "patch"), ("f", "find"), ("n", "note"), ("z", "snooze"),
    ("d", "done"), ("r", "review"), ("a", "apply"),
)  # fmt: skip

HELP = """\
Everywhere
  up down k j          a line          space b PgDn PgUp    a screen
  g G Home End         first, last     left right h l       aside
  ?                    these keys      q Escape            back, q quits
  Ctrl-C               leave at once
  Ctrl-Z               to the shell, fg comes back

The list
  Enter                open the series under the cursor
  /                    filter: words as in 'reviewbot triage', say
                       state:new area:x86 -is:rfc nested
                       Enter keeps it, Escape takes it back
  s                    sort; the same again turns it around
  v                    a saved view
  A                    also what is done, snoozed or applied
  u                    read the lists again

A series
  1 2 3 4 Tab          overview, patches, logs, what changed since the revision
                       before
  [ ]                  the patch before, the next one
  f F                  the next finding, the one before, through all patches
  Enter                open a log
  n z d r x a          as in the list

The series under the cursor, or the one that is open
  n                    write a note; an empty one takes it away
  z                    snooze: 3d, 2w, 1m or a date; 0 ends it
  d                    done, and back again
  r                    review it, the rules alone or all of it; you can go on
  x                    end the review that you began
  D                    what changed since the revision before
  a                    the command that applies it

Colours
  red: errors          yellow: warnings    green: what is good
  cyan: what is new, or happens now        NO_COLOR does without
"""


def bar(keys: tuple[tuple[str, str], ...], right: str, width: int) -> Line:
    """The keys on one line, as many as there is room for; ``right`` at its end."""
    text = ""
    for key, what in keys:
        more = f" {key}:{what}"
        if len(text) + len(more) > width - len(right) - 2:
            break
        text += more
    return Line(pieces=((f"{text}{right:>{max(0, width - len(text) - 1)}} ", ""),))


def every() -> tuple[Line, ...]:
    """All keys, for reading."""
    return tuple(line(one, "" if one.startswith(" ") else "head") for one in HELP.split("\n"))
