# SPDX-License-Identifier: GPL-2.0-only
"""However a build ends, no process, mount or half layer is left, and the next run gets it right."""

import os
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reviewbot.model.status import Status

pytestmark = pytest.mark.slow

BUILD = """
import pickle, sys
from pathlib import Path
from reviewbot.model.config import Config
from reviewbot.stages import build
from reviewbot.tools.cache import Cache
from reviewbot.tools.context import Tools
from reviewbot.tools.scratch import scratch

root = Path(sys.argv[1])
request = pickle.loads((root / "request").read_bytes())
with scratch(root / "scratch") as place:
    say = lambda stage, message: print(message, flush=True)
    tools = Tools(config=Config(), cache=Cache(root / "cache"), scratch=place, progress=say)
    build.run(request, tools)
print("finished", flush=True)
"""
SVM = "arch/x86/kvm/svm.c"


def slow(old):
    """A patch whose compilation takes a second: gcc sleeps in a pipe of the Makefile."""
    return old.replace("@$(call cmd,$1) -MMD", "@sleep 1; $(call cmd,$1) -MMD")


def processes(root):
    """Processes that have to do with this test's directory, by command line or mounts."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            seen = (entry / "cmdline").read_bytes() + (entry / "mountinfo").read_bytes()
        except OSError:  # it has just gone
            continue
        if str(root).encode() in seen and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def until(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def request_of(kernel, lab, profile):
    from reviewbot.stages.build import BuildRequest

    applied = kernel.series(
        {SVM: lambda old: f"{old}\nstatic const int one = 1;\n"},
        {"arch/x86/kvm/mmu.c": lambda old: f"{old}\nstatic const int two = 2;\n"},
        base={"Makefile": slow},
    )
    request = BuildRequest(applied=applied, profile=profile)
    (lab.root / "request").write_bytes(pickle.dumps(request))
    return request


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("said", ["base: 1", "patch 1/2"])
def test_killed_in_the_middle(request_of, lab, number, said):
    build = subprocess.Popen(
        [sys.executable, "-c", BUILD, lab.root], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    for line in build.stdout:
        if line.decode().startswith(said):
            break
    time.sleep(random.uniform(0.1, 0.8))  # noqa: S311 - any moment will do
    build.send_signal(number)
    build.wait(20)
    build.stdout.close()
    assert build.returncode != 0
    until(lambda: not processes(lab.root))
    assert str(lab.root) not in Path("/proc/mounts").read_text()

    result = lab.build(request_of.applied)
    assert result.status is Status.PASS
    assert [[one.path for one in patch.new] for patch in result.patches] == [
        [SVM],
        ["arch/x86/kvm/mmu.c"],
    ]
    assert not list((lab.root / "cache" / "layers").glob("*.part"))


@pytest.mark.usefixtures("request_of")
def test_two_at_once_build_once(lab):
    builds = [
        subprocess.Popen([sys.executable, "-c", BUILD, lab.root], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [build.communicate(timeout=60)[0].decode() for build in builds]
    assert all(one.endswith("finished\n") for one in said)
    assert sum("patch 1/2" in one for one in said) == 1
