# SPDX-License-Identifier: GPL-2.0-only
"""Who gets a report: the author, and the lists that the author wrote to.  Nobody else.

Pure.  Sean Christopherson asked robots on kvm@ not to Cc individual maintainers; an author who is
also on Cc must not get the mail twice.
"""

import email.utils
import re

from reviewbot.model.errors import UserError
from reviewbot.model.series import Address
from reviewbot.stages.printable import one_line

_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_LIST_HOSTS = (
    "vger.kernel.org",
    "kvack.org",
    "googlegroups.com",
)
# Where KVM is reviewed.  One of these is enough: the robots' mail on the others is noise there.
_HOME = (
    "kvm@vger.kernel.org",
    "kvmarm@lists.linux.dev",
    "kvm-riscv@lists.infradead.org",
    "kvm-ppc@vger.kernel.org",
    "linux-mips@vger.kernel.org",
    "loongarch@lists.linux.dev",
)
_CATCH_ALL = "linux-kernel@vger.kernel.org"


def recipients(
    sender: Address, author: Address, addressed: tuple[Address, ...]
) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    """(To, Cc) of a reply to a mail from ``sender`` that went to ``addressed``.

    The web submission endpoint of b4 mails as devnull+..., then ``author`` gets it.  Addresses that
    no SMTP server would take are left out; without an author the lists become To.
    """
    person = author if sender.email.startswith("devnull+") else sender
    to = tuple(a for a in (person,) if is_mailbox(a))
    cc = tuple(a for a in lists(addressed) if not to or a.email.lower() != to[0].email.lower())
    return (to, cc) if to else (cc, ())


def lists(addressed: tuple[Address, ...]) -> tuple[Address, ...]:
    """The mailing lists among some addresses: KVM's own when any is there, else all but the catch-all."""
    found = {a.email.lower(): a for a in addressed if is_mailbox(a) and _is_list(a.email.lower())}
    home = tuple(found[email] for email in _HOME if email in found)
    if home:
        return home
    special = tuple(a for email, a in found.items() if email != _CATCH_ALL)
    return special or tuple(found.values())


def is_mailbox(address: Address) -> bool:
    """True for a plain ASCII address; anything else is not worth the risk in a header."""
    return len(address.email) <= 254 and bool(_MAILBOX.fullmatch(address.email))


def sender_of(text: str) -> Address | None:
    """An address from "Name <a@b>", None from "".  Raises UserError for anything else."""
    if not text:
        return None
    name, address = email.utils.parseaddr(text)
    found = Address(name=one_line(name), email=address)
    if not is_mailbox(found):
        raise UserError(f"{text!r} is no sender's address; write 'Name <bot@example.org>'")
    return found


def _is_list(email: str) -> bool:
    host = email.rpartition("@")[2]
    return host in _LIST_HOSTS or host.startswith(("lists.", "list."))
