# SPDX-License-Identifier: GPL-2.0-only
"""The build stage on a tiny kernel: what is compiled, what is new, whose fault it is."""

import dataclasses
import functools
import os
import subprocess
import time
from pathlib import Path

import pytest

from reviewbot.model.errors import InfrastructureError
from reviewbot.model.status import Status
from reviewbot.tools import sandbox, toolchain
from reviewbot.tools.sandbox import Limits

SVM = "arch/x86/kvm/svm.c"
MMU = "arch/x86/kvm/mmu.c"
X86 = "arch/x86/kvm/x86.c"


def append(text):
    return lambda old: old + text


def compiled(lab, build):
    lines = lab.log(build).splitlines()
    return sorted(line.split()[-1] for line in lines if line.startswith("  CC "))


def messages(build):
    return [(one.path, one.function, one.option, one.level) for one in build.new]


def test_a_clean_series_passes_and_compiles_only_what_each_patch_changes(kernel, lab):
    applied = kernel.series({SVM: append("\n/* one */\n")}, {MMU: append("\n/* two */\n")})
    result = lab.build(applied)
    assert result.status is Status.PASS
    assert result.base.status is Status.PASS
    assert [build.status for build in result.patches] == [Status.PASS, Status.PASS]
    assert [compiled(lab, build) for build in result.patches] == [
        ["arch/x86/kvm/svm.o"],
        ["arch/x86/kvm/mmu.o"],
    ]
    assert result.missing_symbols == ()
    assert result.base.new == ()  # the base's own warning is nobody's news


def test_the_patch_commits_and_numbers_are_those_of_the_series(kernel, lab):
    applied = kernel.series({SVM: append("\n")}, {SVM: append("\n\n")})
    result = lab.build(applied)
    assert [(build.number, build.commit) for build in result.patches] == [
        (patch.number, patch.commit) for patch in applied.patches
    ]


def test_only_new_warnings_count_by_place_not_by_line(kernel, lab):
    # The old warning of x86.c moves down and is said again: it is not news.  The new one is.
    applied = kernel.series(
        {X86: lambda old: "\n\n\n" + old}, {X86: append("\nstatic const int new_unused = 2;\n")}
    )
    moved, added = lab.build(applied).patches
    assert "old_unused" in lab.log(moved)
    assert moved.new == ()
    assert [one.message.count("new_unused") for one in added.new] == [1]
    assert added.status is Status.PASS  # W=1 only: nobody else gets it, and -Werror must not count


def test_a_warning_moves_along_with_its_code(kernel, lab):
    moved, renamed = "\nstatic const int old_unused = 1;\n", "arch/x86/kvm/x87.c"
    text = (kernel.path / X86).read_text()
    applied = kernel.series(
        {X86: lambda old: old.replace(moved, ""), MMU: append(moved)},
        {
            X86: None,
            renamed: text,
            "Makefile": lambda old: old.replace("x86.o", "x87.o"),
            MMU: lambda old: old.replace(moved, "\nstatic const int new_unused = 1;\n"),
        },
    )
    first, second = lab.build(applied).patches
    assert "old_unused" in lab.log(first)
    assert "old_unused" in lab.log(second)
    assert first.new == ()
    assert [one.message.count("new_unused") for one in second.new] == [1]


def test_a_warning_that_goes_and_comes_back_is_new_again(kernel, lab):
    line = "\nstatic const int flicker = 2;\n"
    applied = kernel.series(
        {SVM: append(line)},
        {SVM: lambda old: old.replace(line, "")},
        {SVM: append(line)},
    )
    first, second, third = lab.build(applied).patches
    assert [len(one.new) for one in (first, second, third)] == [1, 0, 1]


