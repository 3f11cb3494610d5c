# SPDX-License-Identifier: GPL-2.0-only
"""A kernel of six files with the parts of Kbuild that we use, so that a build takes half a second."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from reviewbot.model.base import Applied, AppliedPatch, Base, BaseRule, Confidence
from reviewbot.model.config import Config
from reviewbot.model.profile import Module, Profile
from reviewbot.model.status import Status
from reviewbot.stages import build
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools

TINY = Path(__file__).parent / "tiny"


def git(repository, *arguments):
    done = subprocess.run(
        [
            "git",
            "-C",
            repository,
            "-c",
            "user.name=T",
            "-c",
            "user.email=t@example.org",
            *arguments,
        ],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"},
    )
    return done.stdout.strip()


@dataclass
class Kernel:
    """A scratch repository of the tiny kernel."""

    path: Path

    def commit(self, changes):
        """Commit files; None deletes, a callable gets the old text.  Returns (commit, tree)."""
        for name, content in changes.items():
            file = self.path / name
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content(file.read_text()) if callable(content) else content)
        git(self.path, "add", "-A", "-f")
        git(self.path, "commit", "-q", "--allow-empty", "-m", "change")
        return git(self.path, "rev-parse", "HEAD"), git(self.path, "rev-parse", "HEAD^{tree}")

    def series(self, *patches, base=None):
        """The series of these changes on ``base`` (changes to the tiny kernel), as applied."""
        commit, tree = self.commit(base or {})
        return Applied(
            status=Status.PASS,
            base=Base(
                tree="tiny",
                path=str(self.path),
                ref="HEAD",
                tip=commit,
                commit=commit,
                tree_id=tree,
                rule=BaseRule.EXPLICIT,
                confidence=Confidence.HIGH,
                why="named",
            ),
            repository=str(self.path / ".git"),
            patches=tuple(
                AppliedPatch(number=number, commit=made[0], tree_id=made[1])
                for number, made in enumerate(map(self.commit, patches), 1)
            ),
        )


@pytest.fixture
def kernel(tmp_path):
    path = tmp_path / "linux"
    path.mkdir()
    git(path, "init", "-q")
    files = {str(file.relative_to(TINY)): file for file in TINY.rglob("*") if file.is_file()}
    found = Kernel(path)
    found.commit({name: file.read_text() for name, file in files.items()})
    return found


@pytest.fixture
def profile():
    return Profile(
        name="tiny",
        subsystem="KVM",
        architecture="x86_64",
        config=("CONFIG_KVM=m", "CONFIG_KVM_WERROR=y"),
        optional_config=("CONFIG_NOT_IN_THIS_KERNEL=y",),
        config_summary="tiny",
        targets=("arch/x86/kvm/kvm.ko", "arch/x86/kvm/kvm-amd.ko"),
        kernel_image="bzImage",
        modules=(Module(path="arch/x86/kvm/kvm-amd.ko"),),
        selftests="kvm",
        selections=(),
    )


@dataclass
class Lab:
    """Runs the stage as one process would, each time with fresh scratch and the same cache."""

    root: Path
    profile: Profile
    said: list[str]
    runs: int = 0

    @property
    def cache(self):
        return Cache(self.root / "cache")

    def tools(self):
        self.runs += 1
        scratch = self.root / f"scratch-{self.runs}"
        scratch.mkdir()
        return Tools(
            config=Config(),
            cache=self.cache,
            scratch=scratch,
            progress=lambda _stage, message: self.said.append(message),
        )

    def build(self, applied, profile=None):
        request = build.BuildRequest(applied=applied, profile=profile or self.profile)
        return build.run(request, self.tools())

    def log(self, commit_build):
        return self.cache.get(commit_build.log).decode()


@pytest.fixture
def lab(tmp_path, profile):
    return Lab(root=tmp_path, profile=profile, said=[])
