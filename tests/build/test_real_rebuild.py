# SPDX-License-Identifier: GPL-2.0-only
"""What a changed Makefile or Kconfig makes necessary, on Debian's 6.12: as if all were built anew."""

import uuid
from dataclasses import replace

import pytest
from test_real_kernel import NESTED, _Series, added, compiled, kernel_tools  # noqa: F401 - a fixture

from reviewbot.model.status import Status
from reviewbot.stages import build
from reviewbot.stages.rebuild import Rebuild
from reviewbot.tools import affected, profile

pytestmark = pytest.mark.slow

MAKEFILE = "arch/x86/kvm/Makefile"
KCONFIG = "arch/x86/kvm/Kconfig"
EXTRA = "arch/x86/kvm/extra.c"
NEW_FILE = b"""\
// SPDX-License-Identifier: GPL-2.0
#include <linux/export.h>
int kvm_extra(void);
int kvm_extra(void)
{
	return 1;
}
EXPORT_SYMBOL_GPL(kvm_extra);
"""
# No prompt: only its default decides.  The number has one, and the base's .config holds the old default.
HIDDEN = b"config KVM_EXTRA\n\tdef_bool KVM_AMD\n\n"
GUARDED = "\n#ifdef CONFIG_KVM_EXTRA\nstatic const int only_if_on = 1;\n#endif\n"


def flipped(old):
    start = old.index(b"config KVM_MAX_NR_VCPUS")
    assert b"default 1024" in old[start:]
    return old[:start] + HIDDEN + old[start:].replace(b"default 1024", b"default 2048", 1)


@pytest.fixture(scope="module")
def result(kernel_tools):  # noqa: F811 - pytest's way to share a fixture
    unique = f"\n/* {uuid.uuid4()} */\n"
    patches = (
        {EXTRA: lambda _: NEW_FILE + unique.encode(), MAKEFILE: added("\nkvm-y += extra.o\n")},
        {KCONFIG: flipped, NESTED: added(GUARDED)},
    )
    applied = _Series(kernel_tools.cache).applied(patches)
    return build.run(build.BuildRequest(applied=applied, profile=profile.load("kvm")), kernel_tools)


def test_it_builds(result):
    assert result.reason == ""
    assert [one.status for one in result.patches] == [Status.PASS, Status.PASS]


def test_an_object_added_to_a_makefile_is_made_and_linked(result, kernel_tools):  # noqa: F811
    assert compiled(result, 1, kernel_tools.cache) == {
        "arch/x86/kvm/extra.o",
        "arch/x86/kvm/kvm.mod.o",
    }
    modules = {path: kernel_tools.cache.get(digest) for path, digest in result.tip_image.modules}
    assert b"\0kvm_extra\0" in modules["arch/x86/kvm/kvm.ko"]
    base = dict(result.base_image.modules)["arch/x86/kvm/kvm.ko"]
    assert b"\0kvm_extra\0" not in kernel_tools.cache.get(base)


def test_a_new_symbol_that_is_on_by_default_is_on(result):
    assert [(one.path, one.option) for one in result.patches[1].new] == [
        (NESTED, "-Wunused-const-variable")
    ]


def test_a_changed_default_takes_effect_on_the_tip_alone(result, kernel_tools):  # noqa: F811
    def number(image):
        text = kernel_tools.cache.get(image.config).decode()
        return [line for line in text.split("\n") if line.startswith("CONFIG_KVM_MAX_NR_VCPUS=")]

    assert number(result.base_image) == ["CONFIG_KVM_MAX_NR_VCPUS=1024"]
    assert number(result.tip_image) == ["CONFIG_KVM_MAX_NR_VCPUS=2048"]


def test_what_uses_the_default_is_compiled_again(result, kernel_tools):  # noqa: F811
    made = compiled(result, 2, kernel_tools.cache)
    assert {"arch/x86/kvm/x86.o", "arch/x86/kvm/svm/nested.o"} <= made
    assert "mm/memory.o" not in made


@pytest.mark.parametrize("path", ["arch/x86/kvm/svm/hyperv.c", "kernel/async.c"])
def test_a_file_that_the_makefile_still_names_may_not_go(kernel_tools, path):  # noqa: F811
    """Kbuild itself takes the object that lies there."""
    series = _Series(kernel_tools.cache)
    base = series.store.tree_of(series.commit)
    unique = series.store.repository.create_blob(str(uuid.uuid4()).encode())
    tree = series.store.write_tree(base, {path: None, "README": (str(unique), 0o100644)})
    applied = series.applied(({NESTED: added("")},))
    gone = replace(applied, patches=(replace(applied.patches[0], tree_id=tree),))
    request = build.BuildRequest(applied=gone, profile=profile.load("kvm"))
    (one,) = build.run(request, kernel_tools).patches
    assert one.status is Status.FAIL
    assert [said.path for said in one.new] == [f"{path[:-2]}.o"]


def test_every_object_that_may_be_asked_for_alone_is_there_to_be_asked_for(kernel_tools):  # noqa: F811
    """A target that make does not know, or makes otherwise than the whole kernel's build, would be the patch's error."""
    applied = _Series(kernel_tools.cache).applied(({NESTED: added("\n/* none */\n")},))
    request = build.BuildRequest(applied=applied, profile=profile.load("kvm"))
    made = Rebuild(
        tools=kernel_tools,
        kernel=build.kernel(request),
        whole=build.whole(request.profile),
        title="base",
        place="alone",
    )
    with made.stack:
        source = "include/linux/compiler_types.h"  # which all of them include
        used_by = affected.users(made.objects(), [source])[source]
        objects = [one for one in used_by if one.endswith(".o") and one.partition("/")[0] != "virt"]
        alone = [
            one for one in objects if affected.plan(["x.h"], {"x.h": {one}}, set(), ()).objects
        ]
        assert len(alone) > 500
        tree = applied.base.tree_id
        done = made.make(tree, alone, configure=False, seconds=300, what="objects alone")
    assert done.ok, done.log[-2000:]
    assert not [line for line in done.log.splitlines() if line.startswith(("  CC ", "  AS "))]
