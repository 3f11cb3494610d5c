# SPDX-License-Identifier: GPL-2.0-only
"""The series' tip under sparse and nm, which really run: only what is new, and on whose lines."""

import shutil
import subprocess
from dataclasses import replace

import pytest

from reviewbot.model import codec
from reviewbot.model.analysis import Analysis
from reviewbot.model.errors import InfrastructureError
from reviewbot.model.status import Status
from reviewbot.stages import analyse, build, kernel_documents
from reviewbot.tools import layers

X86 = "arch/x86/kvm/x86.c"
SVM = "arch/x86/kvm/svm.c"
HEADER = "include/linux/kvm_host.h"
# gcc is content with a prototype; sparse wants it to be static when the other file has none.
UNDECLARED = "\nint kvm_{0};\n"

pytestmark = pytest.mark.skipif(
    shutil.which("sparse") is None, reason="needs sparse: deploy/setup-debian review"
)


def append(text):
    return lambda old: old + text


def analysed(lab, applied):
    result = lab.build(applied)
    assert result.status is Status.PASS, result.reason
    request = analyse.AnalyseRequest(applied=applied, profile=lab.profile, built=result)
    return analyse.run(request, lab.tools())


def tool(found, name="sparse"):
    return next(one for one in found.tools if one.name == name)


def test_a_clean_tip_says_what_was_looked_at_and_how_to_repeat_it(kernel, lab):
    found = analysed(lab, kernel.series({X86: append("\n/* one */\n")}))
    said = tool(found)
    assert (said.status, said.added, said.elsewhere) == (Status.PASS, (), ())
    assert (said.files, said.unchecked) == ((X86,), ())
    words = said.command.replace("\\\n", "").split()
    assert words[-5:-3] == ["C=2", "CHECK=sparse"]
    assert words[-3:] == ["'CF=-Wno-context", "-fmax-warnings=unlimited'", "arch/x86/kvm/x86.o"]
    assert found.exports == ()
    assert codec.from_json(codec.to_json(found), Analysis) == found


def test_the_view_that_it_was_built_in_serves_as_well(kernel, lab):
    """The last patch is not compiled there, so that the view shows an earlier one."""
    applied = kernel.series(
        {X86: append(UNDECLARED.format("new"))}, {"Documentation/of-the-series.rst": "words\n"}
    )
    tip = applied.patches[-1].tree_id
    tools = lab.tools()
    wanted = build.BuildRequest(applied=applied, profile=lab.profile)
    with build.opened(wanted, tools) as (result, view):
        space = view.shows(tip)
        assert space is not None
        request = analyse.AnalyseRequest(
            applied=applied, profile=lab.profile, built=result, tip=space
        )
        found = analyse.run(request, tools)
    assert found.tools
    shutil.rmtree(lab.cache.root / "results/analysis")
    alone = analysed(lab, applied)
    assert replace(found, seconds=0) == replace(alone, seconds=0)


def test_the_commands_repeat_it_outside_the_sandbox(kernel, lab, tmp_path):
    check = kernel.path / "scripts/kernel-doc"
    check.write_text('#!/bin/sh\necho "$2:1: warning: as in the sandbox"\n')
    check.chmod(0o755)
    kernel.commit({})
    found = analysed(lab, kernel.series({X86: append(UNDECLARED.format("new"))}))
    (message,) = tool(found).added
    checkout = tmp_path / "checkout" / "linux"
    subprocess.run(["git", "clone", "-q", kernel.path, checkout], check=True)

    def repeated(command):
        done = subprocess.run(
            ["bash", "-ec", command], cwd=checkout, capture_output=True, text=True, check=True
        )
        return done.stdout + done.stderr

    assert f"{X86}:{message.line}:{message.column}: warning: {message.message}" in repeated(
        tool(found).command
    )
    said = repeated(tool(found, "kernel-doc").command)
    assert said == f"{X86}:1: warning: as in the sandbox\n"