def test_werror_fails_the_patch_and_a_later_patch_mends_it(kernel, lab):
    bad = "\nstatic int unused_function(void)\n{\n\treturn 1;\n}\n"
    applied = kernel.series(
        {SVM: append(bad)}, {MMU: append("\n")}, {SVM: lambda old: old.replace(bad, "")}
    )
    result = lab.build(applied)
    assert result.status is Status.FAIL
    assert [build.status for build in result.patches] == [Status.FAIL, Status.FAIL, Status.PASS]
    error = result.patches[0].new[0]
    assert (error.path, error.option, error.line) == (SVM, "-Wunused-function", 12)
    assert result.patches[1].new == ()  # still broken, but not by this patch
    assert result.tip_image is not None
    assert result.missing_symbols == ()


def test_a_failing_last_patch_has_no_image(kernel, lab):
    result = lab.build(kernel.series({SVM: append("\nint broken(\n")}))
    assert result.status is Status.FAIL
    assert result.tip_image is None
    assert result.base_image is not None


def test_every_compilable_file_is_compiled_after_an_error(kernel, lab):
    applied = kernel.series(
        {SVM: append("\nint broken(\n"), MMU: append("\nstatic const int extra = 1;\n")}
    )
    (build,) = lab.build(applied).patches
    assert {one.path for one in build.new} == {SVM, MMU}


def test_symbols_of_another_tree_mean_wrong_base(kernel, lab):
    call = (
        "\nint kvm_missing_elsewhere(struct kvm_vcpu *vcpu)\n{\n\treturn vm_enable_npt(vcpu);\n}\n"
    )
    result = lab.build(kernel.series({SVM: append(call)}))
    assert result.status is Status.FAIL
    assert result.missing_symbols == ("vm_enable_npt",)


def test_an_unknown_member_means_wrong_base(kernel, lab):
    use = "\nint member(struct kvm_vcpu *vcpu);\nint member(struct kvm_vcpu *vcpu)\n{\n\treturn vcpu->last_pat;\n}\n"
    assert lab.build(kernel.series({SVM: append(use)})).missing_symbols == ("last_pat",)


def test_a_link_that_lacks_a_symbol_means_wrong_base(kernel, lab):
    use = "\nint from_elsewhere(void);\nint caller(void);\nint caller(void)\n{\n\treturn from_elsewhere();\n}\n"
    result = lab.build(kernel.series({SVM: append(use)}))
    assert result.status is Status.FAIL
    assert "from_elsewhere" in result.patches[0].new[0].message
    # Declared by the patch itself, so it is the author who forgot to define it.
    assert result.missing_symbols == ()


def test_a_symbol_of_a_later_patch_is_the_authors_bug(kernel, lab):
    use = "\nint early(struct kvm_vcpu *v);\nint early(struct kvm_vcpu *v)\n{\n\treturn kvm_later(v);\n}\n"
    define = "static inline int kvm_later(struct kvm_vcpu *vcpu) { return 1; }\n"
    applied = kernel.series({SVM: append(use)}, {"include/linux/kvm_host.h": append(define)})
    result = lab.build(applied)
    assert [build.status for build in result.patches] == [Status.FAIL, Status.PASS]
    assert result.missing_symbols == ()


def test_a_symbol_that_the_base_has_is_not_missing(kernel, lab):
    # start_kernel exists, it is only not declared here: a forgotten #include, not a wrong base.
    use = "\nint again(void);\nint again(void)\n{\n\treturn start_kernel();\n}\n"
    result = lab.build(kernel.series({SVM: append(use)}))
    assert result.status is Status.FAIL
    assert result.missing_symbols == ()


def test_a_header_that_the_series_removes_is_the_authors_bug(kernel, lab):
    gone = "include/linux/kvm_gone.h"
    applied = kernel.series(
        {gone: None, SVM: lambda old: f"#include <linux/kvm_gone.h>\n{old}"},
        base={gone: "#define GONE 1\n"},
    )
    result = lab.build(applied)
    assert result.status is Status.FAIL
    assert result.missing_symbols == ()


