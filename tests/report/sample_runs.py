# SPDX-License-Identifier: GPL-2.0-only
# ruff: noqa: E101 - diffs are written here as they are mailed, with tabs
"""Whole Run values written by hand, after the nSVM PAT series (facts partly made up).

``CASES`` maps a name to a function that makes a run, verdict included.
"""

from collections.abc import Callable
from dataclasses import replace

from reviewbot.model.analysis import Analysis, ConfigSymbol, Export, Reach, ToolReport
from reviewbot.model.base import (
    Applied,
    AppliedPatch,
    Base,
    BaseRule,
    Candidate,
    Confidence,
    Conflict,
)
from reviewbot.model.build import BuildResult, CommitBuild, Diagnostic, Level, VariantBuild
from reviewbot.model.coverage import AddedCode, PatchCoverage
from reviewbot.model.finding import (
    CheckResult,
    Fact,
    Finding,
    Location,
    RuleOutcome,
    RuleStatus,
    Severity,
)
from reviewbot.model.guest import Accelerator, BootResult, Crash, CrashKind, Host, Outcome
from reviewbot.model.run import Run, Stage, StageTime
from reviewbot.model.series import (
    Address,
    ChangeKind,
    CoverLetter,
    Declined,
    DeclineReason,
    FileDiff,
    Hunk,
    Patch,
    Series,
)
from reviewbot.model.status import Status
from reviewbot.model.test import (
    Change,
    Delta,
    TestCase,
    TestReport,
    TestResult,
    TestRun,
    Unbuilt,
    Why,
)
from reviewbot.stages import judge

JIM = Address(name="Jim Mattson", email="jmattson@google.com")
TO = (
    Address(name="Paolo Bonzini", email="pbonzini@redhat.com"),
    Address(name="Sean Christopherson", email="seanjc@google.com"),
    Address(name="", email="kvm@vger.kernel.org"),
    Address(name="", email="linux-doc@vger.kernel.org"),
    Address(name="", email="linux-kernel@vger.kernel.org"),
)
CC = (JIM, Address(name="", email="linux-kselftest@vger.kernel.org"))
ROOT = "20260115232154.3021475-{}-jmattson@google.com"
TIP = "0123456789abcdef0123456789abcdef01234567"
UAPI = "arch/x86/include/uapi/asm/kvm.h"
NESTED = "arch/x86/kvm/svm/nested.c"
SVM = "arch/x86/kvm/svm/svm.c"
TEST = "tools/testing/selftests/kvm/x86/svm_nested_pat_test.c"

SUBJECTS = (
    "KVM: x86: nSVM: Clear VMCB_NPT clean bit when updating hPAT from guest mode",
    "KVM: x86: nSVM: Cache and validate vmcb12 g_pat",
    "KVM: x86: nSVM: Set vmcb02.g_pat correctly for nested NPT",
    "KVM: x86: nSVM: Redirect IA32_PAT accesses to either hPAT or gPAT",
    "KVM: x86: Remove common handling of MSR_IA32_CR_PAT",
    "KVM: x86: nSVM: Save/restore gPAT with KVM_{GET,SET}_NESTED_STATE",
    "KVM: x86: nSVM: Handle restore of legacy nested state",
    "KVM: selftests: nSVM: Add svm_nested_pat test",
)

