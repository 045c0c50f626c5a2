"""Where calls may go whose address a tenant has chosen.

Such URLs are hostile until checked: from inside, they could reach the operator's own network. The
policy is here; `libs.common.http.outbound` holds every connection against it.
"""

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Ranges that `is_global` lets through on some Python versions, or that wrap others.
_WRAPPING = tuple(
    ipaddress.ip_network(network)
    for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "fec0::/10")
)
# Cloud metadata services hand out credentials to whoever asks from inside.
_LINK_LOCAL = tuple(ipaddress.ip_network(network) for network in ("169.254.0.0/16", "fe80::/10"))
_WEB_PORTS = {"http": 80, "https": 443}
_METADATA = (ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundPolicy:
    """Which addresses tenants' URLs may lead to.

    Args:
        allow_private: Loopback and private networks are fine (a developer's own machine).
        trusted_hosts: Hosts the operator vouches for, cleartext and private or not; lower case.
    """

    allow_private: bool
    trusted_hosts: Collection[str] = ()

    def trusts(self, url: str) -> bool:
        """Say whether the operator vouches for the host of `url`."""
        return bool(self.trusted_hosts) and host_of(url) in self.trusted_hosts

    def why_not(self, url: str) -> str | None:
        """Say what keeps a page at `url` from being fetched, before any name is looked up.

        Returns:
            The end of a sentence that begins with the address; None when nothing does.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return "is not a valid address"
        host = host_of(url)
        address = parse_address(host)
        trusted = self.trusts(url)
        unusual_port = port not in (None, *_WEB_PORTS.values())
        faults = (
            (parts.scheme not in _WEB_PORTS, "is not an http or https address"),
            ("@" in parts.netloc, "must not hold a user name or password"),
            (not host, "names no host"),
            (_is_odd_number(host), "names its host by a number in an unusual form"),
            (not trusted and unusual_port, "names a port other than 80 and 443"),
            (
                not trusted and address is not None and not self.may_connect(address),
                "leads into a private network",
            ),
        )
        return next((sentence for found, sentence in faults if found), None)

    def may_connect(self, address: IPAddress) -> bool:
        """Say whether a tenant's call may go to this address."""
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped is not None:
                address = address.ipv4_mapped
            elif address.scope_id is not None:
                return False
        if address in _METADATA or any(address in network for network in _LINK_LOCAL):
            return False
        if address.is_multicast or address.is_unspecified:
            return False
        if self.allow_private:
            return True
        if any(address in network for network in _WRAPPING):
            return False
        return address.is_global and not address.is_reserved


def host_of(url: str) -> str:
    """Return the host that a URL names, in lower case; empty when it names none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_odd_number(host: str) -> bool:
    """Whether a host is a number that resolvers take for an address and readers do not."""
    last = host.rpartition(".")[2]
    numeric = last.isdigit() or last[:2] in ("0x", "0X")
    return numeric and ":" not in host and parse_address(host) is None


def parse_address(host: str) -> IPAddress | None:
    """Read a host as an address; None when it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