def test_a_name_that_a_later_patch_brings_and_another_takes_away_is_the_authors_bug(kernel, lab):
    use = "\nint early(struct kvm_vcpu *v);\nint early(struct kvm_vcpu *v)\n{\n\treturn kvm_later(v);\n}\n"
    define = "static inline int kvm_later(struct kvm_vcpu *vcpu) { return 1; }\n"
    host = "include/linux/kvm_host.h"
    rename = {
        host: lambda old: old.replace("kvm_later", "kvm_last"),
        SVM: lambda old: old.replace("kvm_later", "kvm_last"),
    }
    result = lab.build(kernel.series({SVM: append(use)}, {host: append(define)}, rename))
    assert [build.status for build in result.patches] == [Status.FAIL, Status.PASS, Status.PASS]
    assert result.missing_symbols == ()


def test_a_base_that_does_not_build_is_not_blamed_on_the_series(kernel, lab):
    applied = kernel.series({SVM: append("\n")}, base={X86: append("\nint broken(\n")})
    result = lab.build(applied)
    assert result.status is Status.INFRA
    assert result.base.status is Status.FAIL
    assert result.patches == ()
    assert X86 in result.reason
    assert not list((lab.root / "cache" / "layers").glob("objects-*")), "half a layer was kept"


def test_configuration_that_takes_no_effect_is_said(kernel, lab, profile):
    wants = dataclasses.replace(profile, config=(*profile.config, "CONFIG_NESTED=y"))
    result = lab.build(kernel.series({SVM: append("\n")}), wants)
    assert result.status is Status.INFRA
    assert "CONFIG_NESTED=y" in result.reason


def test_a_header_compiles_its_users_outside_the_targets_too(kernel, lab):
    applied = kernel.series(
        {"include/linux/kernel.h": append("#define MORE 1\n")}, {SVM: append("\n")}
    )
    result = lab.build(applied)
    assert compiled(lab, result.patches[0]) == ["arch/x86/kvm/mmu.o", "kernel/user.o"]
    assert result.status is Status.PASS
    assert result.tip_image.kernel != ""


def test_a_break_outside_the_targets_is_found_in_its_patch(kernel, lab):
    breaks = {"include/linux/kernel.h": lambda old: old.replace("4096", "undeclared_size")}
    mends = {"include/linux/kernel.h": lambda old: old.replace("undeclared_size", "4096")}
    result = lab.build(kernel.series(breaks, {SVM: append("\n")}, mends))
    statuses = [build.status for build in result.patches]
    assert statuses == [Status.FAIL, Status.FAIL, Status.PASS]
    assert "kernel/user.o" in compiled(lab, result.patches[0])
    assert "include/linux/kernel.h" in {one.path for one in result.patches[0].new}


BUILT_IN = "kernel/main.o kernel/user.o"


def test_a_break_in_a_file_that_the_series_brings_is_found_in_its_patch(kernel, lab):
    """Nothing of the base is made from it, and it is no part of the targets."""
    extra = "kernel/extra.c"
    brings = {
        extra: "int extra = 1;\n",
        "Makefile": lambda old: old.replace(BUILT_IN, f"{BUILT_IN} kernel/extra.o"),
    }
    breaks = {extra: "int extra = undeclared;\n"}
    first, second, third = lab.build(kernel.series(brings, breaks, {SVM: append("\n")})).patches
    assert [one.status for one in (first, second, third)] == [
        Status.PASS,
        Status.FAIL,
        Status.FAIL,
    ]
    assert extra in {one.path for one in second.new}
    assert third.new == ()


def test_a_break_in_what_was_made_with_everything_is_found_in_its_patch(kernel, lab):
    """kernel/main.c starts to use the header in a patch that has the whole kernel made."""
    starts = {
        "kernel/main.c": lambda old: f"#include <linux/kernel.h>\n{old}\nint size = SIZE;\n",
        "Makefile": append("\n"),
    }
    header = "include/linux/kernel.h"
    breaks = {header: lambda old: old.replace("SIZE 1", "SIZE undeclared")}
    series = kernel.series(
        starts, breaks, {SVM: append("\n")}, base={header: append("#define SIZE 1\n")}
    )
    first, second, third = lab.build(series).patches
    assert [one.status for one in (first, second, third)] == [
        Status.PASS,
        Status.FAIL,
        Status.FAIL,
    ]
    assert third.new == ()


