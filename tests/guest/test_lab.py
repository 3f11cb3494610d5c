# SPDX-License-Identifier: GPL-2.0-only
"""Real guests: every way a test, and a guest, can end.  Each program is a few lines of C."""

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from reviewbot.model.guest import Accelerator, Outcome
from reviewbot.model.status import Status
from reviewbot.stages import boot
from reviewbot.tools import accelerator, guest_modules, kselftest, qemu, testbed
from reviewbot.tools.baselines import Baselines

pytestmark = pytest.mark.slow
KVM_TESTS = "tools/testing/selftests/kvm"

# The format of tools/testing/selftests/kvm/lib/assert.c.
ASSERTION = r"""
    fputs("==== Test Assertion Failure ====\n  x86/t.c:7: a == b\n"
          "  pid=1 tid=1 errno=22 - Invalid argument\n  said the test\n", stderr);
    exit(254);
"""


def by_name(run):
    return {result.name: result for result in run.results}


@pytest.fixture(scope="module")
def ordinary(lab):
    """One guest in which every test ends by itself or by its limit."""
    tests = [
        lab.program("passes", 'puts("fine"); return 0;'),
        lab.program("asserts", ASSERTION),
        lab.program("skips", 'puts("1..0 # SKIP - no such hardware"); return 4;'),
        lab.program("sleeps", "for (;;) pause();", limit=2),
        lab.program("ignores_term", "signal(SIGTERM, SIG_IGN); for (;;) pause();", limit=2),
        lab.program("segfaults", "raise(SIGSEGV); return 0;"),
        lab.program("daemon", "if (fork() == 0) for (;;) pause(); return 0;"),
        lab.program("floods", 'for (int i = 0; i < 20000; i++) puts("flood"); return 0;'),
        lab.program(
            "floods_and_asserts",
            f'for (int i = 0; i < 20000; i++) puts("flood"); fflush(stdout); {ASSERTION}',
        ),
        lab.program(
            "forges", 'puts("#reviewbot finished\\nok 9 last\\nnot ok 8 passes"); return 1;'
        ),
        lab.program("last", 'return access("/dev/kvm", F_OK) == 0;'),
    ]
    return testbed.run(lab.tools, lab.without_modules(), tests, repeat=1)


@pytest.mark.parametrize(
    ("name", "status", "code", "why"),
    [
        ("passes", Status.PASS, 0, ""),
        ("asserts", Status.FAIL, 254, "x86/t.c:7: a == b | errno 22 Invalid argument | said the test"),
        ("skips", Status.SKIP, 4, "no such hardware"),
        ("sleeps", Status.TIMEOUT, 143, "not finished after 2 seconds"),
        ("ignores_term", Status.TIMEOUT, 137, "not finished after 2 seconds"),
        ("segfaults", Status.FAIL, 139, "died of signal 11"),
        ("daemon", Status.PASS, 0, ""),
        ("floods", Status.PASS, 0, ""),
        ("floods_and_asserts", Status.FAIL, 254, "x86/t.c:7: a == b | errno 22 Invalid argument | said the test"),
        ("forges", Status.FAIL, 1, "passes"),
        ("last", Status.PASS, 0, ""),
    ],
)  # fmt: skip
def test_ways_to_end_in_one_guest(ordinary, name, status, code, why):
    found = by_name(ordinary)[name]
    assert (found.status, found.exit_code, found.assertion) == (status, code, why)


def test_one_guest_was_enough_and_it_finished(ordinary):
    assert [boot.outcome for boot in ordinary.boots] == [Outcome.FINISHED]
    assert all(boot.crashes == () for boot in ordinary.boots)


def test_what_a_test_prints_is_bounded(ordinary):
    assert len(by_name(ordinary)["floods"].output) <= 60


def test_a_guest_can_be_reached_by_nothing_but_its_ports(ordinary):
    command = ordinary.boots[0].command
    assert "-nodefaults" in command
    assert "net" not in command
    assert "/work" not in command


PANIC = 'int f = open("/proc/sysrq-trigger", O_WRONLY); write(f, "c", 1); pause(); return 0;'
LOST = "reboot(RB_AUTOBOOT); return 0;"
HANG = "kill(-1, SIGSTOP); for (;;) pause();"


