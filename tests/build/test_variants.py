# SPDX-License-Identifier: GPL-2.0-only
"""The tip in other configurations: only where the series asks for it, only what is new, nobody blamed wrongly."""

import subprocess
import threading
from dataclasses import replace

import pytest

from reviewbot.model.profile import Variant
from reviewbot.model.status import Status
from reviewbot.stages import build, variants
from reviewbot.stages.recipe import recipe
from reviewbot.tools import kbuild, toolchain

MMU = "arch/x86/kvm/mmu.c"
OBJECTS = ("arch/x86/kvm/x86.o", "arch/x86/kvm/mmu.o")


def append(text):
    return lambda old: old + text


def variant(**more):
    return Variant(
        **({"name": "other", "targets": OBJECTS, "config": ("CONFIG_KVM_WERROR=n",)} | more)
    )


def built(lab, applied, *wanted):
    profile = replace(lab.profile, variants=wanted)
    request = build.BuildRequest(applied=applied, profile=profile)
    return variants.run(
        variants.VariantRequest(
            applied=applied, profile=profile, variables=build.variables(request)
        ),
        lab.tools(),
    )


def test_a_clean_tip_passes_with_the_command_that_repeats_it(kernel, lab):
    applied = kernel.series({MMU: append("\n/* one */\n")})
    (one,) = built(lab, applied, variant())
    assert (one.status, one.new, one.reason) == (Status.PASS, (), "")
    assert "CONFIG_KVM_WERROR=n" not in one.command
    assert "KVM_WERROR=n" in one.command
    assert one.compiler.startswith("gcc")