def test_kconfig_changes_are_configured_first(kernel, lab):
    applied = kernel.series({"Kconfig": append("config KVM_NEW\n")}, {SVM: append("\n")})
    result = lab.build(applied)
    assert [build.status for build in result.patches] == [Status.PASS, Status.PASS]


def test_a_select_of_what_is_not_there_is_news_of_the_patch_that_brings_it(kernel, lab):
    old, new = "# selected: KVM_OLD\n", "config KVM_NEW\n# selected: KVM_NEW\n"
    applied = kernel.series(
        {SVM: append("\n")},
        {"Kconfig": append(new)},
        {"Kconfig": append("config KVM_MORE\n")},
        base={"Kconfig": append(old)},
    )
    result = lab.build(applied)
    said = [[one.message for one in build.new] for build in result.patches]
    assert said == [[], ["unmet direct dependencies detected for KVM_NEW"], []]
    assert result.status is Status.PASS


def test_documentation_compiles_nothing(kernel, lab):
    applied = kernel.series({"Documentation/tiny.rst": append("More\n")})
    result = lab.build(applied)
    assert result.status is Status.PASS
    assert result.tip_image.modules == result.base_image.modules
    assert not any("patch" in said and "steps" in said for said in lab.said)


def test_the_tip_boots_what_the_series_changed(kernel, lab):
    applied = kernel.series(
        {SVM: lambda old: old.replace("+ 1", "+ 2")}, {"Documentation/x.rst": "x\n"}
    )
    result = lab.build(applied)
    base, tip = result.base_image, result.tip_image
    assert [path for path, _ in tip.modules] == ["arch/x86/kvm/kvm.ko", "arch/x86/kvm/kvm-amd.ko"]
    assert (
        dict(base.modules)["arch/x86/kvm/kvm-amd.ko"]
        != dict(tip.modules)["arch/x86/kvm/kvm-amd.ko"]
    )
    assert dict(base.modules)["arch/x86/kvm/kvm.ko"] == dict(tip.modules)["arch/x86/kvm/kvm.ko"]
    assert base.kernel == tip.kernel
    assert lab.cache.get(tip.kernel).startswith(b"\x7fELF")


def test_modules_that_a_target_needs_are_made_with_it(kernel, lab, profile):
    # Without kvm.ko beside it, modpost would say that kvm-amd.ko uses something undefined.
    alone = dataclasses.replace(profile, targets=("arch/x86/kvm/kvm-amd.ko",))
    result = lab.build(kernel.series({SVM: append("\n")}, {MMU: append("\nint broken(\n")}), alone)
    assert [build.status for build in result.patches] == [Status.PASS, Status.FAIL]


def test_a_changed_kernel_is_linked_at_the_tip(kernel, lab):
    applied = kernel.series(
        {"kernel/main.c": lambda old: old.replace("0", "7")}, {SVM: append("\n")}
    )
    result = lab.build(applied)
    assert result.base_image.kernel != result.tip_image.kernel


EXPORTED = "\nint probe(void);\nint probe(void)\n{\n\treturn 1;\n}\nEXPORT_SYMBOL_GPL(probe);\n"
USER = "\nint probe(void);\nint uses(void);\nint uses(void)\n{\n\treturn probe();\n}\n"
MACRO = {
    "include/linux/kernel.h": append("#define EXPORT_SYMBOL_GPL(name) extern int exported_##name\n")
}


def test_a_patch_uses_what_the_one_before_exports_from_the_kernel(kernel, lab):
    applied = kernel.series(
        {"kernel/user.c": append(EXPORTED)}, {SVM: append(USER)}, {MMU: append("\n")}, base=MACRO
    )
    result = lab.build(applied)
    said = [one.message for build in result.patches for one in build.new]
    assert said == [], "modpost was shown the base's kernel"
    assert result.status is Status.PASS


