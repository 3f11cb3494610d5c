# SPDX-License-Identifier: GPL-2.0-only
"""Reviews of long series, made of the sample's parts."""

from dataclasses import replace

import sample_runs
from shelves import named

from reviewbot.model.run import Run

_KEPT = " \tif (vcpu->arch.x > 1)\n"
_ADDED = '+\t\treturn kvm_do_something(vcpu, <7>, "x");\n'


def large(name: str, number: int, *, patches: int, files: int, hunks: int, lines: int) -> Run:
    """Every other patch has four findings."""
    run = sample_runs.findings()
    assert run.series
    assert run.applied
    assert run.build
    assert run.check
    numbers = range(1, patches + 1)
    text = "".join(_KEPT if at % 3 else _ADDED for at in range(lines))
    places = tuple((100 + 200 * at, f"static int kvm_{at}(void)", text) for at in range(hunks))

    def path(patch: int, file: int) -> str:
        return f"arch/x86/kvm/svm/file{patch}_{file}.c"

    made = tuple(
        replace(
            run.series.patches[0],
            number=at,
            subject=f"KVM: x86: do thing {at}",
            files=tuple(sample_runs.modified(path(at, file), places) for file in range(files)),
        )
        for at in numbers
    )
    found = tuple(
        replace(
            sample_runs.BIT,
            patch=at,
            location=replace(sample_runs.BIT.location, path=path(at, 0), line=100 + 3 * step),
        )
        for at in numbers[1::2]
        for step in range(4)
    )
    return named(
        replace(
            run,
            series=replace(run.series, patches=made, total=patches, title=f"{name} {patches}"),
            applied=replace(
                run.applied,
                patches=tuple(replace(run.applied.patches[0], number=at) for at in numbers),
            ),
            build=replace(
                run.build, patches=tuple(replace(run.build.patches[0], number=at) for at in numbers)
            ),
            check=replace(run.check, findings=found),
        ),
        name,
        number,
    )