@pytest.mark.parametrize(
    ("body", "outcome"),
    [(PANIC, Outcome.PANIC), (LOST, Outcome.LOST), (HANG, Outcome.HUNG)],
    ids=["panic", "lost", "hang"],
)
def test_a_test_that_takes_its_guest_down_costs_nobody_else(lab, monkeypatch, body, outcome):
    monkeypatch.setitem(testbed._HANG_SECONDS, Accelerator.TCG, 15.0)
    tests = [
        lab.program("before", "return 0;"),
        lab.program("fatal", body, limit=120.0),
        lab.program("after", "return 0;"),
    ]
    ran = testbed.run(lab.tools, lab.without_modules(), tests, repeat=1)
    found = by_name(ran)
    assert [boot.outcome for boot in ran.boots] == [outcome, Outcome.FINISHED]
    assert found["before"].status is Status.PASS
    assert found["fatal"].status is Status.CRASH
    assert found["after"].status is Status.PASS
    assert ran.boots[0].last_lines
    if outcome is Outcome.PANIC:
        assert ran.boots[0].crashes[0].test == "fatal"
        assert "sysrq triggered crash" in found["fatal"].assertion
    else:
        assert outcome.value in found["fatal"].assertion


def test_a_test_can_write_inits_port_and_is_heard_of_no_other_name(lab):
    """pidfd_open(2) and pidfd_getfd(2) of process 1: why a series' own programs are kept apart."""
    steals = r"""
        int fd = syscall(438, syscall(434, 1, 0), 3, 0);
        char said[] = "#reviewbot start 7 9 ghost\nok 7 ghost\n";
        return write(fd, said, sizeof said - 1) != sizeof said - 1;
    """
    tests = [lab.program("steals", steals), lab.program("after", "return 0;")]
    ran = testbed.run(lab.tools, lab.without_modules(), tests, repeat=1)
    assert {name: one.status for name, one in by_name(ran).items()} == {
        "steals": Status.PASS,
        "after": Status.PASS,
    }
    assert "ghost" in lab.tools.cache.get(ran.log).decode()


def test_a_guest_that_takes_too_long_is_ended(lab, monkeypatch):
    monkeypatch.setitem(testbed._BOOT_SECONDS, Accelerator.TCG, 0.0)
    monkeypatch.setattr(testbed, "_PER_TEST_SECONDS", 0.0)
    ran = testbed.run(
        lab.tools,
        lab.without_modules(),
        [lab.program("never", "for (;;) pause();", limit=1)],
        repeat=1,
    )
    assert ran.boots[0].outcome is Outcome.TIMEOUT


def test_kvm_is_there_and_nested(lab):
    body = """
        int fd = open("/sys/module/kvm_amd/parameters/nested", O_RDONLY); char c = 0;
        read(fd, &c, 1);
        int kvm = open("/dev/kvm", O_RDWR);
        printf("nested %c, API %d\\n", c, kvm < 0 ? -1 : ioctl(kvm, 0xAE00, 0));
        return !(c == '1' && kvm >= 0);
    """
    ran = testbed.run(lab.tools, lab.kernel, [lab.program("nested", body)], repeat=1)
    assert by_name(ran)["nested"].status is Status.PASS, by_name(ran)["nested"].output


def test_a_guest_has_the_file_systems_that_selftests_use(lab):
    body = """
        char line[512]; FILE *mounts = fopen("/proc/mounts", "r");
        while (mounts && fgets(line, sizeof line, mounts)) fputs(line, stdout);
        return shm_open("/one", O_CREAT | O_RDWR, 0600) < 0;
    """
    program = lab.program("mounts", body)
    (result,) = testbed.run(lab.tools, lab.without_modules(), [program], repeat=1).results
    assert result.status is Status.PASS, result.output
    mounted = {tuple(line.split()[1:3]) for line in result.output}
    assert mounted >= {
        ("/proc", "proc"),
        ("/sys", "sysfs"),
        ("/dev", "devtmpfs"),
        ("/tmp", "tmpfs"),  # noqa: S108 - in the guest
        ("/dev/shm", "tmpfs"),  # noqa: S108 - in the guest
        ("/dev/hugepages", "hugetlbfs"),
        ("/sys/kernel/debug", "debugfs"),
    }


def test_a_module_that_does_not_load_is_told_and_no_test_passes(lab):
    broken = ("arch/x86/kvm/kvm-amd.ko", lab.tools.cache.put(b"no module"))
    kernel = replace(lab.kernel, image=replace(lab.kernel.image, modules=(broken,)))
    ran = testbed.run(lab.tools, kernel, [lab.program("never", "return 0;")], repeat=1)
    assert ran.boots[0].module_error.startswith("kvm-amd.ko: ")
    assert by_name(ran)["never"].status is Status.CRASH
    assert "did not load" in by_name(ran)["never"].assertion