UAPI_HUNKS = (
    (
        495,
        "struct kvm_sync_regs {",
        """\
 #define KVM_STATE_VMX_PREEMPTION_TIMER_DEADLINE	0x00000001

+#define KVM_STATE_SVM_VALID_GPAT	BIT(0)
+
 /* vendor-independent attributes for system fd (group 0) */
 #define KVM_X86_GRP_SYSTEM		0
 #  define KVM_X86_XCOMP_GUEST_SUPP	0
""",
    ),
    (
        533,
        "struct kvm_svm_nested_state_data {",
        """\

 struct kvm_svm_nested_state_hdr {
 	__u64 vmcb_pa;
+	__u32 flags;
+	__u32 reserved;
+	__u64 gpat;
 };

 /* for KVM_CAP_NESTED_STATE */
""",
    ),
)
NESTED_HUNKS = (
    (
        1786,
        "static int svm_get_nested_state(struct kvm_vcpu *vcpu,",
        """\
 	/* First fill in the header and copy it out.  */
 	if (is_guest_mode(vcpu)) {
 		kvm_state.hdr.svm.vmcb_pa = svm->nested.vmcb12_gpa;
+		if (nested_npt_enabled(svm)) {
+			kvm_state.hdr.svm.flags |= KVM_STATE_SVM_VALID_GPAT;
+			kvm_state.hdr.svm.gpat = svm->nested.gpat;
+		}
 		kvm_state.size += KVM_STATE_NESTED_SVM_VMCB_SIZE;
 		kvm_state.flags |= KVM_STATE_NESTED_GUEST_MODE;

""",
    ),
    (
        1886,
        "static int svm_set_nested_state(struct kvm_vcpu *vcpu,",
        """\
 	    !nested_vmcb_valid_sregs(vcpu, save))
 		goto out_free;

+	/*
+	 * Validate gPAT when the shared PAT quirk is disabled (i.e. L2
+	 * has its own gPAT).
+	 */
+	if (kvm_state->hdr.svm.flags & KVM_STATE_SVM_VALID_GPAT) {
+		if (!kvm_pat_valid(kvm_state->hdr.svm.gpat))
+			goto out_free;
+		svm->nested.gpat = kvm_state->hdr.svm.gpat;
+	}
+

 	/*
 	 * All checks done, we can enter guest mode. Userspace provides
""",
    ),
)
SVM_HUNKS = (
    (
        2796,
        "static int svm_get_msr(struct kvm_vcpu *vcpu, struct msr_data *msr_info)",
        """\
 	case MSR_AMD64_DE_CFG:
 		msr_info->data = svm->msr_decfg;
 		break;
+	case MSR_IA32_CR_PAT:
+		msr_info->data = svm_get_pat(vcpu, msr_info->host_initiated);
+		break;
 	default:
-		return kvm_get_msr_common(vcpu, msr_info);
+		return kvm_get_msr_common(vcpu, msr_info);
 	}
 	return 0;
""",
    ),
)


def hunk(start: int, section: str, text: str) -> Hunk:
    lines = tuple(line or " " for line in text.removesuffix("\n").split("\n"))
    return Hunk(
        old_start=start,
        old_count=sum(line[:1] != "+" for line in lines),
        new_start=start,
        new_count=sum(line[:1] != "-" for line in lines),
        section=section,
        lines=lines,
    )


def modified(path: str, hunks: tuple[tuple[int, str, str], ...]) -> FileDiff:
    return FileDiff(
        kind=ChangeKind.MODIFY,
        old_path=path,
        new_path=path,
        hunks=tuple(hunk(*one) for one in hunks),
    )


def new_test() -> FileDiff:
    body = "".join(f"+line {n} of the selftest\n" for n in range(1, 40))
    return FileDiff(
        kind=ChangeKind.ADD,
        old_path=None,
        new_path=TEST,
        hunks=(replace(hunk(1, "", body), old_start=0, old_count=0),),
    )


FILES = {
    4: (modified(SVM, SVM_HUNKS),),
    6: (modified(UAPI, UAPI_HUNKS), modified(NESTED, NESTED_HUNKS)),
    8: (new_test(),),
}


def patch(number: int, total: int = 8) -> Patch:
    subject = SUBJECTS[number - 1]
    files = FILES.get(number, (modified(NESTED, ((10 * number, "", " a\n+b\n c\n"),)),))
    return Patch(
        number=number,
        mailed_number=number,
        subject=subject,
        full_subject=f"[PATCH v2 {number}/{total}] {subject}",
        message_id=ROOT.format(number + 1),
        references=(ROOT.format(1),),
        author=JIM,
        sender=JIM,
        date="Thu, 15 Jan 2026 15:21:45 -0800",
        to=TO,
        cc=CC,
        changelog="Say why.\n\nSigned-off-by: Jim Mattson <jmattson@google.com>\n",
        below_cut="",
        trailers=(),
        files=files,
        diff="",
    )


