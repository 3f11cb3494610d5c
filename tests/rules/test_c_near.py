# SPDX-License-Identifier: GPL-2.0-only
"""A C file parsed by its difference is the file parsed whole, whatever was changed."""

import random
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.parse.c import CFile
from reviewbot.parse.c_attributes import blanked
from reviewbot.parse.c_near import edits
from reviewbot.parse.c_syntax import SourceText, nodes_of

FILES = ("x86.c", "vmx/vmx.c", "svm/nested.c", "lapic.h", "mmu/mmu_internal.h")
TEXT = b"""// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kvm_host.h>

#define FLAGS (1 | 2)

static u64 __read_mostly limit __used;

struct kvm_one {
\tu32 flags;
\tu64 pad[4];
} __packed;

/* What a case of the switch does. */
static noinline int first(struct kvm *kvm, u64 __user *data)
{
\tif (data)
\t\treturn -EINVAL;
\tgoto out;
out:
\treturn 0;
}

EXPORT_SYMBOL_GPL(first)

static int __must_check
second(struct kvm *kvm, int ext)
{
\tswitch (ext) {
#ifdef CONFIG_X86
\tcase KVM_CAP_ONE:
#endif
\tcase KVM_CAP_TWO:
\t\treturn first(kvm, NULL);
\tdefault:
\t\tbreak;
\t}
\treturn 0;
}
"""
PIECES = (
    b"{", b"}", b"(", b")", b";", b'"', b"'", b"/*", b"*/", b"//", b"\\\n", b"\n", b"\n\n", b"#endif\n",
    b"#ifdef X\n", b"#else\n", b"#define A 1\n", b"\tcase KVM_CAP_NEW:\n", b"\tif (x)\n\t\treturn 1;\n",
    b"int g(void)\n{\n\treturn 0;\n}\n", b"__init", b"__used", b" __printf(1, 2)", b"(", b"\n(x)", b"static ",
    b"struct a {\n\tint b;\n};\n", b"else", b"do {", b"MACRO(x)\n", b"\xff", b"\r\n",
)  # fmt: skip
CHANGE = st.tuples(st.integers(0, len(TEXT)), st.integers(0, 60), st.sampled_from((b"", *PIECES)))


def nodes(text: SourceText) -> list[tuple[object, ...]]:
    """Every node of a tree, with all that the parser says of it."""
    cursor, found = text.tree.walk(), []
    while True:
        node = cursor.node
        where = node.start_byte, node.end_byte, node.start_point, node.end_point
        found.append((node.type, *where, node.is_missing, cursor.field_id))
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return found


def same(known: SourceText, data: bytes) -> bool:
    """Whether both ways give the same text and tree."""
    near, alone = SourceText(data, known), SourceText(data)
    return near.plain == alone.plain == blanked(data) and nodes(near) == nodes(alone)


@settings(max_examples=600, deadline=None)
@given(st.lists(CHANGE, min_size=1, max_size=4))
def test_changes_anywhere_give_the_tree_of_the_whole_text(changes):
    data = TEXT
    for at, gone, come in changes:
        data = data[:at] + come + data[at + gone :]
    assert same(SourceText(TEXT), data)
    assert same(SourceText(data), TEXT)


@given(st.lists(CHANGE, min_size=1, max_size=6))
def test_edits_lead_from_one_text_to_the_other(changes):
    old = new = TEXT * 3
    for at, gone, come in changes:
        new = new[:at] + come + new[at + gone :]
    made, at = b"", 0
    for start, end, begin, stop in edits(old, new):
        made += old[at:start]
        assert len(made) == begin
        made, at = made + new[begin:stop], end
    assert made + old[at:] == new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"int a __used\n\n;\n", b"int a __used\n\n(1);\n"),
        (b"int a __used\n\n(1);\n", b"int a __used\n\n;\n"),
        (b"int xx__used;\nint b;\n", b"int __used;\nint b;\n"),
        (b"void __init\n\n\nf(void);", b"void __init\n\n(f)(void);"),
        (b"", TEXT),
        (TEXT, b""),
        (TEXT, TEXT.rstrip()),
    ],
)
def test_attributes_depend_on_what_follows(old, new):
    assert same(SourceText(old), new)


def test_what_did_not_change_is_not_parsed_again():
    clean = TEXT[TEXT.index(b"static u64") : TEXT.index(b"EXPORT_")]
    known = SourceText(clean * 300)
    data = known.data.replace(b"-EINVAL", b"-EPERM", 1)
    one, two = (
        {node.id for node in nodes_of(each.root, "compound_statement")}
        for each in (known, SourceText(data, known))
    )
    assert len(one & two) > 0.9 * len(one), "parsed anew: see reviewbot/parse/c_near.py, reparse()"


def test_facts_are_those_of_the_new_version():
    known = CFile("x.c", TEXT)
    data = TEXT.replace(
        b"\tdefault:", b"\tcase KVM_CAP_NEW:\n\t\treturn second(kvm, 1);\n\tdefault:"
    )
    near, alone = CFile("x.c", data, known), CFile("x.c", data)
    assert near.calls("second") == alone.calls("second") != ()
    assert near.switch_cases("second") == alone.switch_cases("second")
    assert dict(near.functions) == dict(alone.functions)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_kernel_files_changed_at_random(name, kernel_tree):
    where = f"HEAD:arch/x86/kvm/{name}"
    data = subprocess.run(
        ["git", "-C", kernel_tree, "show", where], check=True, capture_output=True
    ).stdout
    known, chance = SourceText(data), random.Random(name)  # noqa: S311 - no secret
    for _ in range(40):
        new = data
        for _ in range(chance.choice((1, 1, 2, 5))):
            at = new.rfind(b"\n", 0, chance.randrange(len(new))) + 1
            at += chance.choice((0, 0, 0, chance.randrange(40)))
            new = new[:at] + chance.choice(PIECES) + new[at + chance.choice((0, 0, 0, 9, 80)) :]
        assert same(known, new), f"differs at {edits(data, new)}"