def test_a_new_message_on_an_added_line_counts(kernel, lab):
    said = tool(analysed(lab, kernel.series({X86: append(UNDECLARED.format("new"))})))
    assert [(one.path, "kvm_new" in one.message) for one in said.added] == [(X86, True)]
    assert said.added[0].line == 12 + 1
    assert said.elsewhere == ()


def test_messages_of_the_base_are_not_news_wherever_they_move(kernel, lab):
    base = {X86: append(UNDECLARED.format("old"))}
    applied = kernel.series({X86: lambda old: "\n\n\n" + old}, base=base)
    said = tool(analysed(lab, applied))
    assert "kvm_old" in lab.cache.get(said.log).decode()
    assert (said.added, said.elsewhere) == ((), ())


def test_a_message_that_moves_on_added_lines_is_the_same(kernel, lab):
    base = {X86: lambda old: UNDECLARED.format("old") + old}
    moved = kernel.series(
        {X86: lambda old: old.replace(UNDECLARED.format("old"), "") + UNDECLARED.format("old")},
        base=base,
    )
    said = tool(analysed(lab, moved))
    assert (said.added, said.elsewhere) == ((), ())


def test_messages_go_along_with_code_that_moves_to_another_file(kernel, lab):
    old, new = UNDECLARED.format("old"), "arch/x86/kvm/more.c"
    base = {X86: append(old)}
    applied = kernel.series(
        {
            X86: lambda text: text.replace(old, ""),
            new: "#include <linux/kvm_host.h>\n" + old,
            "arch/x86/kvm/Makefile": append("kvm-y += arch/x86/kvm/more.o\n"),
        },
        base=base,
    )
    said = tool(analysed(lab, applied))
    assert said.files == (new, X86)
    assert "kvm_old" in lab.cache.get(said.log).decode()
    assert (said.added, said.elsewhere) == ((), ())


def test_a_new_name_for_what_the_base_had_is_not_news(kernel, lab):
    base = {X86: append(UNDECLARED.format("old"))}
    renamed = {X86: lambda text: text.replace("kvm_old", "kvm_new")}
    said = tool(analysed(lab, kernel.series(renamed, base=base)))
    assert "kvm_new" in lab.cache.get(said.log).decode()
    assert (said.added, said.elsewhere) == ((), ())
    two = UNDECLARED.format("newer") + UNDECLARED.format("newest")
    more = {X86: lambda text: text.replace(UNDECLARED.format("new"), two)}
    assert len(tool(analysed(lab, kernel.series(more))).added) == 1


def test_a_header_that_is_left_alone_is_not_read_out_because_it_is_included(kernel, lab):
    """Nor by a new file.  What the series does to it, or what was included before, is said as ever."""
    header, bad = (
        "include/linux/bad.h",
        "static __attribute__((unused)) int *kvm_bad(void)\n{\n\treturn 0;\n}\n",
    )
    include = {X86: lambda text: "#include <linux/bad.h>\n" + text}
    said = tool(analysed(lab, kernel.series(include, base={header: bad})))
    assert "bad.h" in lab.cache.get(said.log).decode()
    assert (said.added, said.elsewhere) == ((), ())
    worse = {header: append(bad.replace("kvm_bad", "kvm_worse")), X86: append("\n")}
    said = tool(analysed(lab, kernel.series(worse)))
    assert [one.path for one in said.added] == [header]


LOCKS = """
#ifdef __CHECKER__
#define kvm_lock() __context__(1)
#else
#define kvm_lock() do { } while (0)
#endif
int kvm_lock_if(int wanted);
int kvm_lock_if(int wanted)
{
	if (wanted)
		kvm_lock();
	return wanted;
}
"""


def test_nothing_is_said_of_locks(kernel, lab, tmp_path):
    """Sparse does not follow one that is taken on a condition."""
    (tmp_path / "locks.c").write_text(LOCKS)
    alone = subprocess.run(
        ["sparse", tmp_path / "locks.c"], check=True, capture_output=True, text=True
    )
    assert "context imbalance in 'kvm_lock_if'" in alone.stderr
    said = tool(analysed(lab, kernel.series({X86: append(LOCKS)})))
    assert (said.status, said.added, said.elsewhere) == (Status.PASS, (), ())


