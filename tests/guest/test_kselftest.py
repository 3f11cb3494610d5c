# SPDX-License-Identifier: GPL-2.0-only
"""Selftests of a tree whose Makefile is broken or hostile: real make in the real sandbox."""

import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from reviewbot.model.base import Applied, AppliedPatch, Base, BaseRule, Confidence
from reviewbot.model.build import BuildResult, CommitBuild, Image
from reviewbot.model.config import Config
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.guest import Accelerator, Host
from reviewbot.model.series import Series
from reviewbot.model.status import Status
from reviewbot.parse.mail import parse_mail
from reviewbot.parse.series import assemble
from reviewbot.stages import test as test_stage
from reviewbot.tools import kselftest, profile
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools

DIRECTORY = "tools/testing/selftests/kvm"
MAKEFILE = f"{DIRECTORY}/Makefile"
NAME = "x86/state_test"
TOP = "headers_install:\n\tmkdir -p $(O)/usr/include\n"
LISTED = f"TEST_GEN_PROGS := $(OUTPUT)/{NAME}\n$(OUTPUT)/%: %.c Makefile\n"
GOOD = LISTED + "\tmkdir -p $(@D)\n\t$(CC) $< -o $@\n"
TREE = {"Makefile": TOP, MAKEFILE: GOOD, f"{DIRECTORY}/{NAME}.c": "int main(void) { return 0; }\n"}