def repeated(kernel, place, command):
    """What a result's command prints in a checkout of the tip, outside the sandbox."""
    checkout = place / "checkout" / "linux"
    subprocess.run(["git", "clone", "-q", kernel.path, checkout], check=True)
    done = subprocess.run(
        ["bash", "-c", command], cwd=checkout, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_the_command_repeats_it_outside_the_sandbox(kernel, lab, tmp_path):
    only_there = append("\n#ifndef CONFIG_KVM_WERROR\n#error only here\n#endif\n")
    (one,) = built(lab, kernel.series({MMU: only_there}), variant())
    (error,) = one.new
    said = f"{MMU}:{error.line}:{error.column}: error: {error.message}"
    assert said in repeated(kernel, tmp_path, one.command)


def test_the_command_configures_for_the_same_architecture_and_compiler():
    said = recipe(("CONFIG_KVM=y",), ("ARCH=arm64", "LLVM=-19", "W=1"), ("arch/arm64/kvm/",))
    configure, make = said.replace("\\\n    ", "").split("\n")[-2:]
    assert (
        configure == "make O=../lab ARCH=arm64 LLVM=-19 KCONFIG_ALLCONFIG=../lab/wanted allnoconfig"
    )
    assert make.endswith("-k ARCH=arm64 LLVM=-19 W=1 arch/arm64/kvm/")


def test_what_breaks_only_there_is_found(kernel, lab):
    only_there = append("\n#ifndef CONFIG_KVM_WERROR\n#error only here\n#endif\n")
    applied = kernel.series({MMU: only_there})
    assert lab.build(applied).status is Status.PASS
    (one,) = built(lab, applied, variant())
    assert one.status is Status.FAIL
    assert [(d.path, "only here" in d.message) for d in one.new] == [(MMU, True)]


def test_what_neither_series_nor_base_has_there_is_not_the_series_fault(kernel, lab):
    """A series for arm64 on a base without what it builds on: nothing else compiles its code."""
    call = "\n#ifndef CONFIG_KVM_WERROR\nint lost(void);\nint lost(void) { return KVM_OF_TOMORROW + KVM_TOO; }\n#endif\n"
    applied = kernel.series({MMU: append(call)})
    assert lab.build(applied).missing_symbols == ()
    (one,) = built(lab, applied, variant())
    assert (one.status, one.new) == (Status.INFRA, ())
    assert "missing prerequisite: KVM_OF_TOMORROW, KVM_TOO are defined neither by" in one.reason


def test_only_the_tip_counts(kernel, lab):
    broken = "\n#ifndef CONFIG_KVM_WERROR\n#error for now\n#endif\n"
    applied = kernel.series({MMU: append(broken)}, {MMU: lambda old: old.replace(broken, "")})
    (one,) = built(lab, applied, variant())
    assert one.status is Status.PASS


def test_messages_of_the_base_are_not_news(kernel, lab):
    applied = kernel.series({MMU: append("\nstatic const int new_unused = 2;\n")})
    (one,) = built(lab, applied, variant())
    assert one.status is Status.PASS
    assert ["new_unused" in d.message for d in one.new] == [True]


def test_a_base_that_does_not_build_so_is_not_the_series_fault(kernel, lab):
    broken = {MMU: append("\n#ifndef CONFIG_KVM_WERROR\n#error always\n#endif\n")}
    applied = kernel.series({MMU: append("\n/* one */\n")}, base=broken)
    (one,) = built(lab, applied, variant())
    assert one.status is Status.INFRA
    assert one.reason == "the base does not build with other"


def test_a_configuration_that_the_kernel_does_not_know_is_not_tried(kernel, lab):
    applied = kernel.series({MMU: append("\n/* one */\n")})
    (one,) = built(lab, applied, variant(config=("CONFIG_OF_TOMORROW=y",)))
    assert one.status is Status.INFRA
    assert "does not take CONFIG_OF_TOMORROW=y" in one.reason


def test_a_configuration_that_the_series_takes_away_is_not_tried(kernel, lab):
    gone = {"Kconfig": lambda old: old.replace("config KVM_EXTRA\n", "")}
    applied = kernel.series(gone, base={"Kconfig": append("config KVM_EXTRA\n")})
    (one,) = built(lab, applied, variant(config=("CONFIG_KVM_EXTRA=y",)))
    assert one.status is Status.INFRA
    assert "CONFIG_KVM_EXTRA=y" in one.reason


@pytest.mark.parametrize(
    ("paths", "asked"),
    [((), True), (("arch/x86/*",), True), (("arch/arm64/*", "virt/kvm/*"), False)],
)
def test_a_variant_is_built_for_the_files_it_is_about(kernel, lab, paths, asked):
    applied = kernel.series({MMU: append("\n/* one */\n")})
    assert bool(built(lab, applied, variant(paths=paths))) is asked


def test_new_symbols_are_configured(kernel, lab):
    applied = kernel.series({"Kconfig": append("config KVM_NEW\n"), MMU: append("\n/* one */\n")})
    (one,) = built(lab, applied, variant())
    assert (one.status, one.new) == (Status.PASS, ())


def test_a_select_of_what_is_not_there_is_found_there_as_well(kernel, lab):
    new = {"Kconfig": append("config KVM_NEW\n# selected: KVM_NEW\n")}
    applied = kernel.series(new, base={"Kconfig": append("# selected: KVM_OLD\n")})
    (one,) = built(lab, applied, variant())
    assert [d.message for d in one.new] == ["unmet direct dependencies detected for KVM_NEW"]


def test_without_new_symbols_the_configuration_of_the_base_is_kept(kernel, lab, monkeypatch):
    two = kernel.series({MMU: append("\n/* one */\n")}, {MMU: append("\nint kvm_two;\n")})
    built(lab, replace(two, patches=two.patches[:1]), variant())

    def configure(*_words, **_more):
        pytest.fail("configured anew, which takes seconds, though no Kconfig file is touched")

    monkeypatch.setattr(kbuild.Workspace, "configure", configure)
    (found,) = built(lab, two, variant())
    assert found.status is Status.PASS


def test_none_is_begun_that_nobody_wants_any_more(kernel, lab):
    applied = kernel.series({MMU: append("\n/* one */\n")})
    profile = replace(lab.profile, variants=(variant(), variant(name="second")))
    wanted = build.BuildRequest(applied=applied, profile=profile)
    request = variants.VariantRequest(
        applied=applied, profile=profile, variables=build.variables(wanted)
    )
    stop = threading.Event()
    stop.set()
    assert variants.run(request, lab.tools(), stop) == ()
    assert lab.said == []


def test_a_second_look_compiles_nothing(kernel, lab):
    applied = kernel.series({MMU: append("\n/* one */\n")})
    first = built(lab, applied, variant())
    lab.said.clear()
    assert built(lab, applied, variant(name="renamed")) == (replace(first[0], name="renamed"),)
    assert lab.said == []


def test_no_clang_is_an_answer(monkeypatch, tmp_path):
    monkeypatch.setattr("reviewbot.tools.process.PATH", str(tmp_path))
    toolchain.llvm.cache_clear()
    try:
        assert toolchain.llvm() is None
    finally:
        toolchain.llvm.cache_clear()


def test_the_newest_clang_with_all_its_programs_is_taken(monkeypatch, tmp_path):
    monkeypatch.setattr("reviewbot.tools.process.PATH", str(tmp_path))
    programs = (
        "clang",
        "ld.lld",
        "llvm-ar",
        "llvm-nm",
        "llvm-objcopy",
        "llvm-strip",
        "llvm-readelf",
    )
    for name in (*(f"{program}-15" for program in programs), "clang-19", "ld.lld-19"):
        (tmp_path / name).touch()
    toolchain.llvm.cache_clear()
    try:
        assert toolchain.llvm() == "-15"
        for program in programs:
            (tmp_path / program).touch()
        toolchain.llvm.cache_clear()
        assert toolchain.llvm() == "1"
    finally:
        toolchain.llvm.cache_clear()