def series() -> Series:
    title = "KVM: x86: nSVM: Improve PAT virtualization"
    return Series(
        title=title,
        revision=2,
        prefixes=(),
        total=8,
        cover=CoverLetter(
            subject=title,
            full_subject=f"[PATCH v2 0/8] {title}",
            message_id=ROOT.format(1),
            references=(),
            sender=JIM,
            date="Thu, 15 Jan 2026 15:21:39 -0800",
            to=TO,
            cc=CC,
            body="",
        ),
        patches=tuple(patch(n) for n in range(1, 9)),
        missing=(),
        base_commit=TIP,
        prerequisites=(),
        change_id=None,
        source="public inbox",
        newest_revision=2,
    )


def base(rule: BaseRule = BaseRule.BASE_COMMIT) -> Base:
    return Base(
        tree="kvm-x86",
        path="/srv/linux",
        ref="next",
        tip=TIP,
        commit=TIP,
        tree_id="f" * 40,
        rule=rule,
        confidence=Confidence.HIGH,
        why="The cover letter names this commit, and the tree has it.",
        candidates=(
            Candidate(
                tree="kvm-x86", ref="next", commit=TIP, blobs_found=9, blobs_wanted=9, applies=True
            ),
            Candidate(
                tree="kvm",
                ref="master",
                commit="89abcdef" * 5,
                blobs_found=7,
                blobs_wanted=9,
                applies=False,
                first_conflict="arch/x86/kvm/svm/nested.c",
            ),
        ),
    )


def applied(upto: int = 8) -> Applied:
    return Applied(
        status=Status.PASS,
        base=base(),
        repository="objects",
        patches=tuple(
            AppliedPatch(number=n, commit=f"{n:x}" * 40, tree_id="e" * 40)
            for n in range(1, upto + 1)
        ),
    )


BIT = Finding(
    code="KVM-ABI-011",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    patch=6,
    title="BIT() in a UAPI header",
    why="BIT() does not exist for userspace that includes this header; every other flag here is a "
    "plain constant.",
    fix="_BITULL(0) or 0x1 would do.",
    reference="Documentation/dev-tools/checkuapi.rst",
    location=Location(path=UAPI, line=497),
)
RESERVED = Finding(
    code="KVM-ABI-005",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    patch=6,
    title="reserved field is not checked",
    why="SET_NESTED_STATE never looks at `reserved`, so it can not be given a meaning later: "
    "userspace may leave anything in it.",
    fix="Reject the ioctl with -EINVAL when it is not zero.",
    reference="Documentation/virt/kvm/api.rst",
    location=Location(path=UAPI, line=537),
)
PAT_ERROR = Finding(
    code="KVM-MSR-003",
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    patch=4,
    title="read of IA32_PAT bypasses the MSR filter",
    why="svm_get_pat() is also reached from the emulator, where userspace's filter has to be asked "
    "first.",
    fix="Go through kvm_emulate_msr_read() for guest accesses.",
    reference="https://lore.kernel.org/kvm/ZxYwVuTsRqPoNmLk@google.com",
    location=Location(path=SVM, line=2800),
)
QUIRK_NOTE = Finding(
    code="KVM-QUIRK-002",
    severity=Severity.NOTE,
    confidence=Confidence.HIGH,
    patch=7,
    title="no selftest reads the legacy state back",
    why="The new branch is not reached by any test.",
    fix="Save without the flag and restore in svm_nested_pat_test.",
    reference="Documentation/process/maintainer-kvm-x86.rst",
    location=Location(path=NESTED, line=71),
)
LAYOUT_FACT = Fact(
    code="KVM-ABI-002",
    patch=6,
    text="Layout is fine: 16 of the 112 bytes of padding behind vmcb_pa are used, 96 are left, "
    "struct kvm_nested_state stays 128 bytes on x86_64 and i386.",
    location=Location(path=UAPI, line=538),
)


