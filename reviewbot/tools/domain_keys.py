# SPDX-License-Identifier: GPL-2.0-only
"""Public keys of domains, from the DNS (RFC 6376, section 3.6), with time limits and a cache."""

import ipaddress

import dns.exception
import dns.name
import dns.nameserver
import dns.resolver

from reviewbot.model.errors import UnavailableError, UserError

_LONGEST = 2000
"""Bytes.  An RSA key of 8192 bits has some 1,400; a longer one would only cost us time."""
_CACHED = 1000


class DomainKeys:
    """TXT records by name; answers, also that there is none, are kept as long as they say.

    ``nameservers`` are addresses, with ":port" when it is not 53; none: those of /etc/resolv.conf.
    ``timeout`` is in seconds, for one question with all its tries.
    """

    def __init__(self, nameservers: tuple[str, ...] = (), timeout: float = 5.0) -> None:
        """Raises UserError for a nameserver that is no address.  A host without any only finds no key."""
        self._timeout = timeout
        try:
            self._resolver = dns.resolver.Resolver(configure=not nameservers)
        except dns.resolver.NoResolverConfiguration:
            self._resolver = dns.resolver.Resolver(configure=False)
        self._set_up(nameservers)

    def _set_up(self, nameservers: tuple[str, ...]) -> None:
        self._resolver.cache = dns.resolver.LRUCache(_CACHED)
        self._resolver.lifetime = self._timeout
        if not nameservers:
            return
        servers: list[str | dns.nameserver.Nameserver] = []
        for given in nameservers:
            host, port = _host_and_port(given)
            try:
                ipaddress.ip_address(host)
            except ValueError as error:
                raise UserError(
                    f'commands.nameservers: "{given}" is no address, such as "192.0.2.53"'
                ) from error
            servers.append(dns.nameserver.Do53Nameserver(host, port))
        self._resolver.nameservers = servers

    def text(self, name: bytes, timeout: float = 0) -> bytes | None:  # noqa: ARG002 - dkimpy's call
        """The TXT record of ``name``, None when there is none, or when it is of no use.

        A key in testing (t=y) counts as none: its owner says that signatures prove nothing.  Raises
        UnavailableError when nobody answers: that proves nothing either, and may be tried again.
        """
        try:
            wanted = dns.name.from_text(name.decode("ascii"))
            answer = self._resolver.resolve(wanted, "TXT", raise_on_no_answer=False, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.YXDOMAIN):
            return None
        except (dns.exception.Timeout, dns.resolver.NoNameservers, OSError) as error:
            raise UnavailableError(f"no nameserver answers: {type(error).__name__}") from error
        except (dns.exception.DNSException, ValueError):
            return None  # no name that the DNS could hold
        for record in answer.rrset or ():
            text = b"".join(record.strings)
            return text if len(text) <= _LONGEST and not _in_testing(text) else None
        return None


def _in_testing(record: bytes) -> bool:
    tags = (tag.partition(b"=") for tag in record.split(b";"))
    flags = [value for name, _, value in tags if name.strip() == b"t"]
    return any(flag.strip() == b"y" for value in flags for flag in value.split(b":"))


def _host_and_port(given: str) -> tuple[str, int]:
    """Take 192.0.2.1, 192.0.2.1:53, 2001:db8::1 or [2001:db8::1]:53 apart."""
    if given.startswith("["):
        host, _, port = given[1:].partition("]")
        port = port.removeprefix(":")
    elif given.count(":") == 1:
        host, _, port = given.partition(":")
    else:
        host, port = given, ""
    return host, int(port) if port.isascii() and port.isdigit() and int(port) < 65536 else 53
