# SPDX-License-Identifier: GPL-2.0-only
"""``reviewbot lint``: every way to name a series, the exit statuses, and the hook of git send-email."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UAPI = "arch/x86/include/uapi/asm/kvm.h"
LINUX = "include/uapi/linux/kvm.h"
HEADER = "#ifndef _ASM_KVM_H\n#define _ASM_KVM_H\n#include <linux/types.h>\n\n#endif\n"
MAIN = "#ifndef _KVM_H\n#define _KVM_H\n#include <asm/kvm.h>\n#endif\n"
COMPLAINT = (
    f"{UAPI}:5: warning: KVM_STATE_A uses BIT(), which userspace does not have [KVM-ABI-011]"
)
ONLY = ("--select", "KVM-ABI-011")


@pytest.fixture
def topic(tree):
    """A branch with three patches, the second with a finding, and its upstream."""
    tree.write(UAPI, HEADER)
    tree.write(LINUX, MAIN)
    tree.commit("Headers")
    tree.git("checkout", "-q", "-b", "topic", "--track", "master")
    source = "arch/x86/kvm/x86.c"
    body = (tree.path / source).read_text()
    tree.write(source, body.replace("kvm_value_9;", "kvm_other_9;"))
    tree.commit("KVM: x86: Rename value 9")
    tree.write(UAPI, HEADER.replace("\n\n", "\n\n#define KVM_STATE_A BIT(0)\n"))
    tree.commit("KVM: x86: Add KVM_STATE_A")
    tree.write(source, body.replace("kvm_value_9;", "kvm_last_9;"))
    tree.commit("KVM: x86: Rename value 9 again")
    return tree


@pytest.fixture
def patches(topic, tmp_path):
    """Those as files of git format-patch."""

    def make(*options: str) -> list[Path]:
        place = tmp_path / "outgoing"
        shutil.rmtree(place, ignore_errors=True)
        topic.git("format-patch", "-q", "-o", str(place), *options, "master..topic")
        return sorted(place.iterdir())

    return make


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """One cache for all tests: their series is the same, and what rules say of it is kept."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def lint(topic, home, cache):
    """Run ``reviewbot lint`` in the repository (or a folder of it)."""

    def run(*arguments, stdin=b"", cwd="", select=ONLY, **env):
        done = subprocess.run(
            [sys.executable, "-m", "reviewbot", "lint", *select, *map(str, arguments)],
            check=False,
            input=stdin,
            capture_output=True,
            cwd=topic.path / cwd,
            timeout=120,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "LANG": "C.UTF-8",
                "XDG_CACHE_HOME": str(cache),
                **env,
            },
        )
        assert b"Traceback" not in done.stderr
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return run


def found(said) -> None:
    code, out, err = said
    assert (code, out.split(" (patch")[0]) == (1, COMPLAINT), err
    assert "1 warning" in err


def test_without_arguments_it_is_what_upstream_lacks(lint):
    said = lint()
    found(said)
    assert said[1].splitlines() == [
        f"{COMPLAINT} (patch 2/3)",
        "    Use _BITUL(). (Documentation/dev-tools/checkuapi.rst)",
    ]


@pytest.mark.parametrize("commits", ["master..topic", "master", "topic~2", "topic~2..topic~1"])
def test_ranges_and_single_revisions(lint, commits):
    found(lint(commits))
    found(lint(commits, cwd="arch/x86"))


def test_an_upstream_that_moved_on_changes_nothing(lint, topic):
    topic.git("checkout", "-q", "master")
    topic.write("arch/x86/kvm/x86.c", "int all_else;\n")
    topic.commit("Something else")
    topic.git("checkout", "-q", "topic")
    found(lint())


def test_patches_as_a_folder_files_and_standard_input(lint, patches):
    for options in ((), ("--cover-letter", "-v2"), ("--base=master",)):
        files = patches(*options)
        found(lint(files[0].parent))
        found(lint(*files))
        found(lint("-", stdin=b"".join(file.read_bytes() for file in files)))


def test_patches_are_put_where_they_were_made_not_on_what_is_checked_out(lint, patches, topic):
    files = patches()
    topic.write("arch/x86/kvm/x86.c", "int all_else;\n")
    topic.commit("KVM: x86: Something else that no patch applies to")
    found(lint(*files))
    found(lint(*files, "--base", "master"))


def test_nothing_is_written_in_the_repository_and_no_run_is_kept(lint, topic, home):
    def everything():  # git itself renews the times of objects it would have written
        return {path: path.is_file() and path.read_bytes() for path in topic.path.rglob("*")}

    before = everything()
    found(lint())
    assert everything() == before
    assert not (home / ".local/state/reviewbot/runs").exists()


def test_nothing_of_the_repository_is_run_and_no_settings_are_taken_from_it(lint, topic, tmp_path):
    mark = tmp_path / "was-run"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    for key in ("core.fsmonitor", "diff.external", "core.pager", "core.sshCommand"):
        topic.git("config", key, str(program))
    for name in ("post-checkout", "post-index-change", "reference-transaction"):
        hook = topic.path / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        shutil.copy(program, hook)
    (topic.path / "config.toml").write_text('[rules]\nignore = ["KVM-ABI"]\n')
    (topic.path / ".config/reviewbot").mkdir(parents=True)
    shutil.copy(topic.path / "config.toml", topic.path / ".config/reviewbot")
    found(lint())
    assert not mark.exists()


