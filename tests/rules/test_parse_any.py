# SPDX-License-Identifier: GPL-2.0-only
"""C and documents of any shape: parsing never raises, and twice the text takes about twice the time."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewbot.parse import rst, rst_pieces
from reviewbot.parse.c import CFile

WORDS = st.sampled_from(
    b"int f ( ) { } ; if else switch case default : ... return goto out while for do && || ? = == "
    b"#ifdef\n #else\n #endif\n #define\n /* */ // \" ' \\\n \n a KVM_CAP_X kvm -> . , [ ] static "
    b"__init __printf(1,2) noinstr struct kvm union typedef 0x10 -E BUG() break continue".split(
        b" "
    )
)
SOURCES = st.one_of(st.binary(max_size=200), st.lists(WORDS, max_size=60).map(b" ".join))
MARKS = st.sampled_from(
    [
        "Title",
        "=====",
        "-----",
        "",
        "::",
        "  text",
        "- item",
        "| line",
        "==== ====",
        "a    b",
        ".. x::",
        "`x`_",
        "[1]_",
        ".. [1] note",
        ":Field: x",
        "+--+--+",
        "*",
        "\t",
        "\x85",
        "\r",
        ".. |x| image:: y",
    ]
)


def everything(file):
    """Ask a file for every kind of fact."""
    for name in ("f", "a", "KVM_CAP_X", "kvm"):
        file.calls(name)
        file.mentions(name)
        file.accesses(name)
        file.names_of_type(name)
        file.array_initialiser(name)
        file.array_size(name)
    for macro in file.macros.values():
        assert isinstance(macro.calls, frozenset)
    for name in file.functions:
        assert file.versions(name)
        file.calls_in(name)
        file.assignments(name)
        file.conditions(name)
        file.switch_cases(name)


@settings(deadline=None, max_examples=300)
@given(SOURCES)
def test_no_c_raises(source):
    everything(CFile("x.c", source))
    everything(CFile("x.c", b"int f(int a)\n{\nswitch (a) {\ncase 1:\n" + source + b"\n}\n}\n"))


@settings(deadline=None, max_examples=100)
@given(st.lists(MARKS, max_size=25), st.lists(MARKS, max_size=25))
def test_no_document_raises(old, new):
    before, after = ("\n".join(lines).encode() for lines in (old, new))
    quick = rst_pieces.parse_near(after, rst.parse(before))
    assert quick.messages == rst.parse(after).messages


def function(number):
    return (
        b"""int f%d(struct kvm *kvm)
{
	if (!kvm || kvm->x)
		return -EINVAL;
	switch (kvm->y) {
	case KVM_CAP_X:
#ifdef CONFIG_X
		a(kvm);
#endif
		break;
	}
	if (kvm->z)
		goto out;
	return f(kvm);
out:
	return a(kvm);
}
"""
        % number
    )


def section(number):
    return b"4.%d KVM_CAP_%d\n------------------\n\n:Type: vm\n\nText\n\n::\n\n  struct x;\n\n" % (
        number,
        number,
    )


def seconds(work):
    """The quickest of three: what disturbs only ever adds."""
    times = []
    for _ in range(3):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


@pytest.mark.parametrize(
    ("piece", "work"),
    [(function, lambda data: everything(CFile("x.c", data))), (section, rst.parse)],
    ids=["C", "document"],
)
def test_time_grows_with_the_text(piece, work):
    few, many = (b"".join(map(piece, range(count))) for count in (100, 400))
    work(few)
    ratio = seconds(lambda: work(many)) / seconds(lambda: work(few))
    assert ratio < 10, f"four times the text takes {ratio:.1f} times as long"


def test_a_deeply_nested_document_is_refused_in_one_line():
    text = b"".join(b" " * n + b"- x\n\n" for n in range(1500))
    with pytest.raises(rst.DocumentUnreadableError, match="nested too deeply"):
        rst.parse(text)