def outcomes(ran: int = 40, idle: int = 5) -> tuple[RuleOutcome, ...]:
    return tuple(
        RuleOutcome(
            code=f"KVM-GEN-{n:03}",
            status=RuleStatus.RAN if n <= ran else RuleStatus.NOT_APPLICABLE,
            reason="" if n <= ran else "no file of its kind is touched",
        )
        for n in range(1, ran + idle + 1)
    )


def checked(*findings: Finding) -> CheckResult:
    return CheckResult(findings=findings, facts=(LAYOUT_FACT,), outcomes=outcomes())


def commit_build(number: int, status: Status = Status.PASS, **more: object) -> CommitBuild:
    return CommitBuild(
        number=number,
        commit=TIP if number == 0 else f"{number:x}" * 40,
        status=status,
        seconds=3.25 if number else 41.5,
        command="make O=../obj KCONFIG_ALLCONFIG=kvm.config allnoconfig\n"
        "make O=../obj -j2 bzImage modules",
        **more,  # type: ignore[arg-type]
    )


def built(*patches: CommitBuild, **more: object) -> BuildResult:
    fresh = {n: commit_build(n) for n in range(1, 9)} | {b.number: b for b in patches}
    every = tuple(fresh[n] for n in sorted(fresh))
    good = all(b.status is Status.PASS for b in every)
    return BuildResult(
        status=Status.PASS if good else Status.FAIL,
        profile="kvm",
        config_name="KVM_INTEL=m KVM_AMD=m KVM_WERROR=y",
        compiler="gcc 12.2.0",
        base=commit_build(0, reused=True),
        patches=every,
        **more,  # type: ignore[arg-type]
    )


HOST = Host(
    accelerator=Accelerator.TCG,
    qemu="qemu-system-x86_64",
    qemu_version="7.2.22",
    cpu_model="EPYC,+svm,+npt,+vgif",
    vendor="amd",
    why="a probe guest did not boot with /dev/kvm",
)
BOOT = BootResult(
    outcome=Outcome.FINISHED,
    seconds=4.2,
    boot_seconds=1.7,
    command="qemu-system-x86_64 -accel tcg",
    console="",
    last_lines=(),
)


def result(name: str, status: Status, **more: object) -> TestResult:
    code = {Status.PASS: 0, Status.SKIP: 4, Status.FAIL: 254}.get(status)
    return TestResult(name=name, status=status, seconds=1.5, exit_code=code, **more)  # type: ignore[arg-type]


def delta(  # noqa: PLR0917 - reads as a table below
    name: str,
    change: Change,
    base_said: tuple[Status, ...],
    tip_said: tuple[Status, ...],
    why: Why = Why.TOUCHED,
    note: str = "",
    **more: object,
) -> Delta:
    return Delta(
        test=TestCase(name=name, why=why, limit=120.0),
        change=change,
        base=tuple(result(name, s) for s in base_said),
        tip=tuple(result(name, s, **(more if s is not Status.PASS else {})) for s in tip_said),
        note=note,
    )


SAME = (
    delta("x86/state_test", Change.SAME, (Status.PASS,), (Status.PASS,)),
    delta("x86/svm_vmcall_test", Change.SAME, (Status.PASS,), (Status.PASS,)),
    delta("x86/svm_nested_soft_inject_test", Change.SAME, (Status.FAIL,), (Status.FAIL,)),
    delta("x86/vmx_dirty_log_test", Change.SAME, (Status.SKIP,), (Status.SKIP,)),
)
NEW_TEST = delta(
    "x86/svm_nested_pat_test", Change.NEW_PASS, (Status.FAIL,), (Status.PASS,), Why.ADDED
)
ASSERTION = "x86/state_test.c:316: memcmp(&regs1, &regs2, sizeof(regs2))"
WORSE = delta(
    "x86/state_test",
    Change.REGRESSION,
    (Status.PASS, Status.PASS, Status.PASS),
    (Status.FAIL, Status.FAIL, Status.FAIL),
    assertion=ASSERTION,
    output=("==== Test Assertion Failure ====", f"  {ASSERTION}", "  pid=83 tid=83 errno=22"),
)


