# SPDX-License-Identifier: GPL-2.0-only
"""Golden files beside logs, and for the slow tests a real kernel in real guests."""

import json
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from reviewbot.cli.environment import cache_directory
from reviewbot.model.base import Applied, Base, BaseRule
from reviewbot.model.config import Config
from reviewbot.model.status import Status
from reviewbot.model.test import TestBinary
from reviewbot.tools import profile
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools
from reviewbot.tools.objects import ObjectStore, resolve_commit
from reviewbot.tools.scratch import scratch
from reviewbot.tools.testbed import Kernel


@pytest.fixture
def expect(request):
    """Compare a value with the JSON file beside a log, or write it with --update."""

    def compare(value, log: Path):
        golden = log.with_suffix(".json")
        text = json.dumps(msgspec.to_builtins(value), indent=1, ensure_ascii=False) + "\n"
        if request.config.getoption("--update", default=False):
            golden.write_text(text)
        assert golden.is_file(), f"no {golden}: run 'pytest tests/guest --update' and read it"
        assert json.loads(text) == json.loads(golden.read_text()), (
            f"{log.name} reads differently now; if that is right: pytest tests/guest --update"
        )

    return compare


@dataclass
class Lab:
    """A kernel that boots, and a compiler for what runs on it."""

    tools: Tools
    kernel: Kernel
    applied: Applied

    def program(self, name, body, limit=20.0):
        """A static program whose main() is ``body``."""
        digest = self.tools.cache.put(_compiled(body))
        return TestBinary(name=name, digest=digest, limit=limit)

    def without_modules(self):
        """The kernel alone: boots faster, and most of these tests need no KVM."""
        return replace(self.kernel, image=replace(self.kernel.image, modules=()))


HEADERS = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>
"""


def _compiled(body):
    with tempfile.TemporaryDirectory() as place:
        source, program = Path(place, "test.c"), Path(place, "test")
        source.write_text(f"{HEADERS}\nint main(void)\n{{\n{body}\n}}\n")
        done = subprocess.run(
            ["gcc", "-static", "-O1", "-o", program, source],
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"gcc -static: {done.stderr}"
        return program.read_bytes()


@pytest.fixture(scope="session")
def lab(kernel_tree):
    """Debian's 6.12 built once per machine, by the build stage, in the product's own cache."""
    from reviewbot.stages import build
    from reviewbot.tools import accelerator

    cache = Cache(cache_directory())
    store = ObjectStore(cache, kernel_tree)
    commit = resolve_commit(store.origin, "HEAD")
    tree_id = store.tree_of(commit)
    base = Base.given(str(kernel_tree), commit, tree_id, rule=BaseRule.EXPLICIT, why="a test")
    applied = Applied(status=Status.PASS, base=base, repository=str(store.path), patches=())
    kvm = profile.load("kvm")
    with scratch(cache.root / "scratch") as place:
        tools = Tools(config=Config(), cache=cache, scratch=place, progress=lambda *_: None)
        built = build.run(build.BuildRequest(applied=applied, profile=kvm), tools)
        assert built.base_image, f"the base does not build: {built.reason}"
        host = accelerator.candidates("qemu-system-x86_64", cache)[-1]
        kernel = Kernel(image=built.base_image, profile=kvm, host=host)
        yield Lab(tools=tools, kernel=kernel, applied=applied)
