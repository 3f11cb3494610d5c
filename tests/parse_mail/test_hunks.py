# SPDX-License-Identifier: GPL-2.0-only
"""Hunks go where there is one place for them, and nowhere when that is in doubt."""

import time

import pytest

from reviewbot.model.series import FileDiff
from reviewbot.parse.diff import parse_diff
from reviewbot.parse.hunks import Effort, MisfitError, added_content, put_hunks

HEADER = """\
#define KVM_CAP_ONE 1
#define KVM_CAP_TWO 2

struct kvm_routing {
    __u32 gsi;
    __u32 type;
    __u32 pad;
};

struct kvm_other {
    __u32 first;
    __u32 second;
};
"""
CAPABILITY = """\
@@ -1,5 +1,6 @@
 #define KVM_CAP_ONE 1
 #define KVM_CAP_TWO 2
+#define KVM_CAP_NEW 7

 struct kvm_routing {
     __u32 gsi;
"""
FIELD = """\
@@ -10,4 +10,5 @@
 struct kvm_other {
     __u32 first;
+    __u32 added;
     __u32 second;
 };
"""


def diff_of(hunks: str, path: str = "include/uapi/linux/kvm.h") -> FileDiff:
    return parse_diff(f"--- a/{path}\n+++ b/{path}\n{hunks}")[0]


def put(hunks: str, text: str, path: str = "include/uapi/linux/kvm.h") -> str:
    return put_hunks(diff_of(hunks, path), text.encode(), Effort()).decode()


def test_hunks_that_fit_are_put_at_an_offset_too() -> None:
    moved = "/* one\n * two */\n" + HEADER
    both = put(CAPABILITY + FIELD.replace("+10,5", "+11,5"), moved)
    assert both == moved.replace("TWO 2\n", "TWO 2\n#define KVM_CAP_NEW 7\n").replace(
        "first;\n", "first;\n    __u32 added;\n"
    )


def test_a_list_that_grew_still_takes_a_new_entry() -> None:
    grown = HEADER.replace("TWO 2\n", "TWO 2\n#define KVM_CAP_THREE 3\n#define KVM_CAP_FOUR 4\n")
    assert "FOUR 4\n#define KVM_CAP_NEW 7\n\nstruct kvm_routing" in put(CAPABILITY, grown)


def test_a_struct_that_grew_does_not_take_a_field_by_one_neighbour() -> None:
    """Which side of the tree's new member it belongs on decides about the layout."""
    grown = HEADER.replace("__u32 second;", "__u64 inserted;\n    __u32 second;")
    with pytest.raises(MisfitError, match="not in the tree"):
        put(FIELD, grown)


def test_a_struct_takes_a_field_between_neighbours_that_are_still_there() -> None:
    changed = HEADER.replace("struct kvm_other {", "struct kvm_other { /* more */")
    assert "first;\n    __u32 added;\n    __u32 second;" in put(FIELD, changed)


def test_two_places_are_none() -> None:
    twice = HEADER.replace("struct kvm_other {", "struct kvm_a {")
    twice += "\n" + twice[twice.index("struct kvm_a") :].replace("kvm_a", "kvm_b")
    with pytest.raises(MisfitError, match="2 places"):
        put(FIELD, twice)


def test_lines_that_the_patch_removes_must_be_there() -> None:
    hunk = "@@ -1,3 +1,3 @@\n-#define KVM_CAP_ONE 1\n+#define KVM_CAP_ONE 9\n #define KVM_CAP_TWO 2\n \n"
    with pytest.raises(MisfitError):
        put(hunk, HEADER.replace("KVM_CAP_ONE 1", "KVM_CAP_ONE 5"))


@pytest.mark.parametrize("known", ["#define KVM_CAP_NEW 9", "#  define KVM_CAP_NEW 7"])
def test_a_tree_that_has_what_the_patch_adds_is_newer(known: str) -> None:
    with pytest.raises(MisfitError, match="already has 'KVM_CAP_NEW'"):
        put(CAPABILITY, f"{HEADER}{known}\n")


def test_a_value_that_the_patch_changes_is_no_new_name() -> None:
    hunk = "@@ -1,3 +1,3 @@\n-#define KVM_CAP_ONE 1\n+#define KVM_CAP_ONE 9\n #define KVM_CAP_TWO 2\n \n"
    assert "KVM_CAP_ONE 9" in put(hunk, HEADER)


def test_a_section_that_a_document_has_is_not_added_twice() -> None:
    hunk = "@@ -1,2 +1,5 @@\n Text\n+8.41 KVM_CAP_NEW\n+----------------\n+\n More\n"
    document = "7.1 KVM_CAP_NEW\n---------------\n\nText\nMore\n"
    with pytest.raises(MisfitError, match="already has 'KVM_CAP_NEW'"):
        put(hunk, document, "Documentation/virt/kvm/api.rst")


def test_bytes_that_are_no_utf_8_survive() -> None:
    raw = b"/* caf\xe9 */\n" + HEADER.encode()
    assert put_hunks(diff_of(FIELD), raw, Effort()).startswith(b"/* caf\xe9 */\n#define")


def test_a_hunk_of_nothing_but_blank_context_has_no_place() -> None:
    with pytest.raises(MisfitError):
        put("@@ -3,2 +3,3 @@\n \n+int x;\n \n", "int a;\n\nint b;\n")


def test_a_new_file_is_what_its_patch_says() -> None:
    text = "--- /dev/null\n+++ b/f\n@@ -0,0 +1,2 @@\n+one\n+two\n\\ No newline at end of file\n"
    assert added_content(parse_diff(text)[0]) == b"one\ntwo"


def test_a_patch_built_to_be_slow_is_given_up_in_bounded_time() -> None:
    text = "int same;\n" * 100_000
    hunk = "@@ -{0},3 +{0},4 @@\n int same;\n int same;\n+int x;\n int same;\n"
    hunks = "".join(hunk.format(number * 9 + 1) for number in range(5_000))
    started = time.monotonic()
    with pytest.raises(MisfitError, match="too long"):
        put(hunks, text)
    assert time.monotonic() - started < 30