def report_of(*deltas: Delta, **more: object) -> TestReport:
    return TestReport(
        host=HOST,
        cases=tuple(d.test for d in deltas),
        runs=(TestRun(commit=TIP, repeat=0, results=(), boots=(BOOT,)),),
        deltas=deltas,
        not_tested=("Intel (no VMX under emulation)", "kvm-unit-tests (none configured)"),
        **more,  # type: ignore[arg-type]
    )


CRASH = Crash(
    kind=CrashKind.WARN,
    title="WARNING in svm_set_nested_state",
    frames=("svm_set_nested_state", "kvm_arch_vcpu_ioctl", "kvm_vcpu_ioctl", "__x64_sys_ioctl"),
    fingerprint="a1b2c3",
    excerpt=(
        "WARNING: CPU: 1 PID: 83 at arch/x86/kvm/svm/nested.c:1893 svm_set_nested_state+0x3c1/0x490 [kvm_amd]",
        "Modules linked in: kvm_amd kvm ccp",
        "CPU: 1 PID: 83 Comm: state_test Not tainted 6.19.0-rc5 #1",
        "RIP: 0010:svm_set_nested_state+0x3c1/0x490 [kvm_amd] (arch/x86/kvm/svm/nested.c:1893)",
        "Call Trace:",
        " <TASK>",
        " kvm_arch_vcpu_ioctl+0x9d2/0x1210 [kvm]",
        " kvm_vcpu_ioctl+0x51a/0x7b0 [kvm]",
        " __x64_sys_ioctl+0x96/0xc0",
        " do_syscall_64+0x5d/0x90",
        " entry_SYSCALL_64_after_hwframe+0x76/0x7e",
        " </TASK>",
        "irq event stamp: 4821",
        "---[ end trace 0000000000000000 ]---",
    ),
    test="x86/state_test",
)


def bare(**more: object) -> Run:
    made = Run(
        id="20260116-101500-4f2a",
        version="0.1.0",
        started="2026-01-16T10:15:00+00:00",
        request=ROOT.format(1),
        **more,  # type: ignore[arg-type]
    )
    return replace(made, verdict=judge.run(made))


def whole(**more: object) -> Run:
    """A run in which every stage ran; ``more`` replaces what came of some."""
    fields: dict[str, object] = {
        "series": series(),
        "base": base(),
        "applied": applied(),
        "check": checked(),
        "build": built(),
        "boot": BOOT,
        "tests": report_of(*SAME, NEW_TEST),
        "times": (
            StageTime(stage=Stage.BUILD, seconds=95.0),
            StageTime(stage=Stage.TEST, seconds=88.0),
        ),
    }
    return bare(**(fields | more))


def stopped(after: Stage, reason: str) -> tuple[tuple[Stage, str], ...]:
    order = tuple(Stage)[: tuple(Stage).index(Stage.COMPARE) + 1]
    return tuple((stage, reason) for stage in order[order.index(after) + 1 :])


def findings() -> Run:
    return whole(check=checked(PAT_ERROR, BIT, RESERVED, QUIRK_NOTE))


def clean() -> Run:
    return whole()


