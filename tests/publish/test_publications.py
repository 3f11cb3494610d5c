# SPDX-License-Identifier: GPL-2.0-only
"""The rows of what is to be told, on both databases: nothing lost, one sender at a time."""

import threading
import time

import pytest
from postgres import server

from reviewbot.model.publication import Publication, PublicationState, Service
from reviewbot.tools.publications import LEASE_SECONDS, Publications

NOW = time.time() + 86_400  # later than any of these tests runs


@pytest.fixture(scope="module")
def postgresql():
    with server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def table(request, tmp_path):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/rows.sqlite"
    else:
        running = request.getfixturevalue("postgresql")
        url = running.database(f"rows{abs(hash(request.node.name))}")
    made = Publications(url)
    yield made
    made.close()


def entry(name="one", content=b"{}", due=0.0):
    return Publication(
        name=name, service=Service.KCIDB, job="job", about="run", content=content, due=due
    )


def test_a_row_goes_from_hand_to_hand(table):
    assert table.add(entry())
    assert not table.add(entry(content=b"[]")), "there is one of that name"
    assert table.take(Service.PATCHWORK, NOW) is None
    taken = table.take(Service.KCIDB, NOW)
    assert (taken.state, taken.tries, taken.content) == (PublicationState.SENDING, 1, b"{}")
    assert table.take(Service.KCIDB, NOW) is None
    assert table.settle(taken, PublicationState.WAITING, note="down", due=NOW + 60)
    assert table.take(Service.KCIDB, NOW + 59) is None
    taken = table.take(Service.KCIDB, NOW + 60)
    assert taken.tries == 2
    assert table.settle(taken, PublicationState.DONE, content=b"digest")
    assert not table.settle(taken, PublicationState.WAITING), "it is not being told any more"
    assert table.take(Service.KCIDB, NOW + 10**9) is None
    assert table.get("one").content == b"digest"
    assert [row.name for row in table.of_job("job")] == ["one"]


def test_new_content_is_told_after_what_is_being_told(table):
    assert table.replace(entry())
    assert not table.replace(entry()), "it says so already"
    taken = table.take(Service.KCIDB, NOW)
    assert table.replace(entry(content=b"[]"))
    assert table.take(Service.KCIDB, NOW) is None
    assert not table.settle(taken, PublicationState.DONE, content=b"digest")
    again = table.take(Service.KCIDB, NOW)
    assert (again.content, again.tries, again.version) == (b"[]", 1, 2)
    assert table.settle(again, PublicationState.DONE)
    assert table.replace(entry(content=b"{}")), "and what is done can be told anew"
    assert table.take(Service.KCIDB, NOW).content == b"{}"


def test_a_lease_runs_out(table):
    table.add(entry())
    first = table.take(Service.KCIDB, NOW)
    assert table.take(Service.KCIDB, NOW + LEASE_SECONDS - 1) is None
    second = table.take(Service.KCIDB, NOW + LEASE_SECONDS)
    assert (second.name, second.tries) == (first.name, 2)


def test_many_senders_take_each_row_once(table):
    names = [f"row-{n:02}" for n in range(40)]
    for name in names:
        table.add(entry(name))
    taken = []

    def sender():
        while row := table.take(Service.KCIDB, NOW):
            taken.append(row.name)

    threads = [threading.Thread(target=sender) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == names