@dataclass
class Place:
    """A scratch repository, and a cache and a directory to work in."""

    repository: Path
    tools: Tools

    def commit(self, **changes):
        """Commit TREE with other ``makefile`` or ``top``; return the commit and its tree."""
        files = TREE | {
            MAKEFILE: changes.get("makefile", GOOD),
            "Makefile": changes.get("top", TOP),
            **changes.get("files", {}),
        }
        for name, text in files.items():
            (self.repository / name).parent.mkdir(parents=True, exist_ok=True)
            (self.repository / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD"), self.git("rev-parse", "HEAD^{tree}")

    def git(self, *words):
        who = {f"GIT_{role}_{kind}": "t@example.org" for role in ("AUTHOR", "COMMITTER") for kind in ("NAME", "EMAIL")}  # fmt: skip
        clean = {**os.environ, **who, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        command = ["git", "-C", self.repository, *words]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, env=clean
        ).stdout.strip()

    def opened(self, base, tip):
        """Selftests of tree ``tip`` over the layers of tree ``base``, whose test was built before."""
        return kselftest.selftests(
            self.tools.cache,
            repository=str(self.repository / ".git"),
            base_tree=base,
            tree=tip,
            directory=DIRECTORY,
            place=self.tools.scratch,
            jobs=1,
            warm=(NAME,),
        )

    def kept(self):
        return list((self.tools.cache.root / "layers").glob("selftests-*"))


@pytest.fixture
def place(tmp_path):
    for name in ("repository", "scratch"):
        (tmp_path / name).mkdir()
    cache = Cache(tmp_path / "cache")
    tools = Tools(config=Config(), cache=cache, scratch=tmp_path / "scratch", progress=lambda *_: None)  # fmt: skip
    found = Place(repository=tmp_path / "repository", tools=tools)
    found.git("init", "-q")
    return found


def test_an_unchanged_test_is_built_once_with_the_base(place):
    _, base = place.commit()
    with place.opened(base, base) as selftests:
        assert selftests.names() == (NAME,)
        assert set(selftests.build([NAME]).digests) == {NAME}
    assert len(place.kept()) == 1


@pytest.mark.parametrize(
    ("recipe", "why"),
    [("kill -9 $$PPID", "signal 9"), ("sleep 100", "no end within 2 s")],
    ids=["killed", "too long"],
)
def test_a_make_that_was_ended_never_gives_the_bases_program(place, monkeypatch, recipe, why):
    _, base = place.commit()
    _, tip = place.commit(makefile=f"{LISTED}\t{recipe}\n")
    with place.opened(base, tip) as selftests:
        monkeypatch.setattr(kselftest, "_MAKE_SECONDS", 2.0)
        with pytest.raises(InfrastructureError, match=f"did not end by itself: {why}"):
            selftests.build([NAME])


@pytest.mark.parametrize("recipe", ["false", "kill -9 $$$$"], ids=["fails", "killed"])
def test_a_recipe_that_fails_never_gives_the_bases_program(place, recipe):
    _, base = place.commit()
    _, tip = place.commit(makefile=f"{LISTED}\t{recipe}\n")
    with place.opened(base, tip) as selftests:
        programs = selftests.build([NAME])
    assert programs.digests == {}
    assert set(programs.failures) == {NAME}


def test_without_the_series_headers_nothing_is_built_with_the_bases(place):
    _, base = place.commit()
    _, tip = place.commit(top="headers_install:\n\t@echo no such header; false\n")
    with place.opened(base, tip) as selftests:
        programs = selftests.build([NAME])
    assert programs.digests == {}
    assert "headers_install" in programs.failures[NAME]


def test_nothing_is_kept_of_a_base_whose_make_was_ended(place):
    _, base = place.commit(makefile=f"{LISTED}\tkill -9 $$PPID\n")
    with pytest.raises(InfrastructureError), place.opened(base, base):
        pass
    assert place.kept() == []


def test_nothing_is_kept_of_a_base_without_headers(place):
    _, base = place.commit(top="headers_install:\n\t@echo no such header; false\n")
    with pytest.raises(kselftest.UnlistedError, match="no headers"), place.opened(base, base):
        pass
    assert place.kept() == []


BROKEN = "$(error this Makefile is broken)\n"


@pytest.mark.parametrize(
    ("base", "tip", "whose"),
    [(GOOD, BROKEN, "the series"), (BROKEN, GOOD, "the base")],
    ids=["series", "base"],
)
def test_a_makefile_that_cannot_be_read_adds_and_removes_no_test(place, base, tip, whose):
    tested = test_stage.run(
        request(place, place.commit(makefile=base), place.commit(makefile=tip)), place.tools
    )
    assert tested.unavailable.startswith(f"could not list the selftests of {whose}: ")
    assert "this Makefile is broken" in tested.unavailable
    assert (tested.cases, tested.not_tested, tested.base, tested.tip) == ((), (), None, None)
    broken = [(one.name, "this Makefile is broken" in one.reason) for one in tested.unbuilt]
    assert broken == ([(MAKEFILE, True)] if whose == "the series" else []), "a finding, if it is"


@pytest.mark.parametrize(
    ("path", "apart"),
    [
        ("arch/x86/kvm/x86.c", False),
        ("arch/x86/kvm/Makefile", False),
        ("include/linux/kvm_host.h", False),
        ("include/uapi/linux/kvm.h", True),
        ("arch/x86/include/uapi/asm/kvm.h", True),
        ("arch/x86/Makefile", True),
        ("drivers/Makefile", True),
        (f"{DIRECTORY}/lib.c", True),
        ("tools/include/linux/bits.h", True),
    ],
)
def test_a_series_that_has_a_hand_in_the_programs_is_apart(place, path, apart):
    base, tip = place.commit(), place.commit(files={path: "x\n"})
    assert test_stage._apart(request(place, base, tip)) == (tip[1] if apart else "")


MAIL = b"""\
From: A <a@example.org>
Subject: [PATCH] KVM: x86: s
Message-ID: <m@example.org>

---
diff --git a/arch/x86/kvm/x86.c b/arch/x86/kvm/x86.c
--- a/arch/x86/kvm/x86.c
+++ b/arch/x86/kvm/x86.c
@@ -1 +1,2 @@
 a
+b
"""
WITH_LIBRARY = (
    LISTED.replace("Makefile", "Makefile lib.c") + "\tmkdir -p $(@D)\n\t$(CC) $< lib.c -o $@\n"
)
USES = "int vm_enable_npt(void);\nint main(void) { return vm_enable_npt(); }\n"
LIBRARY = {
    f"{DIRECTORY}/lib.c": "int vm_enable_npt(void) { return 0; }\n",
    f"{DIRECTORY}/{NAME}.c": USES,
}
WITHOUT = {**LIBRARY, f"{DIRECTORY}/lib.c": "int vm_init(void) { return 0; }\n"}
UNUSED = {**WITHOUT, f"{DIRECTORY}/{NAME}.c": "int main(void) { return 0; }\n"}


@pytest.mark.parametrize(
    ("base", "tip", "blamed"),
    [(LIBRARY, WITHOUT, [NAME]), (UNUSED, WITHOUT, [])],
    ids=["taken away", "of another base"],
)
def test_what_the_series_takes_away_is_not_another_bases(place, base, tip, blamed):
    """A function of the library that the series removes, and a test still calls, is no prerequisite."""
    before, after = (place.commit(makefile=WITH_LIBRARY, files=files) for files in (base, tip))
    asked = replace(request(place, before, after), series=assemble([parse_mail(MAIL)], source=""))
    tested = test_stage.run(asked, place.tools)
    assert [one.name for one in tested.unbuilt] == blamed
    assert any("neither the series nor its base" in said for said in tested.not_tested) is (
        not blamed
    )


def request(place, base, tip):
    """A series that applied and built, from ``base`` to ``tip``, both (commit, tree)."""
    image = Image(commit=base[0], kernel="", modules=(), config="")
    return test_stage.TestRequest(
        series=Series(
            title="", revision=1, prefixes=(), total=1, cover=None, patches=(), missing=(),
            base_commit=None, prerequisites=(), change_id=None, source="", newest_revision=1,
        ),
        applied=Applied(
            status=Status.PASS,
            base=Base(
                tree="t", path=str(place.repository), ref="HEAD", tip=base[0], commit=base[0],
                tree_id=base[1], rule=BaseRule.EXPLICIT, confidence=Confidence.HIGH, why="named",
            ),
            repository=str(place.repository / ".git"),
            patches=(AppliedPatch(number=1, commit=tip[0], tree_id=tip[1]),),
        ),
        build=BuildResult(
            status=Status.PASS, profile="kvm", config_name="", compiler="", patches=(),
            base=CommitBuild(number=0, commit=base[0], status=Status.PASS, seconds=0, command=""),
            base_image=image, tip_image=image,
        ),
        host=Host(
            accelerator=Accelerator.TCG, qemu="", qemu_version="", cpu_model="", vendor="amd", why=""
        ),
        profile=profile.load("kvm"),
    )  # fmt: skip