def analysed() -> Run:
    """Sparse, kernel-doc and Kconfig have something to say, and one tool is missing."""
    commands = {"command": "mkdir -p ../lab\nmake O=../lab C=2 arch/x86/kvm/svm/svm.o"}
    asked = ToolReport(
        name="sparse",
        status=Status.PASS,
        brief="make C=2 arch/x86/kvm/svm/svm.o",
        files=(SVM,),
        unchecked=("arch/x86/kvm/svm/sev.c",),
        added=(
            Diagnostic(
                path=SVM,
                line=2803,
                column=17,
                level=Level.WARNING,
                message="incorrect type in argument 1 (different address spaces)",
                context=("   expected void const *from", "   got void [noderef] __user *data"),
            ),
        ),
        **commands,
    )
    comment = Diagnostic(
        path=NESTED,
        line=1791,
        column=0,
        level=Level.WARNING,
        message="Function parameter 'vcpu' not described in 'svm_get_nested_state'",
    )
    documents = ToolReport(
        name="kernel-doc",
        status=Status.PASS,
        command=f"scripts/kernel-doc -none {NESTED}",
        brief=f"scripts/kernel-doc -none {NESTED}",
        files=(NESTED,),
        elsewhere=(comment,),
    )
    references = ToolReport(
        name="documentation-file-ref-check", status=Status.INFRA, reason="no answer within 300 s"
    )
    exported = (
        Export(name="kvm_pat_valid", module="kvm.ko", users=("kvm-amd.ko", "kvm-intel.ko")),
        Export(name="kvm_gpat_spare", module="kvm.ko"),
    )
    where = {"path": "arch/x86/kvm/Kconfig", "line": 166}
    symbols = (
        ConfigSymbol(name="KVM_GPAT", reach=Reach.YES, where="the lab's configuration", **where),
        ConfigSymbol(
            name="KVM_GPAT_DEBUG",
            reach=Reach.NEVER,
            why="no Kconfig file defines CONFIG_DEBUG_KERNAL",
            **where,
        ),
        ConfigSymbol(
            name="KVM_GPAT_KASAN",
            reach=Reach.NOT_HERE,
            why="off with the lab's configuration: CONFIG_KASAN",
            **where,
        ),
    )
    found = Analysis(tools=(asked, documents, references), exports=exported, symbols=symbols)
    run = clean()
    assert run.build
    made = VariantBuild(
        name="i386", status=Status.PASS, compiler="gcc 12", command="make ARCH=i386"
    )
    lost = VariantBuild(
        name="clang", status=Status.INFRA, compiler="", command="", reason="no clang"
    )
    run = replace(run, build=replace(run.build, variants=(made, lost)))
    return replace_verdict(replace(run, analysis=found))


def only_notes() -> Run:
    return whole(check=checked(QUIRK_NOTE))


def build_warning() -> Run:
    said = Diagnostic(
        path=NESTED,
        line=1894,
        column=3,
        level=Level.WARNING,
        message="unused variable 'gpat'",
        option="-Wunused-variable",
        function="svm_set_nested_state",
        context=(" 1894 | \t\tsvm->nested.gpat = kvm_state->hdr.svm.gpat;", "      |\t\t^~~"),
    )
    return whole(build=built(commit_build(6, new=(said,))))


def build_error() -> Run:
    said = Diagnostic(
        path=SVM,
        line=2800,
        column=20,
        level=Level.ERROR,
        message="implicit declaration of function 'svm_get_pat'; did you mean 'svm_set_pat'?",
        option="-Werror=implicit-function-declaration",
        function="svm_get_msr",
    )
    return whole(
        build=built(commit_build(4, Status.FAIL, new=(said,))),
        boot=None,
        tests=None,
        skipped=stopped(Stage.BUILD, "the series does not build"),
    )


def regression() -> Run:
    return whole(tests=report_of(WORSE, *SAME[1:], NEW_TEST))


def crash() -> Run:
    return whole(tests=report_of(WORSE, *SAME[1:], NEW_TEST), new_crashes=(CRASH,))


