# SPDX-License-Identifier: GPL-2.0-only
"""``--range`` is about the repository one stands in, whatever trees are configured."""

import json
import subprocess
import sys
from pathlib import Path


def test_range_of_the_current_repository(tree, home: Path, tmp_path: Path) -> None:
    base = tree.git("rev-parse", "HEAD").strip()
    tree.write("arch/x86/kvm/x86.c", "int kvm_other;\n")
    tree.commit("KVM: x86: Replace everything")
    other = tmp_path / "other"
    other.mkdir()
    subprocess.run(["git", "-C", other, "init", "-q"], check=True)
    config = home / "config.toml"
    config.write_text(f'[trees.other]\npath = "{other}"\n')
    done = subprocess.run(
        [
            *(sys.executable, "-m", "reviewbot", "--config", config, "-q"),
            *("review", "--range", f"{base}..HEAD", "--only-rules", "--format", "json"),
        ],
        check=False,
        cwd=tree.path,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home)},
    )
    run = json.loads(done.stdout)
    assert run["base"]["commit"] == base
    assert run["applied"]["status"] == "pass"
    assert [patch["subject"] for patch in run["series"]["patches"]] == [
        "KVM: x86: Replace everything"
    ]
