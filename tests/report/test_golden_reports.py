# SPDX-License-Identifier: GPL-2.0-only
"""Every kind of run in every format, compared in full with what was read and found good."""

from pathlib import Path

import pytest
import sample_runs

from reviewbot.stages import report

GOLDEN = Path(__file__).parent.parent / "fixtures" / "report"
PAGES = ("findings", "analysed", "crash", "conflict")
WANTED = [
    *((name, "text", "txt") for name in sample_runs.CASES),
    *((name, "mbox", "mbox") for name in sample_runs.CASES),
    *((name, "html", "html") for name in PAGES),
    ("findings", "json", "json"),
]


@pytest.mark.parametrize(("name", "form", "suffix"), WANTED, ids=str)
def test_report_is_as_it_was_when_it_was_read(name, form, suffix, settings, request):
    got = report.run(sample_runs.CASES[name](), form, settings)
    place = GOLDEN / f"{name}.{suffix}"
    if request.config.getoption("--update", default=False):
        place.write_bytes(got)
    assert place.is_file(), f"{place} is missing: pytest tests/report --update, then read it"
    assert got.decode() == place.read_text("utf-8"), (
        f"{place.name} differs: if the new report reads better, pytest tests/report --update"
    )


def test_no_golden_file_is_left_over():
    expected = {f"{name}.{suffix}" for name, _, suffix in WANTED}
    assert {place.name for place in GOLDEN.iterdir()} == expected