def flaky() -> Run:
    """One regression, and failures that are nobody's fault, or not surely anybody's."""
    flakes = delta(
        "x86/hyperv_ipi",
        Change.FLAKY,
        (Status.PASS, Status.PASS, Status.PASS),
        (Status.FAIL, Status.PASS, Status.PASS),
        assertion="x86/hyperv_ipi.c:306: cap == 2 | Unexpected number of IPIs",
        note="flaky on the base: failed 3 of 40 runs; failed 1 of 3 here",
    )
    other = delta(
        "x86/svm_nested_soft_inject_test",
        Change.DIFFERENT,
        (Status.FAIL, Status.FAIL, Status.FAIL),
        (Status.FAIL, Status.FAIL, Status.FAIL),
        assertion="x86/svm_nested_soft_inject_test.c:191: run->exit_reason == KVM_EXIT_IO",
        note="on the base fail: x86/svm_nested_soft_inject_test.c:103: regs->rip == 0x1234",
    )
    shadow = delta("x86/state_test [npt=0]", Change.SAME, (Status.PASS,), (Status.PASS,))
    shadow = replace(shadow, test=replace(shadow.test, parameters=("kvm_amd.npt=0",)))
    unit = delta("kvm-unit-tests/realmode", Change.SAME, (Status.PASS,), (Status.PASS,))
    return whole(tests=report_of(WORSE, SAME[1], flakes, other, SAME[3], shadow, unit, NEW_TEST))


def selftest_does_not_build() -> Run:
    """One that the base builds, and a new one; the others ran."""
    gone = Unbuilt(
        name="x86/smm_test",
        reason="x86/smm_test.c:41:9: error: implicit declaration of function 'smm_enter'",
    )
    new = Unbuilt(name="x86/pat_test", reason="x86/pat_test.c:7:2: error: expected ';'", new=True)
    return whole(tests=report_of(*SAME, unbuilt=(gone, new)))


def new_test_fails() -> Run:
    failing = delta(
        "x86/svm_nested_pat_test",
        Change.NEW_FAIL,
        (Status.FAIL,),
        (Status.FAIL, Status.FAIL),
        Why.ADDED,
        assertion="x86/svm_nested_pat_test.c:201: uc.args[1] == PAT_DEFAULT",
    )
    return whole(tests=report_of(*SAME, failing))


def wrong_base() -> Run:
    return whole(
        check=checked(BIT),
        build=built(
            commit_build(8, Status.FAIL),
            missing_symbols=("vm_enable_npt", "tdp_identity_map_default_memslots"),
        ),
        boot=None,
        tests=None,
        skipped=stopped(Stage.BUILD, "the series does not build"),
    )


def base_does_not_build() -> Run:
    broken = replace(
        built(),
        status=Status.FAIL,
        base=commit_build(0, Status.FAIL),
        patches=(),
        reason="ld: cannot find -lelf",
    )
    return whole(
        build=broken, boot=None, tests=None, skipped=stopped(Stage.BUILD, "the base does not build")
    )


def conflict() -> Run:
    stop = replace(
        applied(5),
        status=Status.FAIL,
        conflict=Conflict(
            patch=6,
            path=NESTED,
            hunk="@@ -1886,6 +1890,17 @@ static int svm_set_nested_state(struct kvm_vcpu *vcpu,",
            reason="the lines around it differ",
        ),
    )
    gaps = tuple(
        RuleOutcome(
            code=f"KVM-ABI-{n:03}",
            status=RuleStatus.COULD_NOT_RUN,
            reason=f"hunks of {NESTED} do not apply: patch 6: 'nested_copy_vmcb' may go in 2 places",
        )
        for n in range(1, 7)
    )
    return bare(
        series=series(),
        base=base(),
        applied=stop,
        check=CheckResult(
            findings=(),
            facts=(),
            outcomes=(*outcomes(), *gaps),
            basis="from patch 6 on, 3 of 4 files were looked at, those whose hunks apply",
        ),
        skipped=stopped(Stage.CHECK, "the series does not apply"),
    )


def declined() -> Run:
    return bare(
        declined=Declined(
            reason=DeclineReason.QEMU, evidence="patch 1/4 changes target/i386/kvm/kvm.c of QEMU"
        )
    )


def partial() -> Run:
    seen = tuple(p for p in series().patches if p.number not in (3, 8))
    return bare(
        series=replace(series(), patches=seen, missing=(3, 8)),
        base=base(),
        applied=replace(
            applied(), patches=tuple(a for a in applied().patches if a.number not in (3, 8))
        ),
        check=checked(QUIRK_NOTE),
        skipped=stopped(Stage.CHECK, "patches are missing"),
    )


