# SPDX-License-Identifier: GPL-2.0-only
"""A document parsed by its difference is the document parsed whole, whatever was changed."""

import random
import subprocess

import pytest
from debian import kernel_tree
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.parse import rst, rst_pieces

TEXT = """.. SPDX-License-Identifier: GPL-2.0

====
Book
====

1. One
======

Words `of`_ one.

.. _of: https://example.org/

1.1 First
---------

:Capability: KVM_CAP_ONE

::

  struct kvm_one {
  };

1.2 Second
----------

==== =====
a    b
c    ...
==== =====

1.3 Third
---------

Text [1]_ here.

2. Two
======

2.1 Fourth
----------

Broken
 indented

.. [1] a note

2.2 Fifth
---------

Last words.
"""
LINES = (
    "1.9 New\n-------",
    "3. Chapter\n==========",
    "Under\n~~~~~",
    "----",
    "====",
    "  indented",
    "Foo::",
    "::",
    ".. _x:",
    "`First`_",
    "`1.2 Second`_",
    "[1]_",
    "|x|",
    ".. |x| replace:: y",
    "x__",
    "- item",
    "* item\n\n  more",
    "==== ====\na b c d\n==== ====",
    "| line",
    ".. note::",
    "\ttab",
    "+---+\n| x |\n+---+",
    "\x0c",
    "=====\nOver!\n=====",
    "1.3 Third\n---------",
    ":ref:`x`",
    "\\",
    "**x",
    "",
)


def mutated(text, choose, times):
    """The text after some edits; ``choose(n)`` gives a number below n."""
    lines = text.split("\n")
    for _ in range(times):
        at, added = choose(len(lines)), LINES[choose(len(LINES))].split("\n")
        what = choose(8)
        if what == 0:
            lines[at:at] = added
        elif what == 1:
            lines[at:at] = ["", *added, ""]
        elif what == 2:
            lines[at : at + 1 + choose(4)] = []
        elif what == 3:
            lines[at] = " " + lines[at]
        elif what == 4:
            lines[at] = lines[at].strip()[:-1]
        elif what == 5:
            lines[at:at] = lines[max(at - 6, 0) : at]
        elif what == 6:
            lines[at] += "x"
        else:
            lines[at] = lines[at].replace("-", "=")
        lines = lines or [""]
    return "\n".join(lines)


def same(text, known):
    """Both ways must agree."""
    whole = rst.parse(text.encode())
    quick = rst_pieces.parse_near(text.encode(), known)
    for name in ("sections", "tables", "messages", "malformed", "text"):
        assert getattr(quick, name) == getattr(whole, name), f"{name} differ for {text!r}"


@settings(deadline=None, max_examples=150)
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_any_edit_of_a_small_document(choice, times):
    same(mutated(TEXT, choice.randrange, times), rst.parse(TEXT.encode()))


def test_new_section_is_parsed_alone(monkeypatch):
    known = rst.parse(TEXT.encode())
    new = TEXT.replace("1.2 Second\n", "1.15 New\n--------\n\nKVM_CAP_NEW\n\n1.2 Second\n")
    whole = rst.parse(new.encode())
    sizes = []

    def parse(data):
        sizes.append(len(data))
        return rst.parse(data)

    monkeypatch.setattr(rst_pieces, "parse", parse)
    assert rst_pieces.parse_near(new.encode(), known).sections == whole.sections
    assert sizes, "nothing was parsed"
    assert max(sizes) < len(new), "the whole document was parsed; the quick way is never taken"


@pytest.mark.slow
@pytest.mark.parametrize("version", ["6.12", "6.1"])
def test_many_edits_of_the_real_api_rst(version):
    tree = kernel_tree(version)
    command = ["git", "-C", str(tree), "show", "HEAD:Documentation/virt/kvm/api.rst"]
    text = subprocess.run(command, check=True, capture_output=True).stdout.decode()
    known = rst.parse(text.encode())
    choice = random.Random(tree.name)  # noqa: S311 - edits that are the same each time
    for _ in range(30):
        same(mutated(text, choice.randrange, choice.choice((1, 1, 2, 5))), known)
