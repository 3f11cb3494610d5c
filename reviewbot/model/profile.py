# SPDX-License-Identifier: GPL-2.0-only
"""A lab profile: how one subsystem is built, booted and tested.  Read from TOML by tools.profile."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A module the guest loads.  ``path`` is in the object tree; ``vendor`` "" means always."""

    path: str
    vendor: str = ""
    parameters: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """When a series touches ``paths`` (globs), run ``tests`` (globs of selftest names).

    ``unit_tests`` are globs of kvm-unit-tests, for those who have them.
    """

    paths: tuple[str, ...]
    tests: tuple[str, ...]
    unit_tests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Another configuration or architecture in which the series' tip must compile.

    Wanted when the series touches ``paths`` (globs; none: always).  ``config`` are lines that replace the
    profile's own about the same symbols, or with ``whole_config`` all there is.  ``architecture`` is make's
    ARCH, "" the profile's; ``llvm`` compiles with clang, which builds for every architecture.
    """

    name: str
    targets: tuple[str, ...]
    paths: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    whole_config: bool = False
    architecture: str = ""
    llvm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """Module parameters under which some of the chosen selftests run once more.

    Wanted when the series touches ``paths`` (globs), or ``identifiers`` (globs of names in changed lines
    of C, and of the functions they are in).  ``parameters`` are words such as "kvm_amd.npt=0", with 0
    and 1 for no and yes; ``vendor`` is whose virtualization it takes, "" any; ``tests`` are globs of
    selftests for which that makes sense, none: all.
    """

    parameters: tuple[str, ...]
    paths: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    vendor: str = ""

    @property
    def name(self) -> str:
        """For people, and behind a test's name: "npt=0"."""
        return " ".join(word.partition(".")[2] for word in self.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """How a kernel is built that counts which of its lines run.

    Only objects made below ``directories`` count, so that the guest stays fast; ``config`` are lines that
    replace the profile's own about the same symbols.
    """

    directories: tuple[str, ...]
    config: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One file of ``reviewbot/profiles``.

    ``config`` are Kconfig lines on top of allnoconfig that must take effect, ``optional_config``
    those that not every kernel knows; ``config_summary`` is how the report names them.
    ``kernel_target`` makes the file ``kernel_image`` that boots.  ``targets`` are the make targets every
    patch must build; ``modules`` are loaded in order (what they depend on comes first, unnamed);
    ``counting`` is for coverage, None: there is none;
    ``variants`` are built of the series' tip alone; ``variations`` are run on base and tip; ``selftests`` is the directory below tools/testing/selftests; ``always`` are tests worth running
    for any touched kernel file.  ``paths`` (globs) are the subsystem's files: the bot leaves series
    alone that touch none of them; without any it takes all.  ``reproduce`` are a few commands that come close to the build.
    """

    name: str
    subsystem: str
    architecture: str
    config: tuple[str, ...]
    config_summary: str
    targets: tuple[str, ...]
    modules: tuple[Module, ...]
    selftests: str
    selections: tuple[Selection, ...]
    always: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    reproduce: tuple[str, ...] = ()
    optional_config: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()
    variations: tuple[Variation, ...] = ()
    counting: Counting | None = None
    kernel_target: str = "bzImage"
    kernel_image: str = "arch/x86/boot/bzImage"