def test_what_a_line_left_alone_brings_is_not_counted(kernel, lab):
    base = {
        X86: append(UNDECLARED.format("declared")),
        HEADER: append("extern int kvm_declared;\n"),
    }
    applied = kernel.series(
        {HEADER: lambda old: old.replace("extern int kvm_declared;\n", ""), X86: append("\n")},
        base=base,
    )
    said = tool(analysed(lab, applied))
    assert said.added == ()
    assert ["kvm_declared" in one.message for one in said.elsewhere] == [True]


def test_only_the_tip_counts(kernel, lab):
    text = UNDECLARED.format("for_now")
    applied = kernel.series({X86: append(text)}, {X86: lambda old: old.replace(text, "\n")})
    assert tool(analysed(lab, applied)).added == ()


def test_a_file_of_another_architecture_is_not_called_good(kernel, lab):
    arm = "arch/arm64/kvm/arm.c"
    kernel.commit({arm: "int kvm_base;\n"})
    applied = kernel.series({arm: append("int kvm_arm;\n"), X86: append("\n")})
    said = tool(analysed(lab, applied))
    assert (said.files, said.unchecked) == ((X86,), (arm,))
    applied = kernel.series({arm: append("int kvm_more;\n")})
    said = tool(analysed(lab, applied))
    assert (said.status, said.files) == (Status.SKIP, ())
    assert said.reason == "no touched C file is part of the configuration"


def test_no_sparse_is_said_and_is_no_pass(kernel, lab, monkeypatch):
    applied = kernel.series({X86: append(UNDECLARED.format("new"))})
    monkeypatch.setattr("reviewbot.tools.toolchain.sparse", lambda: None)
    said = tool(analysed(lab, applied))
    assert (said.status, said.reason) == (Status.SKIP, "not installed; Debian: sparse")
    # And once it is there, what was kept without it is not taken for its answer.
    monkeypatch.undo()
    assert tool(analysed(lab, applied)).status is Status.PASS


def test_a_series_without_c_asks_nothing(kernel, lab):
    found = analysed(lab, kernel.series({"Documentation/tiny.rst": append("\nMore.\n")}))
    assert (found.tools, found.exports, found.symbols) == ((), (), ())


def test_a_second_look_runs_nothing(kernel, lab):
    applied = kernel.series({X86: append(UNDECLARED.format("new"))})
    first = analysed(lab, applied)
    lab.said.clear()
    assert analysed(lab, applied) == first
    assert lab.said == []


def exported(name):
    """What EXPORT_SYMBOL leaves for nm."""
    return (
        f"\nint {name}(void);\nint {name}(void)\n{{\n\treturn 1;\n}}\n"
        f"static const int __ksymtab_{name} __attribute__((used)) = 1;\n"
    )


def test_new_exports_are_listed_with_the_modules_that_use_them(kernel, lab):
    use = "\nint svm_two(void);\nint svm_two(void)\n{\n\treturn kvm_used();\n}\n"
    applied = kernel.series(
        {
            X86: append(exported("kvm_used") + exported("kvm_spare")),
            HEADER: append("int kvm_used(void);\n"),
        },
        {SVM: append(use)},
        base={X86: append(exported("kvm_old"))},
    )
    found = analysed(lab, applied)
    assert found.exports_unknown == ""
    said = {one.name: (one.module, one.users) for one in found.exports}
    assert said == {"kvm_used": ("kvm.ko", ("kvm-amd.ko",)), "kvm_spare": ("kvm.ko", ())}


def test_an_export_of_what_is_built_in_is_seen_in_its_object(kernel, lab):
    found = analysed(lab, kernel.series({"kernel/user.c": append(exported("put_it"))}))
    assert [(one.name, one.module) for one in found.exports] == [("put_it", "kernel/user.o")]