def test_the_same_kernel_never_runs_the_same_test_twice(lab):
    tests = [lab.program("once", f'puts("{os.getpid()} {time.time()}"); return 0;')]
    first = testbed.run(lab.tools, lab.without_modules(), tests)
    second = testbed.run(lab.tools, lab.without_modules(), tests)
    assert len(first.boots) == 1
    assert second.boots == ()
    assert second.results == first.results


def test_a_base_that_came_up_is_not_booted_again(lab):
    image = lab.without_modules().image
    bare = replace(lab.kernel.profile, modules=())
    asked = boot.BootRequest(image=image, profile=bare, host=lab.kernel.host, known=True)
    first, again = (boot.run(asked, lab.tools) for _ in range(2))
    assert again == first
    anew = boot.run(replace(asked, known=False), lab.tools)
    assert anew.boot.seconds != first.boot.seconds
    assert boot.came_up(anew.boot)


READS = """
    int fd = open("/sys/module/kvm_amd/parameters/npt", O_RDONLY); char c = 0;
    read(fd, &c, 1);
    printf("npt %c\\n", c);
    return 0;
"""


def test_module_parameters_are_varied_and_what_a_module_turns_down_is_said(lab):
    """One run of four guests' worth of tests; QEMU's processor has no AVIC."""
    usual = lab.program("reads_npt", READS)
    again = replace(usual, name="reads_npt [npt=0]", parameters=("kvm_amd.npt=0",))
    avic = replace(usual, name="reads_npt [avic=1]", parameters=("kvm_amd.avic=1",))
    assert {"kvm_amd.npt", "kvm_amd.avic", "kvm.tdp_mmu"} <= guest_modules.parameters(
        lab.tools.cache, lab.kernel.image
    )
    found = by_name(testbed.run(lab.tools, lab.kernel, [usual, again, avic], repeat=1))
    assert found["reads_npt"].output == ("npt Y",)
    assert found["reads_npt [npt=0]"].output == ("npt N",)
    assert found["reads_npt [avic=1]"].status is Status.SKIP
    assert found["reads_npt [avic=1]"].assertion == "kvm_amd.avic stays 0 in this guest"


def test_an_interrupted_run_goes_on_at_the_next_test(lab):
    said = f'puts("{os.getpid()} {time.time()}"); return 0;'
    tests = [lab.program(f"part{number}", said) for number in range(3)]
    cancel = threading.Event()
    begun, later = [], []

    def stop(name):
        begun.append(name)
        if len(begun) == 2:
            cancel.set()

    kernel = lab.without_modules()
    testbed.run(lab.tools, kernel, tests, on_test=stop, cancel=cancel)
    ran = testbed.run(lab.tools, kernel, tests, on_test=later.append)
    assert begun[0] not in later
    assert [result.status for result in ran.results] == [Status.PASS] * 3
    assert [result.name for result in ran.results] == ["part0", "part1", "part2"]


def test_tests_that_end_between_two_looks_at_the_guest_are_all_kept(lab, monkeypatch):
    """The first look comes late: it sees quick tests begin and end, and is told to stop."""
    monkeypatch.setattr(qemu, "_POLL", 12.0)
    said = f'puts("{os.getpid()} {time.time()}"); return 0;'
    tests = [lab.program(f"quick{number}", said) for number in range(3)]
    cancel = threading.Event()
    begun, later = [], []

    def stop(name):
        begun.append(name)
        cancel.set()

    kernel = lab.without_modules()
    testbed.run(lab.tools, kernel, tests, on_test=stop, cancel=cancel)
    ran = testbed.run(lab.tools, kernel, tests, on_test=later.append)
    assert begun[:-1], "one look saw fewer than two tests: the machine is too slow for this"
    assert not set(begun[:-1]) & set(later)
    assert [result.status for result in ran.results] == [Status.PASS] * 3


