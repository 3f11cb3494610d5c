# SPDX-License-Identifier: GPL-2.0-only
"""Databases, settings and jobs for telling other services."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from web_services import LIST, TOKEN

from reviewbot.model.config import Config, KcidbConfig, ListConfig, PatchworkConfig
from reviewbot.model.job import Job
from reviewbot.tools import settings
from reviewbot.tools.publications import Publications

TESTS = Path(__file__).resolve().parent.parent
sys.path += [str(TESTS / "report"), str(TESTS / "engine")]


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/engine.sqlite"


@pytest.fixture
def rows(url):
    made = Publications(url)
    yield made
    made.close()


@pytest.fixture
def token_file(tmp_path):
    place = tmp_path / "token"
    place.write_text(f"{TOKEN}\n")
    return str(place)


@pytest.fixture
def job():
    return Job(series="20260115232154.3021475-1-jmattson@google.com", source=LIST)


@pytest.fixture
def config(token_file):
    """Settings for both services; tests fill in their addresses."""
    return Config(
        lists={LIST: ListConfig(follow="git", url="https://lore.kernel.org/kvm")},
        patchwork=PatchworkConfig(
            project="kvm", token_file=token_file, user="bot", lists=(LIST,), timeout=5.0
        ),
        kcidb=KcidbConfig(origin="kvm_bot", token_file=token_file, lists=(LIST,), timeout=5.0),
    )


@pytest.fixture
def with_patchwork(config):
    """Settings with an address, as the settings reader would let them pass."""

    def made(address, **more):
        settings.parse(f'[patchwork]\nurl = "{address}"'.encode(), source="test")
        return replace(config, patchwork=replace(config.patchwork, url=address, **more))

    return made


@pytest.fixture
def with_kcidb(config):
    def made(address, **more):
        settings.parse(f'[kcidb]\nurl = "{address}"'.encode(), source="test")
        return replace(config, kcidb=replace(config.kcidb, url=address, **more))

    return made
