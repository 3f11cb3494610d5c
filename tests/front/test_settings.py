# SPDX-License-Identifier: GPL-2.0-only
"""Settings: everything wrong is named, nothing is ignored, nothing comes from the current directory."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.model.config import Config, ListConfig, TreeConfig
from reviewbot.model.errors import UserError
from reviewbot.tools import settings, settings_text


def parse(text: str) -> Config:
    return settings.parse(text.encode(), source="/etc/r.toml")


def complaint(text: str) -> str:
    with pytest.raises(UserError) as caught:
        parse(text)
    message = str(caught.value)
    assert message.startswith("/etc/r.toml: "), "the file must be named"
    assert "\n" not in message, "one line"
    return message.removeprefix("/etc/r.toml: ")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("REVIEWBOT_CONFIG", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


def test_an_empty_file_means_the_defaults():
    assert parse("") == Config()


def test_values_arrive_in_their_fields(home):
    config = parse("""
        [inbox]
        midmask = "https://lore.example.org/kvm/%s"
        timeout = 5
        [trees.kvm-x86]
        path = "~/src/linux"
        refs = ["kvm-x86/next", "kvm/queue"]
        [trees."with space"]
        path = "/srv/linux"
        [lab]
        jobs = 3
        tcg_scale = 2.5
        [rules]
        directories = ["~/rules"]
    """)
    assert config.inbox.timeout == 5.0
    assert config.trees["kvm-x86"].path == f"{home}/src/linux"
    assert config.trees["kvm-x86"].refs == ("kvm-x86/next", "kvm/queue")
    assert config.trees["with space"] == TreeConfig(path="/srv/linux")
    assert (config.lab.jobs, config.lab.tcg_scale) == (3, 2.5)
    assert config.rules.directories == (f"{home}/rules",)
    assert config.mail == Config().mail


def test_severities_by_code_for_everybody_and_for_one_list():
    config = parse("""
        [rules.severity]
        KVM-DOC = "note"
        [lists."kvm@vger.kernel.org".severity]
        "KVM-PROC-003" = "off"
    """)
    assert config.rules.severity == {"KVM-DOC": "note"}
    assert config.lists["kvm@vger.kernel.org"].severity == {"KVM-PROC-003": "off"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[lab]\nmemory = 1", "lab.memory: unknown key in [lab]; did you mean memory_mib?"),
        ("[lab]\nmemory-mib = 1", "lab.memory-mib: unknown key in [lab]; did you mean memory_mib?"),
        ("[tree.x]\npath='/x'", "tree: unknown key at the top; did you mean trees?"),
        ("[trees.x]\npath='/x'\nref='y'", "trees.x.ref: unknown key in [trees.x]; did you mean refs?"),
        ('[sweeps.kvm]\nat = "2:30"', 'sweeps.kvm.at: expected a time (UTC) as hours:minutes, such as 02:30, got "2:30"'),
        ('[sweeps.kvm]\ndays = ["monday"]', 'sweeps.kvm.days[0]: expected one of "mon", "tue", "wed", "thu", "fri", "sat", "sun", got "monday"'),
        ('[sweeps.kvm]\nrefs = ["--all"]', 'sweeps.kvm.refs[0]: expected a branch or tag, such as "kvm/queue", got "--all"'),
        ("[sweeps.kvm]\nhours = 0", "sweeps.kvm.hours: must be more than 0, got 0.0"),
        ('[sweeps.kvm]\nowner = "Jo"', 'sweeps.kvm.owner: expected an address, such as "Jo <jo@example.org>", got "Jo"'),
        ('[sweeps.kvm]\nmode = "all"', 'sweeps.kvm.mode: expected one of "off", "owner", "hold", "send", got "all"'),
        ('[sweeps.kvm]\ntests = ["a b"]', 'sweeps.kvm.tests[0]: expected the name of a selftest, or a pattern with * and ?, got "a b"'),
        ("zzzz = 1", "zzzz: unknown key at the top; known are inbox, trees, lab, engine, cache, rules, lists, mail, commands, patchwork, kcidb, triage, sweeps"),
        ("[lab]\njobs = '2'", "lab.jobs: expected a whole number, got '2'"),
        ("[lab]\njobs = true", "lab.jobs: expected a whole number, got true"),
        ("[lab]\njobs = 1.5", "lab.jobs: expected a whole number, got 1.5"),
        ("[lab]\njobs = -1", "lab.jobs: must be from 0 to 2147483647, got -1"),
        ("[lab]\ncpus = 0", "lab.cpus: must be more than 0, got 0"),
        ("[lab]\ntcg_scale = nan", "lab.tcg_scale: must be more than 0, got nan"),
        ("[inbox]\ntimeout = inf", "inbox.timeout: must be from 0 to 2147483647, got inf"),
        ("[inbox]\nmidmask = 7", "inbox.midmask: expected a string in quotes, got 7"),
        ("[rules]\nselect = 'KVM'", "rules.select: expected a list in brackets, got 'KVM'"),
        ("[rules]\nselect = ['KVM', 1]", "rules.select[1]: expected a string in quotes, got 1"),
        ("lab = 3", "lab: expected a table, [lab], got 3"),
        ("trees = []", "trees: expected tables such as [trees.linux], got []"),
        ("[trees]\nlinux = '/x'", "trees.linux: expected a table, [trees.linux], got '/x'"),
        ("[trees.linux]", "trees.linux.path: missing, and there is no default"),
        ("[trees.linux]\npath = 'linux'", 'trees.linux.path: "linux" is a relative path; begin it with / or ~'),
        ("[rules]\ndirectories = ['rules']", 'rules.directories[0]: "rules" is a relative path; begin it with / or ~'),
        ("[lab]\nprofile = './kvm.toml'", 'lab.profile: "./kvm.toml" is a relative path; begin it with / or ~'),
        ("[trees.x]\npath = '~nobody-here/x'", 'trees.x.path: "~nobody-here/x" names a user that does not exist'),
        ("[mail]\nencryption = 'starttls'", 'mail.encryption: expected one of "", "tls", "ssl", "none", got "starttls"'),
        ("[rules.severity]\nKVM-DOC = 'of'", 'rules.severity.KVM-DOC: expected one of "error", "warning", "note", "off", got "of"'),
        ("[rules]\nseverity = 'off'", "rules.severity: expected a table, [rules.severity], got 'off'"),
        ("[lists.kvm]", "lists.kvm: a list is named by its address"),
        ("[lists.'a@b'.severity]\nKVM = 3", "lists.'a@b'.severity.KVM: expected a string in quotes, got 3"),
        ("[lists.'a@b']\nseverities = {}", "lists.'a@b'.severities: unknown key in [lists.'a@b']; did you mean severity?"),
        ("[lists.'a@b'.commands]\nallow = ['ann']", "lists.'a@b'.commands.allow[0]: expected an address, \"@\" and a domain, or \"author\", got \"ann\""),
        ("[patchwork]\nurl = 'http://patchwork.example.org'", 'patchwork.url: expected an address that begins with https://, without user, ? and #, got "http://patchwork.example.org"'),
        ("[kcidb]\nurl = 'https://token@db.example.org'", 'kcidb.url: expected an address that begins with https://, without user, ? and #, got "https://token@db.example.org"'),
        ("[kcidb]\norigin = 'Me'", 'kcidb.origin: expected a-z, 0-9 and "_" only, got "Me"'),
        ("[kcidb]\ntoken = 'abc'", "kcidb.token: unknown key in [kcidb]; did you mean token_file?"),
        ("[patchwork]\ncontext = 'a b'", 'patchwork.context: expected letters, digits, "-" and "_", got "a b"'),
        ("[patchwork]\nreport_url = 'https://x.org'", 'patchwork.report_url: expected an address with one %s for the review\'s id, got "https://x.org"'),
        ('[mail]\nsender = "a\\nBcc: b@c.org"', "mail.sender: control characters are not allowed here"),
    ],
)  # fmt: skip
def test_mistakes_are_named(text, expected):
    assert complaint(text) == expected


def test_a_syntax_error_says_where():
    assert complaint("[lab]\njobs = = 2").startswith("not TOML: ")
    assert "line 2" in complaint("[lab]\njobs = = 2")


def test_bytes_that_are_no_text_say_where():
    with pytest.raises(UserError, match="line 2: not UTF-8"):
        settings.parse(b"[lab]\n# \xff\n", source="f")


def test_deep_nesting_is_refused_in_one_line():
    complaint("x = " + "[" * 50_000)


@given(st.text(max_size=200))
def test_any_text_is_settings_or_one_clear_line(text):
    message = ""
    try:
        assert isinstance(parse(text), Config)
    except UserError as error:
        message = str(error)
    assert "\n" not in message


@given(st.sampled_from(fields(Config)), st.text(max_size=20), st.integers() | st.booleans())
def test_hostile_keys_never_break_the_line(section, name, value):
    escaped = "".join(f"\\U{ord(c):08x}" if not 0xD800 <= ord(c) < 0xE000 else "" for c in name)
    message = complaint(f'[{section.name}]\n"{escaped}-" = {str(value).lower()}')
    assert message.isprintable()


@pytest.mark.usefixtures("home")
def test_no_file_at_the_usual_place_means_the_defaults():
    assert settings.load() == Config()


def test_a_named_file_must_exist(home, monkeypatch):
    with pytest.raises(UserError, match="no such settings file; 'reviewbot init'"):
        settings.load(home / "missing.toml")
    monkeypatch.setenv("REVIEWBOT_CONFIG", str(home / "missing.toml"))
    with pytest.raises(UserError, match=r"missing\.toml"):
        settings.load()


def test_the_usual_place_is_found_and_the_current_directory_is_not(home, monkeypatch):
    elsewhere = home / "patched-tree"
    elsewhere.mkdir()
    for name in ("config.toml", "reviewbot.toml", ".reviewbot.toml"):
        (elsewhere / name).write_text("[lab]\njobs = 66\n")
    monkeypatch.chdir(elsewhere)
    assert settings.load().lab.jobs == 0
    usual = home / ".config/reviewbot/config.toml"
    usual.parent.mkdir(parents=True)
    usual.write_text("[lab]\njobs = 5\n")
    assert settings.load().lab.jobs == 5
    monkeypatch.setenv("XDG_CONFIG_HOME", "patched-tree")  # relative: to be ignored, says XDG
    assert settings.load().lab.jobs == 5


def test_the_environment_names_another_place(home, monkeypatch):
    other = home / "other.toml"
    other.write_text("[lab]\njobs = 7\n")
    monkeypatch.setenv("REVIEWBOT_CONFIG", "~/other.toml")
    assert settings.load().lab.jobs == 7


@pytest.mark.parametrize("place", ["/", "/dev/zero"])
def test_what_is_no_settings_file_is_refused(place):
    with pytest.raises(UserError, match=place):
        settings.load(place)


def uncommented(text: str) -> str:
    """Take every setting into use: "#key = value" and "#[table]", not "# prose"."""
    lines = [
        line[1:] if line.startswith("#") and not line.startswith("# ") else line
        for line in text.splitlines()
    ]
    return "\n".join(lines)


def test_the_file_init_writes_changes_nothing_as_it_is():
    assert parse(settings_text.render()) == Config()


def test_the_file_init_writes_shows_every_default(home):
    config = parse(uncommented(settings_text.render()))
    assert config.trees == {"linux": TreeConfig(path=f"{home}/linux")}
    assert config.lists == {"kvm@vger.kernel.org": ListConfig()}
    for section in ("inbox", "lab", "rules", "mail"):
        assert getattr(config, section) == getattr(Config(), section)


def test_the_file_init_writes_explains_every_key():
    text = settings_text.render()
    explained = settings_text.field_docs()
    for section in ("inbox", "lab", "rules", "mail"):
        kind = type(getattr(Config(), section))
        for field in fields(kind):
            first_words = " ".join(explained[kind.__name__, field.name].split()[:4])
            before = text.split(f"\n#{field.name} = ", 1)[0].splitlines()
            assert before[-1].startswith("# "), f"{section}.{field.name} has no comment"
            assert first_words in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_init_never_overwrites_by_itself(home):
    place = home / "new/config.toml"
    assert settings_text.write(place, force=False) == place
    assert settings.load(place) == Config()
    place.write_text("[lab]\njobs = 2\n")
    with pytest.raises(UserError, match="--force"):
        settings_text.write(place, force=False)
    assert settings.load(place).lab.jobs == 2
    settings_text.write(place, force=True)
    assert settings.load(place) == Config()
    assert list(place.parent.iterdir()) == [place], "no temporary file stays behind"


def test_init_writes_where_settings_are_looked_for(home, monkeypatch):
    assert settings_text.write(force=False) == home / ".config/reviewbot/config.toml"
    monkeypatch.setenv("REVIEWBOT_CONFIG", str(home / "mine.toml"))
    assert settings_text.write(force=False) == home / "mine.toml"
    assert settings.load() == Config()


def test_init_keeps_a_symbolic_link(home):
    dotfiles = home / "dotfiles.toml"
    dotfiles.write_text("")
    link = home / "config.toml"
    link.symlink_to(dotfiles)
    settings_text.write(link, force=True)
    assert link.is_symlink()
    assert "[lab]" in dotfiles.read_text()


def test_init_into_a_directory_that_cannot_be(home):
    (home / "file").write_text("")
    with pytest.raises(UserError, match="file/config"):
        settings_text.write(Path(home / "file/config.toml"), force=False)


def _keys(kind, prefix):
    """Every setting below a table, "*" for names that users choose."""
    hints = get_type_hints(kind)
    for each in fields(kind):
        hint, name = hints[each.name], f"{prefix}{each.name}"
        if get_origin(hint) is dict:
            hint, name = get_args(hint)[1], f"{name}.*"
        if is_dataclass(hint):
            yield from _keys(hint, f"{name}.")
        else:
            yield name


def test_special_treatment_names_real_settings():
    known = set(_keys(Config, ""))
    special = (
        settings._FILES
        | settings._NAMES_OR_FILES
        | settings._POSITIVE
        | set(settings._CHOICES)
        | set(settings._PATTERNS)
    )
    assert special <= known, "a setting was renamed: rename it in tools/settings.py too"