def test_a_later_run_knows_what_an_earlier_one_exported(kernel, lab):
    short = kernel.series({"kernel/user.c": append(EXPORTED)}, base=MACRO)
    assert lab.build(short).status is Status.PASS
    made = [kernel.commit({SVM: append(USER)}), kernel.commit({MMU: append("\n")})]
    more = [
        dataclasses.replace(short.patches[0], number=number, commit=commit, tree_id=tree)
        for number, (commit, tree) in enumerate(made, 2)
    ]
    result = lab.build(dataclasses.replace(short, patches=(*short.patches, *more)))
    assert [build.status for build in result.patches] == [Status.PASS] * 3


def test_a_module_that_no_target_needed_before_exports_as_well(kernel, lab):
    """As if mmu.o were a module that the series adds: modpost is shown it when all are made, and not before."""
    all_made = "exporters := arch/x86/kvm/x86.o{}\norder := :"
    shown = {
        "Makefile": lambda old: old.replace(
            all_made.format(""), all_made.format(" arch/x86/kvm/mmu.o")
        )
    }
    use = "\nint uses(void);\nint uses(void)\n{\n\treturn kvm_mmu_reload(0);\n}\n"
    extra = "static const int new_unused = 1;\n"
    applied = kernel.series({SVM: append(use + extra)}, {MMU: append("\n")}, base=shown)
    first, second = lab.build(applied).patches
    assert (first.status, second.status) == (Status.PASS, Status.PASS)
    assert [one.message.count("new_unused") for one in first.new] == [1]
    assert second.new == ()


def test_an_export_that_goes_is_missed_in_its_patch(kernel, lab):
    applied = kernel.series(
        {"kernel/user.c": lambda old: old.replace(EXPORTED, "")},
        {MMU: append("\n")},
        base={**MACRO, "kernel/user.c": append(EXPORTED), SVM: append(USER)},
    )
    first, second = lab.build(applied).patches
    assert (first.status, len(first.new)) == (Status.FAIL, 1)
    assert second.new == ()


def test_a_log_that_is_too_long_to_be_kept_is_no_pass(kernel, lab, monkeypatch):
    """What was cut off may be the warning."""
    loud = "".join(f'#pragma message "{number:0200}"\n' for number in range(40))
    applied = kernel.series({SVM: append(f"\n{loud}static const int new_unused = 2;\n")})
    lab.build(dataclasses.replace(applied, patches=()))
    monkeypatch.setattr(sandbox, "run", functools.partial(sandbox.run, output_limit=4000))
    (build,) = lab.build(applied).patches
    assert build.status is Status.INFRA


def test_the_second_run_compiles_nothing(kernel, lab):
    applied = kernel.series(
        {SVM: append("\nstatic const int new_unused = 2;\n")}, {MMU: append("\n")}
    )
    first = lab.build(applied)
    lab.said.clear()
    second = lab.build(applied)
    assert lab.said == []
    assert all(build.reused for build in second.patches)
    unmarked = [dataclasses.replace(build, reused=False) for build in second.patches]
    assert unmarked == list(first.patches)
    assert (second.tip_image, second.base_image) == (first.tip_image, first.base_image)


def test_a_base_that_another_linker_linked_is_built_again(kernel, lab, monkeypatch):
    applied = kernel.series({SVM: append("\n")})
    lab.build(applied)
    lab.said.clear()
    monkeypatch.setattr(toolchain, "linker", lambda: "GNU ld 9.99")
    assert not lab.build(applied).patches[0].reused
    assert any(said.startswith("base") for said in lab.said)