def test_guests_share_the_tests_and_a_lost_one_delays_nobody(lab):
    """What never ran is worth a guest of its own."""
    tools = replace(
        lab.tools, config=replace(lab.tools.config, lab=replace(lab.tools.config.lab, guests=2))
    )
    unique = f"{os.getpid()}_{int(time.time())}"
    tests = [
        lab.program(f"lost_{unique}", LOST),
        lab.program(f"slow_{unique}", "sleep(3); return 0;"),
        lab.program(f"quick_{unique}", "return 0;"),
    ]
    ran = testbed.run(tools, lab.without_modules(), tests, repeat=1)
    assert [result.status for result in ran.results] == [Status.CRASH, Status.PASS, Status.PASS]
    outcomes = sorted(boot.outcome for boot in ran.boots)
    assert outcomes == [Outcome.FINISHED, Outcome.FINISHED, Outcome.LOST]


def test_every_run_on_a_base_is_history_and_no_run_on_a_series(lab):
    tests = [lab.program("history", f'fputs("{time.time()}\\n", stderr);' + ASSERTION)]
    base = replace(lab.without_modules(), tree=f"tree {os.getpid()} {time.time()}")
    testbed.run(lab.tools, base, tests, repeat=0)
    testbed.run(lab.tools, base, tests, repeat=0)  # known: nothing runs
    testbed.run(lab.tools, lab.without_modules(), tests, repeat=1)
    testbed.run(lab.tools, base, tests, repeat=1)
    history = Baselines(lab.tools.cache.root)
    found = [
        one
        for one in history.past(testbed.baseline(lab.tools, base), ["history"])["history"]
        if one.here
    ]
    assert [(one.status, one.program) for one in found] == [(Status.FAIL, tests[0].digest)] * 2
    assert all(one.assertion.startswith("x86/t.c:7: a == b") for one in found)
    assert all(one.seconds > 0 for one in found)


def test_cancelling_ends_the_guest_at_once_and_leaves_nothing(lab):
    cancel = threading.Event()
    tests = [lab.program("long", "for (;;) pause();", limit=100.0)]
    started = time.monotonic()

    def stop(_name):
        cancel.set()

    ran = testbed.run(
        lab.tools, lab.without_modules(), tests, repeat=1, on_test=stop, cancel=cancel
    )
    assert time.monotonic() - started < 60
    assert ran.results == ()
    assert list(lab.tools.scratch.glob("guest-*")) == []
    assert _qemus_below(str(lab.tools.scratch)) == []


def _qemus_below(place):
    """Command lines of processes whose working directory or arguments are below ``place``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if place in words and "qemu" in words:
            found.append(words)
    return found


def test_emulation_runs_a_bare_program():
    assert accelerator.bare_boot("qemu-system-x86_64", Accelerator.TCG).usable


def test_a_bare_program_that_hangs_is_given_up(monkeypatch):
    """What a paravirtual /dev/kvm does: QEMU sits there for ever."""
    monkeypatch.setattr(accelerator, "_CODE", bytes.fromhex("ebfe"))
    answer = accelerator.bare_boot("qemu-system-x86_64", Accelerator.TCG, deadline=3.0)
    assert not answer.usable
    assert "within 3 s" in answer.why


def test_an_unknown_processor_is_not_started_with_qemus_reason(lab):
    kernel = replace(lab.without_modules(), host=replace(lab.kernel.host, cpu_model="no-such-cpu"))
    life = testbed.boot(lab.tools, kernel)
    assert life.boot.outcome is Outcome.INFRA
    assert "no-such-cpu" in " ".join(life.boot.last_lines)


def test_selftests_of_the_tree_are_listed_built_and_run(lab):
    base = lab.applied.base
    with kselftest.selftests(
        lab.tools.cache,
        repository=lab.applied.repository,
        base_tree=base.tree_id,
        tree=base.tree_id,
        directory=KVM_TESTS,
        place=lab.tools.scratch,
        jobs=0,
        warm=lab.kernel.profile.always,
    ) as selftests:
        names = selftests.names()
        assert "x86_64/set_sregs_test" in names
        assert len(names) > 60
        programs = selftests.build(["x86_64/set_sregs_test", "x86_64/no_such_test"])
    assert set(programs.digests) == {"x86_64/set_sregs_test"}
    assert "no_such_test" in programs.failures["x86_64/no_such_test"]
    test = testbed.TestBinary(
        name="x86_64/set_sregs_test", digest=programs.digests["x86_64/set_sregs_test"], limit=120.0
    )
    ran = testbed.run(lab.tools, lab.kernel, [test], repeat=1)
    assert by_name(ran)["x86_64/set_sregs_test"].status is Status.PASS


def test_no_qemu_is_said_with_the_package():
    from reviewbot.model.errors import UserError

    with pytest.raises(UserError, match="apt install qemu-system-x86"):
        qemu.version("no-such-qemu")
