# SPDX-License-Identifier: GPL-2.0-only
"""Reviews that are begun from the screen: processes of their own, on a small tree."""

import os
import subprocess
import time
from dataclasses import replace

import sample_runs
from mails import mail, mbox
from rooms import drive, see

from reviewbot.engine.durable import open_queue
from reviewbot.engine.pipeline import Review, ReviewRequest
from reviewbot.model.job import ASKED, Job
from reviewbot.model.run import Stage
from reviewbot.screen.progress import stages

SOURCE = "arch/x86/kvm/x86.c"


def tree_for(room) -> str:
    """A repository, and in the box one patch for it."""
    place = room.home / "linux"
    source = place / SOURCE
    source.parent.mkdir(parents=True)
    source.write_text("".join(f"int kvm_value_{n};\n" for n in range(40)))
    (place / "Makefile").write_text("# kernel\n")

    def git(*words: str) -> str:
        people = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "Jo"), ("EMAIL", "jo@x.example"))}  # fmt: skip
        done = subprocess.run(["git", "-C", place, *words], check=True, capture_output=True, text=True, env={"PATH": os.environ["PATH"], "HOME": str(room.home), **people})  # fmt: skip
        return done.stdout

    git("init", "-q", "-b", "master")
    git("add", "-A")
    git("commit", "-q", "-m", "Base")
    source.write_text(source.read_text().replace("kvm_value_9;", "kvm_better_9;"))
    body = f"Say why.\n\nSigned-off-by: Jo <jo@x.example>\n---\n\n{git('diff')}-- \n2.43.0\n"
    git("checkout", "-q", ".")
    subject = "[PATCH] KVM: x86: Rename a value"
    room.mails = [mail(subject, body=body, message_id="own@x.example", sender="Jo <jo@x.example>")]
    room.box.write_bytes(mbox(room.mails))
    return str(place)


async def begin(pilot, said: str = "the review has begun") -> None:
    """Ask for a review by the rules alone, and wait for the answer."""
    await pilot.press("r")
    await see(pilot, "the rules alone")
    await pilot.press("enter")
    await see(pilot, said)


def test_rules_run_beside_and_their_findings_come_by_themselves(room):
    place = tree_for(room)

    async def work(pilot):
        await see(pilot, "1 series", gone="reading")
        await begin(pilot)
        await pilot.press("enter")
        await see(pilot, "Your review,", "x ends it")
        await see(pilot, ": reviewed", gone="Your review,")
        await pilot.press("end")
        await see(pilot, "check    ", "build    not: --only-rules")
        await pilot.press("3")
        await see(pilot, "what your review says")
        await pilot.press("enter")
        await see(pilot, "run ", "HTML report")

    drive(room.app(room.archive(place)), work)
    (made,) = [
        run
        for run in room.store.runs(10)
        if run.series and run.series.message_id == "own@x.example"
    ]
    assert made.verdict
    assert made.check, "it came as far as the rules"
    assert room.store.working() == frozenset()


def test_jobs_of_workers_are_shown_as_far_as_the_queue_knows(room):
    jobs = open_queue("", room.home / ".local/state/reviewbot")
    jobs.add(Job(series=sample_runs.ROOT.format(1), source=ASKED))
    jobs.close()

    async def work(pilot):
        await see(pilot, "[queued] x86: nSVM", gone="reading")
        await pilot.press("end", "enter")
        await see(pilot, "Waits for a worker (queued)")

    drive(room.app(), work)


def test_what_cannot_be_reviewed_says_why(room):
    tree_for(room)

    async def work(pilot):
        await see(pilot, "1 series", gone="reading")
        await begin(pilot, "no kernel tree is known")

    drive(room.app(room.archive()), work)


def test_a_review_can_be_ended_and_leaving_ends_it(room):
    place = tree_for(room)

    async def work(pilot):
        await see(pilot, "1 series", gone="reading")
        await begin(pilot)
        await pilot.press("x")
        await see(pilot, "ended before it was done")
        await begin(pilot)
        await pilot.press("q")
        await see(pilot, "q again ends it and leaves")
        await pilot.press("q")

    drive(room.app(room.archive(place)), work)
    end = time.monotonic() + 20
    while room.store.working() and time.monotonic() < end:
        time.sleep(0.1)
    assert room.store.working() == frozenset()


def test_a_later_look_by_the_rules_alone_hides_neither_tests_nor_logs(room):
    later = replace(sample_runs.only_rules(), id="20260117-101500-0001", started="2026-01-17T10:15:00+00:00")  # fmt: skip
    room.store.save(later)
    full = room.findings
    assert full.build
    built = replace(full.build.patches[0], log=room.archive_blob(b"CC file.o\n"))
    room.store.save(replace(full, build=replace(full.build, patches=(built,))))

    async def work(pilot):
        await see(pilot, "4 series", "2W   +++*", gone="reading")
        await pilot.press("j", "enter")
        await see(pilot, "Builds", "from the review of 2026-01-16", "3 logs (1)")
        await pilot.press("3")
        await see(pilot, "[3 logs (1)]", "patch 1")

    drive(room.app(), work)


def test_a_stage_that_has_ended_is_not_shown_at_work(room):
    working = Review(ReviewRequest(what="x", trees=()), None, room.store)  # type: ignore[arg-type]  # no stage runs here
    working.run = replace(room.begun(), times=())
    before = room.begun().times
    assert working.attempt(Stage.BOOT, lambda: None)
    kept = room.store.read(working.run.id)
    assert [one.stage for one in kept.times] == [*before, Stage.BOOT]
    shown = "\n".join(one.text for one in stages(kept, time.time(), working=True))
    assert "boot     at work" not in shown