def test_objects_from_the_future_are_not_taken_for_those_of_the_series(kernel, lab):
    first = kernel.series({SVM: append("\n")})
    lab.build(first)
    (made,) = (lab.root / "cache/layers").glob("objects-*/build.json")
    for file in made.parent.rglob("*"):  # as if the clock had been an hour ahead
        os.utime(file, (time.time() + 3600, time.time() + 3600))
    change = kernel.commit({SVM: append("\nint broken(\n")})
    patch = dataclasses.replace(first.patches[0], number=2, commit=change[0], tree_id=change[1])
    with pytest.raises(InfrastructureError, match="clock"):
        lab.build(dataclasses.replace(first, patches=(*first.patches, patch)))


def test_a_pruned_image_is_made_again(kernel, lab):
    applied = kernel.series({SVM: append("\nint extra(void);\nint extra(void) { return 3; }\n")})
    first = lab.build(applied)
    lab.cache.path(dict(first.tip_image.modules)["arch/x86/kvm/kvm-amd.ko"]).unlink()
    assert lab.build(applied).tip_image == first.tip_image


def test_a_pruned_image_that_cannot_be_made_again_is_not_the_bases(kernel, lab, monkeypatch):
    applied = kernel.series({SVM: append("\nint extra(void);\nint extra(void) { return 3; }\n")})
    first = lab.build(applied)
    lab.cache.path(dict(first.tip_image.modules)["arch/x86/kvm/kvm-amd.ko"]).unlink()
    # As on a machine that has no memory for it: every process gets 4 MiB.
    monkeypatch.setattr(
        sandbox, "run", functools.partial(sandbox.run, limits=Limits(memory=4 << 20))
    )
    with pytest.raises(InfrastructureError, match="made again"):
        lab.build(applied)


@pytest.mark.parametrize(
    ("path", "off"),
    [
        ("Makefile", lambda old: old.replace("kvm.o arch/x86/kvm/kvm-amd.o >", "kvm.o >")),
        ("arch/x86/kvm/Makefile", append("no-amd := y\n")),
    ],
)
def test_a_module_that_a_patch_turns_off_is_not_that_of_the_base(kernel, lab, path, off):
    listed = "kvm.o arch/x86/kvm/kvm-amd.o >"
    base = {
        "Makefile": lambda old: old.replace(
            listed, "kvm.o $(if $(no-amd),,arch/x86/kvm/kvm-amd.o) >"
        )
    }
    applied = kernel.series(
        {path: off},
        {SVM: append("\nint more(void);\nint more(void) { return 1; }\n")},
        base=base if path != "Makefile" else {},
    )
    result = lab.build(applied)
    assert [build.status for build in result.patches] == [Status.INFRA, Status.INFRA]
    assert "kvm-amd.ko" in result.reason
    assert result.tip_image is None


def test_a_run_continues_after_the_patches_that_are_done(kernel, lab):
    short = kernel.series({SVM: append("\nstatic const int one = 2;\n")})
    lab.build(short)
    made = kernel.commit({MMU: append("\nstatic const int two = 2;\n")})
    patch = dataclasses.replace(short.patches[0], number=2, commit=made[0], tree_id=made[1])
    longer = dataclasses.replace(short, patches=(*short.patches, patch))
    result = lab.build(longer)
    assert [build.reused for build in result.patches] == [True, False]
    # svm.c is compiled again in the new view; its warning belongs to patch 1 all the same.
    assert [[one.path for one in build.new] for build in result.patches] == [[SVM], [MMU]]


def test_a_new_and_a_deleted_file(kernel, lab):
    header = "include/linux/kvm_new.h"
    applied = kernel.series(
        {header: "#define NEW 1\n", SVM: lambda old: f"#include <linux/kvm_new.h>\n{old}"},
        {header: "#define NEW 2\n"},
        {header: None, SVM: lambda old: old.replace("#include <linux/kvm_new.h>\n", "")},
        {header: "#define NEW 3\n"},
        {header: None, SVM: lambda old: f"#include <linux/kvm_new.h>\n{old}"},
    )
    result = lab.build(applied)
    statuses = [build.status for build in result.patches]
    assert statuses == [Status.PASS, Status.PASS, Status.PASS, Status.PASS, Status.FAIL]
    assert compiled(lab, result.patches[1]) == ["arch/x86/kvm/svm.o"]