def infra() -> Run:
    return whole(
        build=None,
        boot=None,
        tests=None,
        failures=(
            (Stage.BUILD, "disk full while writing below ~/.cache/reviewbot; free some space"),
        ),
        skipped=stopped(Stage.BUILD, "the build did not finish"),
    )


def infra_and_findings() -> Run:
    return replace_verdict(replace(infra(), check=checked(BIT)))


def replace_verdict(run: Run) -> Run:
    return replace(run, verdict=judge.run(run))


def only_rules() -> Run:
    return whole(
        check=checked(BIT, RESERVED),
        build=None,
        boot=None,
        tests=None,
        skipped=stopped(Stage.CHECK, "--only-rules"),
    )


def single_patch() -> Run:
    """One patch, no cover letter, and a guessed base."""
    only = replace(
        patch(4, 1),
        number=1,
        mailed_number=None,
        full_subject=f"[PATCH] {SUBJECTS[3]}",
        references=(),
        message_id="20260115232154.1-1-jmattson@google.com",
    )
    guessed = replace(
        base(BaseRule.SCORED),
        confidence=Confidence.MEDIUM,
        why="It holds 9 of 9 files as the series expects them, kvm/master only 7.",
    )
    return whole(
        series=replace(
            series(),
            cover=None,
            patches=(only,),
            total=1,
            revision=1,
            newest_revision=1,
            base_commit=None,
        ),
        base=guessed,
        applied=replace(applied(1), base=guessed),
        check=replace(checked(replace(PAT_ERROR, patch=1)), facts=()),
        build=replace(built(), patches=(commit_build(1),)),
    )


def added_lines() -> Run:
    """What the tests ran of it: also by loading the modules, in no way here, and nothing that counts."""
    code = (
        AddedCode(
            path=NESTED,
            function="svm_set_nested_state",
            lines=5,
            executed=3,
            missed=((1893, 1893), (1896, 1896)),
            counted=((1890, 1896),),
        ),
        AddedCode(
            path=NESTED,
            function="nested_svm_merge_msrpm_and_whatever_else_has_a_long_name",
            lines=40,
            executed=2,
            missed=tuple((n, n + 7) for n in range(400, 500, 10)),
            counted=((400, 500),),
        ),
        AddedCode(
            path=SVM,
            function="svm_set_cpu_caps",
            lines=2,
            executed=2,
            missed=(),
            counted=((5400, 5401),),
            at_load=2,
        ),
        AddedCode(
            path="arch/x86/kvm/vmx/nested.c",
            function="handle_vmptrst",
            lines=3,
            executed=0,
            missed=((5899, 5901),),
            counted=((5899, 5901),),
            loaded=False,
        ),
    )
    found = PatchCoverage(
        code=code,
        tests=tuple(f"x86/test_{n}" for n in range(10)),
        vendor="amd",
        emulated=True,
        uncounted=("arch/x86/kvm/svm/vmenter.S",),
    )
    return replace(findings(), coverage=found)


def many_findings() -> Run:
    copies = tuple(
        replace(RESERVED, code=f"KVM-ABI-{n:03}", location=Location(path=UAPI, line=535 + n % 4))
        for n in range(20, 50)
    )
    series_wide = replace(
        BIT, patch=0, location=None, code="KVM-DOC-001", title="capability not documented"
    )
    notes = tuple(replace(QUIRK_NOTE, code=f"KVM-NOTE-{n:03}") for n in range(9))
    return whole(check=checked(*copies, series_wide, *notes))


CASES: dict[str, Callable[[], Run]] = {
    made.__name__: made
    for made in (
        findings,
        clean,
        analysed,
        only_notes,
        build_warning,
        build_error,
        regression,
        flaky,
        crash,
        selftest_does_not_build,
        new_test_fails,
        wrong_base,
        base_does_not_build,
        conflict,
        declined,
        partial,
        infra,
        infra_and_findings,
        only_rules,
        single_patch,
        added_lines,
        many_findings,
    )
}
