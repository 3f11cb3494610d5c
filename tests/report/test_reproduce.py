# SPDX-License-Identifier: GPL-2.0-only
"""The printed commands are run, or at least parsed, by the programs they name."""

import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import sample_runs
from hypothesis import given
from hypothesis import strategies as st

from reviewbot import assets
from reviewbot.model.errors import InfrastructureError
from reviewbot.parse.mail import SYNTHETIC_DOMAIN
from reviewbot.stages import reproduce
from reviewbot.stages.report_html import archive_link


def words(lines):
    return shlex.split(" ".join(lines).replace("\\ ", " "))


def test_our_command_is_one_our_command_line_takes():
    from reviewbot.cli.review import review

    argv = words(reproduce.ours(sample_runs.only_rules()))
    assert argv[:2] == ["reviewbot", "review"]
    parsed = review.make_context("review", argv[2:]).params
    assert parsed["series"] == sample_runs.ROOT.format(1)
    assert parsed["explicit_base"] == "0123456789ab"
    assert parsed["trees"] == ("~/linux",)
    assert parsed["only_rules"] is True


def test_a_local_range_is_repeated_as_a_range():
    run = replace(sample_runs.clean(), request="v6.12..topic")
    assert words(reproduce.ours(run))[2:4] == ["--range", "v6.12..topic"]


@pytest.mark.parametrize("path", ["../0001-a.patch", "/srv/../a/0001-a.patch"])
def test_a_file_in_another_directory_is_no_range(path):
    run = replace(sample_runs.clean(), request=path)
    assert words(reproduce.ours(run))[2] == sample_runs.ROOT.format(1)


@given(st.text("$(`)'\"; \n-|&<>*~\\ab\x1b", min_size=1).map(lambda s: s + "@x"))
def test_a_message_id_cannot_become_a_second_command(message_id):
    run = sample_runs.clean()
    cover = replace(run.series.cover, message_id=message_id)
    run = replace(run, series=replace(run.series, cover=cover))
    for line in (reproduce.ours(run)[:1], reproduce.by_hand(run, exact=True)[1:2]):
        if line:  # none is printed for an id that no mail can have
            argv = shlex.split(line[0].removesuffix("\\"))
            assert argv[-1] == message_id
            assert not message_id.startswith("-")


def test_no_command_asks_an_archive_for_a_message_id_that_we_made_up():
    run = sample_runs.clean()
    cover = replace(run.series.cover, message_id=f"0123456789abcdef@{SYNTHETIC_DOMAIN}")
    run = replace(run, series=replace(run.series, cover=cover))
    assert reproduce.ours(run) == ()
    assert reproduce.by_hand(run, exact=True) == ()
    assert archive_link(cover.message_id) == ""


def test_b4_takes_the_options_we_print():
    help_text = subprocess.run(
        [Path(sys.executable).with_name("b4"), "shazam", "--help"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    _, shazam, *_ = reproduce.by_hand(sample_runs.build_error(), exact=True)
    options = [word for word in shlex.split(shazam) if word.startswith("-")]
    assert options == ["-v", "-P"]
    for option in options:
        assert f"{option} " in help_text, f"b4 shazam no longer knows {option}"


def test_a_failed_build_is_repeated_at_the_patch_that_failed():
    lines = reproduce.by_hand(sample_runs.build_error(), exact=True)
    assert lines[0] == "git checkout --detach 0123456789ab"
    assert "-P 1-4" in lines[1]
    assert lines[-1] == "make O=../obj -j2 bzImage modules"


def test_nothing_is_promised_that_was_not_done():
    assert reproduce.by_hand(sample_runs.only_rules(), exact=True) == ()
    assert reproduce.ours(replace(sample_runs.declined(), series=sample_runs.series())) == ()


def test_shipped_folders_are_found_beside_the_package_or_in_it(tmp_path):
    assert (assets.templates_directory() / "summary.txt.j2").is_file()
    assert assets.rules_directory().is_dir()
    package = tmp_path / "reviewbot"
    (package / "rules").mkdir(parents=True)
    (tmp_path / "rules").mkdir()
    assert assets._find("rules", package) == package / "rules"
    (package / "rules").rmdir()
    assert assets._find("rules", package) == tmp_path / "rules"
    (tmp_path / "rules").rmdir()
    with pytest.raises(InfrastructureError, match="shipped rules are missing"):
        assets._find("rules", package)