@pytest.mark.parametrize("path", [MMU, "kernel/user.c"], ids=["target", "elsewhere"])
def test_a_file_that_the_makefile_still_names_may_not_go(kernel, lab, path):
    """Its object lies there, and make asks for no more: who builds from nothing has none."""
    forgets = {"Makefile": lambda old: old.replace(f" {path[:-2]}.o", "")}
    applied = kernel.series({path: None}, {SVM: append("\n")}, forgets, {SVM: append("\n\n")})
    first, second, third, fourth = lab.build(applied).patches
    assert (first.status, second.status) == (Status.FAIL, Status.FAIL)
    assert [f"{path[:-2]}.o" in one.message for one in first.new] == [True]
    assert second.new == ()
    assert (third.status, fourth.status) == (Status.PASS, Status.PASS)


def test_a_break_in_a_renamed_file_is_found_in_the_header_that_breaks_it(kernel, lab):
    old, new = "kernel/user.c", "kernel/renamed.c"
    renames = {
        old: None,
        new: (kernel.path / old).read_text(),
        "Makefile": lambda text: text.replace("kernel/user.o", "kernel/renamed.o"),
    }
    breaks = {
        "include/linux/kernel.h": append(
            "#ifdef RENAMED\n#undef PAGE_SIZE\n#define PAGE_SIZE undeclared\n#endif\n"
        )
    }
    renames[new] = f"#define RENAMED\n{renames[new]}"
    first, second, third = lab.build(kernel.series(renames, breaks, {SVM: append("\n")})).patches
    assert [one.status for one in (first, second, third)] == [
        Status.PASS,
        Status.FAIL,
        Status.FAIL,
    ]
    assert third.new == ()


def test_what_a_header_was_used_by_is_not_asked_for_when_its_source_is_gone(kernel, lab):
    gone = "kernel/user.c"
    removes = {gone: None, "Makefile": lambda old: old.replace(" kernel/user.o", "")}
    header = {"include/linux/kernel.h": append("#define MORE 1\n")}
    result = lab.build(kernel.series(removes, header, {SVM: append("\n")}))
    assert [one.status for one in result.patches] == [Status.PASS] * 3


SEARCH = ("-I$(srctree)/include", "-I$(srctree)/arch/x86/lib -I$(srctree)/include")
OLD_HEADER = "arch/x86/lib/extra.h"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (OLD_HEADER, "arch/x86/kvm/extra.h", "extra.h"),
        ("include/linux/extra.h", "arch/x86/kvm/linux/extra.h", "linux/extra.h"),
    ],
    ids=["neighbour", "same end"],
)
def test_a_new_header_that_is_found_instead_of_another(kernel, lab, old, new, said):
    """What includes it has not changed, nor has anything it was made from."""
    base = {
        "Makefile": lambda text: text.replace(*SEARCH),
        old: "#define EXTRA 1\n",
        SVM: append(f'\n#include "{said}"\n'),
    }
    applied = kernel.series({new: "#error found instead\n"}, {MMU: append("\n")}, base=base)
    first, second = lab.build(applied).patches
    assert (first.status, second.status) == (Status.FAIL, Status.FAIL)
    assert [(one.path, one.line) for one in first.new] == [(new, 1)]


def test_a_new_header_like_another_compiles_no_more_than_its_users(kernel, lab):
    base = {
        "Makefile": lambda text: text.replace(*SEARCH),
        OLD_HEADER: "\n",
        SVM: append('\n#include "extra.h"\n'),
    }
    applied = kernel.series({"arch/x86/kvm/extra.h": "\n", MMU: append("\n")}, base=base)
    (build,) = lab.build(applied).patches
    assert compiled(lab, build) == ["arch/x86/kvm/mmu.o", "arch/x86/kvm/svm.o"]


def test_nothing_is_left_behind(kernel, lab):
    lab.build(kernel.series({SVM: append("\n")}))
    assert list((lab.root / "scratch-1").iterdir()) == []
    assert str(lab.root) not in Path("/proc/mounts").read_text()


