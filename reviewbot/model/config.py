# SPDX-License-Identifier: GPL-2.0-only
"""Every setting, its default and its meaning.  ``reviewbot init`` writes this as commented TOML.

Field docs are string literals below the fields, read from here by ``init`` and by the manual.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxConfig:
    """Where mails come from."""

    midmask: str = ""
    """Public-inbox address with %s for the message-id.  Empty: b4.midmask of git config, else lore."""
    timeout: float = 60.0
    """Seconds to wait for the archive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeConfig:
    """A kernel repository; its name is the table's: [trees.kvm-x86]."""

    path: str
    """A git repository on this machine.  It is only read (and fetched, when `remote` is given)."""
    refs: tuple[str, ...] = ("HEAD",)
    """Candidate tips, best first, in the order maintainer-kvm-x86.rst prescribes."""
    remote: str = ""
    """Git remote to fetch before choosing a base.  Empty: never fetch."""
    url: str = ""
    """Where everybody finds this repository, such as "https://git.kernel.org/..."; KCIDB names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabConfig:
    """Building, booting and testing."""

    profile: str = "kvm"
    """Name of a shipped profile, or the path of one of yours."""
    jobs: int = 0
    """Parallel compile jobs; 0 is one per core."""
    qemu: str = "qemu-system-x86_64"
    """The emulator."""
    memory_mib: int = 2048
    """Memory of a test guest."""
    cpus: int = 2
    """Processors of a test guest."""
    tcg_scale: float = 2.0
    """Test time limits are multiplied by this without hardware virtualization."""
    variants: bool = True
    """Also compile the series' tip in the profile's other configurations and architectures."""
    analysis: bool = True
    """Also run sparse and the kernel's documentation checks, list exported symbols, try Kconfig symbols."""
    isolation: str = "process"
    """What keeps the series' code off this machine while it builds: "process", namespaces and limits; "vm", a virtual
    machine as well, for hosts with hardware KVM (docs/sandbox.md)."""
    vm_kernel: str = ""
    """The kernel image of that machine.  Empty: one of this host's installed kernels."""
    repeats: int = 2
    """How often a suspected regression is repeated, on both kernels."""
    max_tests: int = 10
    """At most this many selftests besides the series' own."""
    test_seconds: float = 120.0
    """Where 'reviewbot coverage' has measured: selftests besides the series' own that took this long together."""
    variations: int = 2
    """At most so many sets of module parameters (npt=0...) under which chosen selftests run once more, where the
    series touches what depends on them; together `max_tests` runs.  0: none."""
    guests: int = 0
    """Test guests of one kernel at once; base and series run side by side.  0: half as many as processors."""
    kvm_unit_tests: str = ""
    """A git repository of kvm-unit-tests: some are run nested, on base and series.  Empty: none."""
    kvm_unit_tests_commit: str = "HEAD"
    """Which commit of it."""
    coverage: bool = False
    """Measure the base by itself, build the series with gcov's counters and report the added lines no test ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """The queue of reviews, and this host's worker."""

    database: str = ""
    """Empty: a file on this host.  For many hosts: postgresql://user@host/name, password in ~/.pgpass."""
    worker: str = ""
    """This host's worker is called so; empty: the host's name."""
    parallel: int = 1
    """Reviews at once on this host."""
    tree_limit: int = 0
    """Reviews at once of one tree, on all hosts together.  0: no limit."""
    keep_days: float = 400.0
    """Finished reviews are kept in the database so long.  0: for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheConfig:
    """What is kept on the disk to make reviews fast."""

    disk_gib: float = 40.0
    """GiB that built kernels, logs and results may take; what was used longest ago goes.  0: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesConfig:
    """Which rules run."""

    directories: tuple[str, ...] = ()
    """Your own rule directories, besides the shipped ones.  Never taken from a patched tree."""
    select: tuple[str, ...] = ()
    """Codes or prefixes to run; empty is all."""
    ignore: tuple[str, ...] = ()
    """Codes or prefixes not to run."""
    severity: dict[str, str] = field(default_factory=dict)
    """Severity by code or prefix instead of the rules' own: "error", "warning", "note" or "off".
    Such as { "KVM-DOC" = "note", "KVM-PROC-003" = "off" }."""
    help_url: str = ""
    """Where docs/rules is published, with %s for the code; SARIF results link there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyConfig:
    """What is mailed about the series of a list."""

    mode: str = "hold"
    """"off": nothing.  "owner": to `owner` only.  "hold": 'reviewbot outbox approve' sends.  "send"."""
    owner: str = ""
    """Who looks after the bot on this list, such as "Jo <jo@example.org>"."""
    all_clear: bool = False
    """Also say that nothing is wrong."""
    severity: str = "note"
    """The least grave findings to report: "note", "warning" or "error"."""
    confidence: str = "low"
    """The least certain findings to report: "low", "medium" or "high"."""
    recipients: str = "all"
    """"all": the author, the list in Cc.  "author": the author alone.  "list": the list alone."""
    delay_minutes: float = 30.0
    """Reports wait so long, for a person to stop them and for a next revision."""
    per_day: int = 30
    """Reports sent to this list in 24 hours, at most."""
    per_author: int = 4
    """Reports sent to one author in 24 hours, at most."""
    mute: tuple[str, ...] = ()
    """Addresses of authors who want no mail, and message-ids of threads that get none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPolicy:
    """Who may tell the bot what to do, by a reply that holds "#reviewbot ..." (docs/bot.md)."""

    allow: tuple[str, ...] = ()
    """Who may use every command, also those that cost machine time (test, rerun): addresses,
    "@example.org" for everybody of a domain, "author" for the author of the series.  Without it the
    author may object (invalid, unrelated), mute, unmute and ask for help; nobody else anything."""
    per_day: int = 10
    """Commands of one person in 24 hours, at most.  0: no commands at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListConfig:
    """One mailing list, named by its address: how 'reviewbot bot' follows it, and severities."""

    follow: str = ""
    """"git" (public-inbox epochs, for lists such as lore's), "http" (a public-inbox that cannot be
    cloned), "maildir" (a private list), or empty: not followed."""
    url: str = ""
    """For git and http: the inbox, such as "https://lore.kernel.org/kvm"."""
    path: str = ""
    """For maildir: the directory with new and cur.  For git: an inbox on this machine, read where it is."""
    profile: str = ""
    """Whose series are wanted: a profile, as in [lab], which is what counts when this is empty."""
    wait_minutes: float = 120.0
    """How long missing mails of a series are waited for."""
    backlog_days: float = 2.0
    """Where to begin with a list that was never read.  0: with its first mail."""
    severity: dict[str, str] = field(default_factory=dict)
    """As in [rules], and before it.  Of several lists that a series goes to, the gravest counts."""
    report: PolicyConfig = field(default_factory=PolicyConfig)
    """Table [lists."ADDRESS".report]: what is mailed."""
    commands: CommandPolicy = field(default_factory=CommandPolicy)
    """Table [lists."ADDRESS".commands]: who may tell the bot what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandsConfig:
    """How it is made sure who sent a command: by DKIM, or by patatt and a key that is known here."""

    keyring: str = ""
    """Directory of patatt's public keys, such as a clone of the kernel's developer keyring's .keys."""
    nameservers: tuple[str, ...] = ()
    """Who is asked for DKIM keys, such as "192.0.2.53" or "127.0.0.1:5353".  Empty: /etc/resolv.conf."""
    dns_timeout: float = 5.0
    """Seconds to wait for an answer."""
    days: float = 7.0
    """Older mails are not obeyed: anybody could send them again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailConfig:
    """How reports are sent.  Empty values come from [sendemail] of git config."""

    sender: str = ""
    """From address of reports, such as "KVM reviewbot <bot@example.org>"."""
    server: str = ""
    """SMTP host."""
    port: int = 0
    """SMTP port; 0 is the usual one for the encryption."""
    encryption: str = ""
    """"tls" (STARTTLS), "ssl" or "none"."""
    user: str = ""
    """SMTP user."""
    password_file: str = ""
    """File holding the SMTP password; never the password itself."""
    timeout: float = 30.0
    """Seconds to wait for the server."""
    per_day: int = 100
    """Mails sent in 24 hours, at most, whatever the lists' policies allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchworkConfig:
    """Checks on patches of a Patchwork instance (public API 1.3): pending, then what came out."""

    url: str = ""
    """The instance, such as "https://patchwork.kernel.org".  Empty: none."""
    project: str = ""
    """Its link name there, such as "kvm".  Empty: every project that has the patch."""
    token_file: str = ""
    """File holding the API token of a maintainer of the project; never the token itself."""
    user: str = ""
    """Whose token that is.  Empty: checks of our context count as ours, whoever made them."""
    context: str = "reviewbot"
    """What the checks are called: letters, digits, "-" and "_"."""
    lists: tuple[str, ...] = ()
    """Addresses of lists whose series get checks, at once, whatever the lists' policy holds back."""
    report_url: str = ""
    """Where reports are published, with %s for the review's id.  Empty: the thread in the archive."""
    timeout: float = 30.0
    """Seconds to wait for an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KcidbConfig:
    """Results for KernelCI's database (KCIDB, I/O schema v5.3).  What is sent there is public."""

    url: str = ""
    """The REST service, such as "https://db.kernelci.org".  Empty: none."""
    origin: str = "reviewbot"
    """The name it knows us by: a-z, 0-9 and "_"."""
    token_file: str = ""
    """File holding the token for it; never the token itself."""
    lists: tuple[str, ...] = ()
    """Addresses of lists whose results are sent, at once, whatever the lists' policy holds back."""
    timeout: float = 60.0
    """Seconds to wait for an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageConfig:
    """'reviewbot triage'."""

    me: tuple[str, ...] = ()
    """Your addresses, for "is:mine" and the rank.  Empty: user.email of git config."""
    views: dict[str, str] = field(default_factory=dict)
    """Saved filters for --view NAME, such as { vmx = "area:x86/vmx -state:author sort:age" }."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepConfig:
    """A nightly sweep of branches of a tree: what got worse since the last one, and which commit did it."""

    tree: str = ""
    """Name of the tree: its table is [trees.NAME].  Empty: the sweep's own name."""
    refs: tuple[str, ...] = ()
    """Branches to sweep, such as "kvm/queue".  Empty: the tree's `refs`."""
    mainline: str = ""
    """Ref of the same repository that branches are compared with, such as "origin/master"."""
    at: str = "02:30"
    """When, UTC, as hours:minutes.  After an outage one sweep is made, not one for each missed night."""
    days: tuple[str, ...] = ()
    """On these days only: "mon", "tue", "wed", "thu", "fri", "sat", "sun".  Empty: every day."""
    hours: float = 8.0
    """A sweep of a branch ends after so long; what it has not looked at is said in the report."""
    owner: str = ""
    """Who gets the reports, such as "Jo <jo@example.org>"."""
    mode: str = "owner"
    """"off": no mail.  "owner": to `owner`.  "hold": also to the culprit's author, once 'reviewbot outbox
    approve' says so.  "send": also to the culprit's author, in the thread of the patch."""
    tests: tuple[str, ...] = ("*",)
    """Globs of the selftests to run."""
    performance: tuple[str, ...] = ()
    """Selftests whose instructions are counted, such as "kvm_page_table_test"."""
    variants: bool = True
    """Also compile the tip in the profile's other configurations and architectures."""
    rules: bool = True
    """Also run the rules on the new commits."""
    commits: bool = True
    """Also build each new commit by itself: one that does not build stops everybody's bisections."""
    coverage_days: float = 7.0
    """How often it is measured which selftests execute what.  0: never."""
    regzbot: bool = False
    """Add the lines that the regression tracker regzbot reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole file."""

    inbox: InboxConfig = field(default_factory=InboxConfig)
    trees: dict[str, TreeConfig] = field(default_factory=dict)
    lab: LabConfig = field(default_factory=LabConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)
    rules: RulesConfig = field(default_factory=RulesConfig)
    lists: dict[str, ListConfig] = field(default_factory=dict)
    mail: MailConfig = field(default_factory=MailConfig)
    commands: CommandsConfig = field(default_factory=CommandsConfig)
    patchwork: PatchworkConfig = field(default_factory=PatchworkConfig)
    kcidb: KcidbConfig = field(default_factory=KcidbConfig)
    triage: TriageConfig = field(default_factory=TriageConfig)
    sweeps: dict[str, SweepConfig] = field(default_factory=dict)
