# SPDX-License-Identifier: GPL-2.0-only
"""Members of structs as text declares them, in headers and in documents."""

from reviewbot.parse.c_structs import declared_structs
from reviewbot.rulekit.facts import Facts
from reviewbot.rulekit.structs import documented_structs
from reviewbot.rulekit.trees import View

HEADER = b"""
struct kvm_example {
	__u32 first, second;	/* two */
	union {
		struct { __u8 ar; __u8 pad[6]; };
		struct kvm_inner { __u64 a; } inner;
		__u8 reserved[32];
	};
	char name[KVM_NAME_SIZE];
	int (*call)(int);
#ifdef __KERNEL__
	__u64 kernel;
#endif
	__DECLARE_FLEX_ARRAY(__u64, data);
};
"""


def names(members):
    return [(member.name, member.size) for member in members]


def test_members_of_anonymous_structs_are_the_structs_own():
    assert names(declared_structs(HEADER)["kvm_example"]) == [
        ("first", None),
        ("second", None),
        ("ar", None),
        ("pad", "6"),
        ("inner.a", None),
        ("reserved", "32"),
        ("name", "KVM_NAME_SIZE"),
        ("call", None),
        ("kernel", None),
        ("data", ""),
    ]
    assert names(declared_structs(HEADER)["kvm_inner"]) == [("a", None)]


def test_deep_nesting_and_unclosed_braces_come_to_an_end():
    deep = b"struct a { int x; " + b"struct { " * 5000 + b"int y;"
    assert declared_structs(deep).keys() <= {"a"}


DOCUMENT = """
Text with struct kvm_prose { in it.

::

  struct kvm_whole {
	__u32 flags;	/* in */
	struct {
		__u8 pad[4];
	} inner;
  };

  struct kvm_left_out {
	__u32 flags;
	...
  };

  struct kvm_pieces {
	__u32 flags;

Prose in between.

  };
"""


def test_only_whole_structs_of_a_document_are_read(small):
    path = "Documentation/virt/kvm/api.rst"
    view = View(tree=small.tree({path: DOCUMENT}), facts=Facts(), label="a test")
    (only,) = documented_structs(view, path)
    assert (only.name, only.line) == ("kvm_whole", 6)
    assert names(only.members) == [("flags", None), ("inner.pad", "4")]