def test_a_check_that_the_tree_does_not_have_is_not_passed(kernel, lab):
    said = tool(analysed(lab, kernel.series({X86: append("\n")})), "kernel-doc")
    assert (said.status, said.reason) == (Status.SKIP, "the tree has no kernel-doc")


def test_a_check_out_of_the_tree_runs_in_the_sandbox_and_its_failure_is_none_of_the_series(
    kernel, lab, tmp_path
):
    secret = tmp_path / "secret"
    secret.write_text("ours")
    script = f"#!/bin/sh\ncat {secret} && echo '{X86}:1: warning: read it'\ntouch {secret}.made\nexit 1\n"
    path = kernel.path / "scripts/kernel-doc"
    path.write_text(script)
    path.chmod(0o755)
    said = tool(analysed(lab, kernel.series({X86: append("\n")})), "kernel-doc")
    assert said.status is Status.INFRA
    assert "does not run" in said.reason
    assert not (tmp_path / "secret.made").exists()


def test_what_failed_is_tried_again(kernel, lab):
    path = kernel.path / "scripts/kernel-doc"
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o755)
    applied = kernel.series({X86: append("\n")})
    analysed(lab, applied)
    lab.said.clear()
    analysed(lab, applied)
    assert lab.said == ["sparse, kernel-doc, exported symbols"]


def test_the_base_is_that_of_the_build(kernel, lab):
    """Another base than the build's would be made for minutes."""
    applied = kernel.series({X86: append("\n")})
    lab.build(applied)
    made = list(lab.cache.root.glob("layers/objects-*"))
    analysed(lab, applied)
    assert list(lab.cache.root.glob("layers/objects-*")) == made


def test_without_overlayfs_it_says_the_same(kernel, lab, monkeypatch):
    document = "Documentation/tiny.rst"
    check = kernel.path / "scripts/documentation-file-ref-check"
    check.write_text(
        "#!/bin/sh\n[ -e .git ] && git grep -l Documentation/ | sed 's,$,: Documentation/no.rst,'\n"
    )
    check.chmod(0o755)
    applied = kernel.series({document: append("Documentation/no.rst\n"), X86: append("\n")})
    (message,) = tool(analysed(lab, applied), check.name).added
    assert (message.path, message.message) == (document, "there is no Documentation/no.rst")
    monkeypatch.setattr(layers, "sharing_at", lambda _place: layers.Sharing.COPY)
    shutil.rmtree(lab.root / "cache")
    assert tool(analysed(lab, applied), check.name).added == (message,)


def test_a_document_that_is_removed_is_missed_where_it_is_mentioned(kernel, lab):
    """As the kernel's script: mentions in what git knows, existence in the whole tree."""
    old, user = "Documentation/old.rst", "kernel/user.c"
    check = kernel.path / "scripts/documentation-file-ref-check"
    check.write_text(
        "#!/bin/sh\n[ -e .git ] || exit 1\ngit grep -oh 'Documentation/[a-z.]*' >/dev/null || exit 0\n"
        "git grep -o 'Documentation/[a-z.]*' | while IFS=: read -r file name; do\n"
        '  [ -e "$name" ] || echo "$file: $name"\ndone\n'
    )
    check.chmod(0o755)
    base = {
        old: "Old.\n",
        user: append(f"/* see {old} */\n"),
        "kernel/main.c": append("/* Documentation/never.rst */\n"),
    }
    found = analysed(lab, kernel.series({old: None, X86: append("\n")}, base=base))
    said = tool(found, check.name)
    assert said.added == ()
    assert [(one.path, one.message) for one in said.elsewhere] == [(user, f"there is no {old}")]


def test_mentions_that_could_not_be_looked_for_are_not_none(kernel, lab, monkeypatch):
    gone = "Documentation/tiny.rst"
    applied = kernel.series({gone: None, SVM: append("\n")})
    monkeypatch.setattr(kernel_documents, "_SECONDS", 0.0)
    with pytest.raises(InfrastructureError, match="mentions"):
        analysed(lab, applied)