def test_select_and_ignore_by_code_and_prefix(lint):
    clean = "reviewbot: no findings"
    for options in (("--ignore", "kvm-abi-011"), ("--select", "KVM-DOC,KVM-ABI-001")):
        code, out, err = lint(*options, select=())
        assert (code, COMPLAINT in out) == (0, False), err
    code, out, err = lint("--ignore", "KVM-PROC,KVM-QUIRK", select=("--select", "KVM-ABI,KVM-CAP"))
    assert (code, COMPLAINT in out, clean in err) == (1, True, False)
    code, _, err = lint("--select", "KVM-NONE")
    assert code == 2
    assert "KVM-NONE" in err


def test_json_and_sarif_are_the_report_of_the_run(lint):
    code, out, _ = lint("--format", "json")
    said = json.loads(out)
    assert (code, [f["code"] for f in said["check"]["findings"]]) == (1, ["KVM-ABI-011"])
    code, out, _ = lint("--format", "sarif")
    (run,) = json.loads(out)["runs"]
    assert (code, [r["ruleId"] for r in run["results"]]) == (1, ["KVM-ABI-011"])


def test_an_inline_ignore_is_honoured_and_shown(lint, patches):
    files = patches("--cover-letter")
    cover = files[0].read_text()
    words = "reviewbot: ignore KVM-ABI-011 - userspace has its own BIT()"
    files[0].write_text(cover.replace("*** BLURB HERE ***", f"Hello.\n\n{words}\n"))
    code, out, err = lint(*files)
    assert (code, out) == (0, "")
    assert "ignored: 2/3 KVM-ABI-011: userspace has its own BIT()" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "no file here and no commit"),
        (["nowhere..HEAD"], "no such commit"),
        (["HEAD..HEAD"], "nothing to check"),
        (["./gone.patch"], "no such file"),
        (["a.patch", "b.patch"], "no such file"),
        (["--validate", "x.patch", "y.patch"], "--validate"),
        (["master", "--base", "master"], "--base"),
        (["--validate", "gone.patch"], "gone.patch"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(lint, arguments, words):
    code, out, err = lint(*arguments)
    assert (code, out) == (2, "")
    assert words in err


def test_no_upstream_and_no_repository_say_what_to_do(lint, topic, reviewbot):
    topic.git("branch", "--unset-upstream")
    code, _, err = lint()
    assert code == 2
    assert "git branch --set-upstream-to" in err
    topic.git("checkout", "-q", "--detach")
    assert "HEAD of" in lint()[2]
    said = reviewbot("lint")
    assert (said.code, "no git repository" in said.complaint) == (2, True)


def test_a_patch_that_does_not_apply_is_said(lint, patches):
    code, _, err = lint(*patches(), "--base", "topic")
    assert code == 2
    assert "does not apply" in err
    assert "--base" in err


def test_a_reader_that_leaves_changes_nothing_about_the_verdict(topic, home):
    lint = f"{sys.executable} -m reviewbot lint {' '.join(ONLY)}"
    done = subprocess.run(
        ["bash", "-c", f"{lint} | head -c 1; echo ${{PIPESTATUS[0]}}"],
        check=True,
        capture_output=True,
        cwd=topic.path,
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
    )
    assert done.stdout.endswith(b"1\n")
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


# The protocol of git's hook, githooks(5): one call a file, those of one command counted since 2.41.


def test_the_first_file_answers_for_the_series_the_others_for_themselves(lint, patches):
    files = patches()
    answers = [lint("--validate", file) for file in files]
    assert [code for code, _, _ in answers] == [1, 1, 0]
    found(answers[0])
    assert answers[1][1].startswith(COMPLAINT)
    assert answers[2][1:] == ("", "")


def test_patches_of_several_authors_are_one_series(lint, patches):
    files = patches("--cover-letter")
    for number, file in enumerate(files[1:], 1):
        text = file.read_text()
        sender = re.search(r"^From: .*$", text, re.MULTILINE)[0]
        file.write_text(text.replace(sender, f"From: Author <author{number}@example.org>"))
    found(lint("--validate", files[0]))
    assert lint("--validate", files[2])[0] == 1
    words = "reviewbot: ignore KVM-ABI-011 - userspace has its own BIT()"
    files[0].write_text(files[0].read_text().replace("*** BLURB HERE ***", words))
    assert lint("--validate", files[2])[:2] == (0, "")
    stranger = files[0].with_name("0001-another.patch")
    stranger.write_text(files[1].read_text().replace("author1@", "stranger@"))
    assert lint("--validate", files[2])[0] == 0, "of two that claim a number one is used"


def test_counted_files_are_answered_for_by_the_first(lint, patches):
    files = patches("--cover-letter")
    codes = [
        lint(
            "--validate",
            file,
            GIT_SENDEMAIL_FILE_COUNTER=str(number),
            GIT_SENDEMAIL_FILE_TOTAL=str(len(files)),
        )[0]
        for number, file in enumerate(files, 1)
    ]
    assert codes == [1, 0, 0, 0]
    alone = {"GIT_SENDEMAIL_FILE_COUNTER": "1", "GIT_SENDEMAIL_FILE_TOTAL": "1"}
    assert [lint("--validate", file, **alone)[0] for file in files] == [1, 0, 1, 0]


def test_the_hook_lets_pass_what_is_not_for_us(lint, patches, tmp_path):
    files = patches()
    alone = tmp_path / "alone"
    alone.mkdir()
    lone = Path(shutil.copy(files[2], alone))
    assert lint("--validate", lone)[0] == 0, "one patch of a series, the others elsewhere"
    cover = tmp_path / "cover.txt"
    cover.write_text("From: Jo <jo@example.org>\nSubject: [PATCH 0/3] Hello\n\nNo patch here.\n")
    assert lint("--validate", cover)[0] == 0


def test_a_stale_file_beside_a_patch_is_named(lint, patches):
    files = patches()
    shutil.copy(files[0], files[0].with_name("0001-an-older-name.patch"))
    code, _, err = lint("--validate", files[1])
    assert code == 2
    assert "0001-an-older-name.patch" in err


def test_other_files_in_the_folder_are_left_alone(lint, patches):
    files = patches()
    (files[0].parent / "0001-notes.txt").write_bytes(b"\xff not a mail")
    (files[0].parent / "0002-loop.patch").symlink_to("0002-loop.patch")
    os.mkfifo(files[0].parent / "0003-pipe.patch")  # opening it would wait for ever
    found(lint("--validate", files[0]))


@pytest.fixture
def programs(tmp_path, home, cache):
    """The environment of somebody who has reviewbot on the PATH, and one rule switched on."""
    place = tmp_path / "bin"
    place.mkdir()
    (place / "reviewbot").write_text(f'#!/bin/sh\nexec {sys.executable} -m reviewbot "$@"\n')
    (place / "reviewbot").chmod(0o755)
    config = home / ".config/reviewbot/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[rules]\nselect = ["KVM-ABI-011"]\n')
    return {
        "PATH": f"{place}:{os.environ['PATH']}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "XDG_CACHE_HOME": str(cache),
    }


def install(repository, name: str) -> None:
    """Type what README.md says for this hook."""
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    start = f"    cat >.git/hooks/{name} <<'END'\n"
    assert start in readme, f"README.md no longer says how to install {name}"
    typed = start + readme.split(start, 1)[1].split("\n\n", 1)[0]
    lines = "\n".join(line.removeprefix("    ") for line in typed.split("\n"))
    (repository.path / ".git/hooks").mkdir(exist_ok=True)
    subprocess.run(["bash", "-e", "-c", lines], cwd=repository.path, check=True)


def test_a_push_is_stopped_by_what_it_would_publish(topic, programs, tmp_path):
    install(topic, "pre-push")
    topic.git("init", "-q", "--bare", str(tmp_path / "public"))
    push = ["git", "push", "-q", str(tmp_path / "public"), "topic"]
    stopped = subprocess.run(
        push, cwd=topic.path, env=programs, capture_output=True, text=True, check=False
    )
    assert stopped.returncode != 0
    assert COMPLAINT in stopped.stdout + stopped.stderr
    topic.git("reset", "-q", "--hard", "topic~2")
    subprocess.run(push, cwd=topic.path, env=programs, check=True)


@pytest.mark.skipif(
    not Path(
        subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True)
        .stdout.strip(), "git-send-email",
    ).exists(),
    reason="needs Debian's git-email (deploy/debian-packages.txt, scope test)",
)  # fmt: skip
def test_git_send_email_asks_before_it_sends(topic, patches, programs):
    """The hook of README.md, and git's own --dry-run."""
    install(topic, "sendemail-validate")
    topic.git("config", "user.name", "Jo Example")
    topic.git("config", "user.email", "jo@example.org")

    def send(*files: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *("git", "send-email", "--validate", "--dry-run", "--confirm=never"),
                *("--from=jo@example.org", "--to=kvm@vger.kernel.org", "--suppress-cc=all", *files),
            ],
            cwd=topic.path,
            env=programs,
            capture_output=True,
            text=True,
            check=False,
        )

    files = patches()
    stopped = send(*files)
    assert stopped.returncode != 0
    assert COMPLAINT in stopped.stdout + stopped.stderr
    assert "Dry-OK" not in stopped.stdout, "nothing may be sent before every file was validated"
    files = patches("--cover-letter")
    words = "reviewbot: ignore KVM-ABI-011 - this is a test"
    cover = files[0].read_text().replace("*** BLURB HERE ***", words)
    files[0].write_text(cover.replace("*** SUBJECT HERE ***", "KVM: x86: A test"))
    passed = send(*files)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert passed.stdout.count("Dry-OK") == len(files)
