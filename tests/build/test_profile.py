# SPDX-License-Identifier: GPL-2.0-only
"""Profiles are read strictly, and the shipped one is what maintainer-kvm-x86.rst asks for."""

import pytest

from reviewbot.model.errors import UserError
from reviewbot.tools import profile

MINIMAL = """
name = "x"
subsystem = "X"
architecture = "x86_64"
config = ["CONFIG_X=y"]
config_summary = "x"
targets = ["x/"]
modules = [{ path = "x/x.ko" }]
selftests = "x"
selections = [{ paths = ["x/*"], tests = ["x_*"] }]
"""


def test_every_shipped_profile_loads():
    assert "kvm" in profile.shipped()
    for name in profile.shipped():
        assert profile.load(name).name == name


def test_kvm_is_built_as_its_maintainers_ask():
    config = set(profile.load("kvm").config)
    assert {"CONFIG_KVM_INTEL=m", "CONFIG_KVM_AMD=m", "CONFIG_KVM_WERROR=y"} <= config


def test_a_profile_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(MINIMAL)
    assert profile.load(str(path)).modules[0].path == "x/x.ko"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MINIMAL.replace("targets", "target"), "did you mean 'targets'"),
        (MINIMAL.replace("{ path", "{ file"), "unknown key 'file'"),
        (MINIMAL.replace('name = "x"', "name = 3"), "Expected `str`"),
        (MINIMAL.replace('selftests = "x"\n', ""), "selftests"),
        (MINIMAL.replace('modules = [{ path = "x/x.ko" }]', "modules = 3"), "modules"),
        ("name = ", "not valid TOML"),
    ],
)
def test_mistakes_are_named_in_one_line(tmp_path, text, said):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        profile.load(str(path))
    assert said in str(caught.value)
    assert "mine.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(UserError, match="there is kvm"):
        profile.load("kvn")


def test_a_missing_file():
    with pytest.raises(UserError, match="No such file"):
        profile.load("/nowhere/x.toml")


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="UTF-8"):
        profile.load(str(path))