def test_no_patches_is_no_pass(kernel, lab):
    result = lab.build(kernel.series())
    assert result.status is Status.INFRA
    assert result.reason


def test_the_command_repeats_the_build_outside_the_sandbox(kernel, lab, tmp_path):
    applied = kernel.series({SVM: append("\nstatic const int new_unused = 2;\n")})
    (build,) = lab.build(applied).patches
    checkout = tmp_path / "checkout" / "linux"
    subprocess.run(["git", "clone", "-q", kernel.path, checkout], check=True)
    done = subprocess.run(
        ["bash", "-ec", build.command], cwd=checkout, capture_output=True, text=True, check=True
    )
    assert "new_unused" in done.stderr
    assert (checkout.parent / "lab" / "arch/x86/kvm/x86.o").exists()
    assert "modpost" not in done.stderr
    assert max(len(line) for line in build.command.splitlines()) <= 90


def test_the_command_for_a_symbol_that_modpost_misses_links_the_kernel(kernel, lab, tmp_path):
    # Without vmlinux.o it would miss all the others as well; with a directory alone it would not be asked.
    base = {**MACRO, "kernel/user.c": append(EXPORTED), SVM: append(USER)}
    use = "\nint gone(void);\nint again(void);\nint again(void)\n{\n\treturn gone();\n}\n"
    (build,) = lab.build(kernel.series({MMU: append("\n"), SVM: append(use)}, base=base)).patches
    checkout = tmp_path / "checkout" / "linux"
    subprocess.run(["git", "clone", "-q", kernel.path, checkout], check=True)
    done = subprocess.run(
        ["bash", "-c", build.command], cwd=checkout, capture_output=True, text=True, check=False
    )
    missed = [line for line in done.stderr.split("\n") if "modpost" in line]
    assert missed == ['ERROR: modpost: "gone" [arch/x86/kvm/kvm-amd.ko] undefined!']


@pytest.mark.parametrize("kind", ["reflink copy", "plain copy"])
def test_without_overlayfs_copies_do_the_same(kernel, lab, kind, monkeypatch):
    from reviewbot.tools import layers

    how = layers.Sharing(kind)
    if how is layers.Sharing.REFLINK:
        source, clone = lab.root / "a", lab.root / "b"
        source.write_text("x")
        if subprocess.run(
            ["cp", "--reflink=always", source, clone], check=False, capture_output=True
        ).returncode:
            pytest.skip(f"the file system of {lab.root} has no reflinks")
    monkeypatch.setattr(layers, "sharing_at", lambda _place: how)
    header = "include/linux/kvm_new.h"
    applied = kernel.series({header: "#define X\n"}, {header: None, SVM: append("\nint broken(\n")})
    result = lab.build(applied)
    assert [build.status for build in result.patches] == [Status.PASS, Status.FAIL]
    assert list((lab.root / "scratch-1").iterdir()) == []


def test_the_kernel_is_built_whole_for_what_no_object_is_known_to_use(kernel, lab):
    # As arch/x86/kernel/vmlinux.lds.S: it is made into no object, but into the kernel.
    script = "kernel/tiny.lds.S"
    base = {
        script: "good\n",
        "Makefile": lambda old: old.replace(
            "bzImage: kernel/main.o kernel/user.o\n",
            "bzImage: kernel/main.o kernel/user.o\n\t@grep -qx good $(srctree)/kernel/tiny.lds.S || "
            "{ echo 'ld: syntax error in tiny.lds' >&2; exit 1; }\n",
        ),
    }
    result = lab.build(kernel.series({script: "bad\n"}, base=base))
    assert result.status is Status.FAIL
    assert result.tip_image is None


def test_words_of_a_full_disk_in_a_patch_are_the_patchs_error(kernel, lab):
    result = lab.build(kernel.series({SVM: append("\n#error No space left on device\n")}))
    assert result.status is Status.FAIL
