# SPDX-License-Identifier: GPL-2.0-only
"""Whatever the order and the portions mails come in, the same series are found."""

import random

import mails
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mails import mail, patch_body, series
from watching import KVM, SCOPE, Desk

from reviewbot.engine.watch import FollowedList, Watcher
from reviewbot.model.watch import Arrival, Batch
from reviewbot.parse.gather import Following
from reviewbot.parse.mail import parse_mail
from reviewbot.tools import epoch
from reviewbot.tools.ledger import Ledger


def month() -> list[bytes]:
    """A list's month in small: everything that makes putting series together hard."""
    second = "20260302120000.1"
    lost = series(4, stamp="20260304120000.1", title="KVM: SVM: lost a number", start=200)
    lost[2] = lost[2].replace(b"[PATCH 2/4]", b"[PATCH]")
    lost = [one.replace(b"KVM: x86: step", b"KVM: SVM: turn") for one in lost]
    return [
        *series(3),
        *series(3, tag="PATCH v2", stamp=second, parent=f"{mails.STAMP}-3-ann@kernel.example", start=60),
        *series(2, tag="PATCH RESEND", stamp="20260303120000.1", title="KVM: x86: again", start=300),
        *series(2, stamp="20260303110000.1", title="KVM: x86: again", start=250),
        *series(4, tag="PATCH v3", stamp="20260305120000.1", title="Renamed", start=400)[:4],
        *lost,
        mail("[PATCH v2 2/3] KVM: x86: step 2", body=patch_body("arch/x86/kvm/b.c"), message_id="reroll@x.example",
             minute=310, parent="20260303110000.1-3-ann@kernel.example"),
        mail("[PATCH 2/3] KVM: x86: step 2", body=patch_body("arch/x86/kvm/b.c"), message_id="again@x.example",
             minute=50, parent=f"{mails.STAMP}-3-ann@kernel.example"),
        mail("Re: [PATCH 1/3] KVM: x86: step 1", body="Like:\n\n" + mails.diff_of("arch/x86/kvm/a.c"),
             message_id="like@x.example", parent=f"{mails.STAMP}-2-ann@kernel.example", minute=55),
        mail("Re: [PATCH 1/3] KVM: x86: step 1", body="No.", message_id="no@x.example", parent="like@x.example", minute=56),
        *[mail(f"[PATCH {n}/3] KVM: loose {n}", body=patch_body(f"arch/x86/kvm/{n}.c"), message_id=f"{n}@x.example", minute=n + 100)
          for n in (1, 2, 3)],
        mail("[kvm-unit-tests PATCH 1/2] x86: x", body=patch_body("x86/a.c"), message_id="kut@x.example", minute=9),
        mail("[PATCH v2] KVM: one", body=patch_body("arch/x86/kvm/a.c"), message_id="two@x.example", minute=99),
        mail("[PATCH] KVM: one", body=patch_body("arch/x86/kvm/a.c"), message_id="one@x.example", minute=98),
        mail("[PATCH] KVM: one", body=patch_body("arch/x86/kvm/b.c"), message_id="one@x.example", minute=97, sender="Eve <eve@x.example>"),
    ]  # fmt: skip


MONTH = month()


def found(raw: list[bytes], portions: list[int]) -> list[object]:
    """What is known in the end when ``raw`` comes in portions of these sizes, over and over."""
    desk = Desk()
    at = 0
    turn = 0
    while at < len(raw):
        size = portions[turn % len(portions)]
        desk.deliver(*raw[at : at + size])
        at, turn = at + size, turn + 1
    desk.wait(1e6)
    return desk.series()


def test_the_month_holds_what_it_should():
    result = found(MONTH, [len(MONTH)])
    states = [(one.subject, one.revision, len(one.patches), str(one.state)) for one in result]
    assert ("KVM: x86: do things", 1, 3, "superseded") in states
    assert ("Renamed", 3, 3, "incomplete") in states
    assert ("KVM: SVM: lost a number", 1, 4, "complete") in states
    assert ("KVM: loose 1", 1, 3, "complete") in states
    assert len(result) == 12


@settings(max_examples=25, deadline=None)
@given(st.permutations(MONTH), st.lists(st.integers(1, 12), min_size=1, max_size=4))
def test_any_order_and_any_portions_give_the_same_series(raw, portions):
    assert found(raw, portions) == found(MONTH, [len(MONTH)])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(MONTH), max_size=40), st.lists(st.integers(1, 5), min_size=1))
def test_mails_that_come_twice_count_once(again, portions):
    assert found([*MONTH, *again], [7]) == found([*again, *MONTH], portions)


def replay(arrivals: list[Arrival], size: random.Random | int) -> dict[str, object]:
    ledger = Ledger(":memory:")
    following = FollowedList(source=None, following=Following(scope=SCOPE))
    watcher = Watcher(ledger, {KVM: following})
    at = 0
    while at < len(arrivals):
        count = size if isinstance(size, int) else size.choice((1, 2, 5, 30, 200, 400))
        watcher.record(KVM, Batch(arrivals=tuple(arrivals[at : at + count]), cursor=str(at)))
        at += count
    watcher.settle()
    return {one.message_id: one for one in ledger.series()}


@pytest.mark.slow
def test_the_real_list_shuffled_and_in_chunks_gives_the_same_series(shared, tmp_path):
    import subprocess

    bundle = shared / "lore" / "kvm-sample.bundle"
    place = tmp_path / "0.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(bundle), str(place)], check=True)
    arrivals = [
        Arrival(raw=one.raw, received=parse_mail(one.raw).when, origin=one.commit)
        for one in epoch.read(place)
    ]
    expected = replay(arrivals, 400)
    assert len(expected) > 250
    for seed in (1, 2):
        chance = random.Random(seed)  # noqa: S311 - no secret
        chance.shuffle(arrivals)
        other = replay(arrivals, chance)
        assert {key: value for key, value in other.items() if value != expected.get(key)} == {}
        assert other.keys() == expected.keys()
