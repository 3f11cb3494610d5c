# SPDX-License-Identifier: GPL-2.0-only
"""Against a Patchwork that somebody runs, with a project that has read tests/fixtures/series/*.mbox.

Checks that the server here (web_services.py) does what the real one does.  Set REVIEWBOT_PATCHWORK to its address (loopback, http), REVIEWBOT_PATCHWORK_PROJECT to the project's
link name, REVIEWBOT_PATCHWORK_USER to the name of one of its maintainers, and
REVIEWBOT_PATCHWORK_TOKEN_FILE to a file with that user's API token.
"""

import os
import uuid
from dataclasses import replace

import pytest
import sample_runs

from reviewbot.model.job import Job
from reviewbot.model.publication import CheckState, PublicationState
from reviewbot.stages import publish
from reviewbot.tools import secret
from reviewbot.tools.patchwork import Patchwork
from reviewbot.tools.web_api import RefusedError, TryLaterError

MAIL = "20260414080000.77411-1-jo@example.org"
"""tests/fixtures/series/regression.mbox"""


@pytest.fixture
def settings(with_patchwork):
    address = os.environ.get("REVIEWBOT_PATCHWORK")
    if not address:
        pytest.skip("set REVIEWBOT_PATCHWORK to a Patchwork on this host, see above")
    return with_patchwork(
        address,
        project=os.environ["REVIEWBOT_PATCHWORK_PROJECT"],
        user=os.environ["REVIEWBOT_PATCHWORK_USER"],
        token_file=os.environ["REVIEWBOT_PATCHWORK_TOKEN_FILE"],
        context=f"test-{uuid.uuid4().hex[:12]}",
    )


def instance(config):
    known = config.patchwork
    return Patchwork(
        url=known.url,
        token=secret.token(known.token_file, "patchwork.token_file"),
        project=known.project,
        user=known.user,
        context=known.context,
        timeout=10.0,
    )


@pytest.fixture
def request_(url):
    return publish.PublishRequest(database=url, say=lambda *_, **__: None)


@pytest.fixture
def run():
    made = sample_runs.CASES["single_patch"]()
    (patch,) = made.series.patches
    return replace(made, series=replace(made.series, patches=(replace(patch, message_id=MAIL),)))


def test_pending_then_the_result_and_nothing_twice(settings, request_, rows, run, tools):
    job = Job(series=MAIL, source="kvm@vger.kernel.org")
    ready = replace(tools, config=settings)
    service = instance(settings)
    (patch,) = service.patches(MAIL)
    assert service.newest(patch) is None

    publish.pending(rows, job, [MAIL], settings)
    assert publish.run(request_, ready) == 1
    assert service.newest(patch).state is CheckState.PENDING

    for again in range(3):
        publish.finished(rows, replace(job, again=again), run, settings)
        assert publish.run(request_, ready) == 1
    last = service.newest(patch)
    assert last.state is CheckState.FAIL
    assert "KVM-MSR-003" in last.description
    assert last.target_url == f"https://lore.kernel.org/kvm/{MAIL}/"
    notes = {row.note for row in rows.entries()}
    assert notes == {"fail", "fail, as it was"}


def test_what_it_does_not_know_or_allow(settings, request_, rows, job, tools):
    service = instance(settings)
    assert service.patches("nobody@example.org") == []
    assert replace(service, project="no-such-project").patches(MAIL) == []
    (patch,) = service.patches(MAIL)
    check = publish.patchwork_checks.pending()
    with pytest.raises(TryLaterError, match="HTTP 403"):
        replace(service, token="0" * 40).post(patch, check)
    with pytest.raises(RefusedError, match="HTTP 400"):
        replace(service, context="not allowed").post(patch, check)
    with pytest.raises(RefusedError, match="HTTP 400"):
        service.post(patch, replace(check, target_url="https://x.org/" + "y" * 200))
    assert service.newest(patch) is None

    publish.pending(rows, job, ["nobody@example.org"], settings)
    assert publish.run(request_, replace(tools, config=settings)) == 0
    assert rows.entries()[0].state is PublicationState.WAITING
