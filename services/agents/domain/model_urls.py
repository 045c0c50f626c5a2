"""Where a model may be called, and with which key.

A tenant chooses base URLs, so they are hostile until checked: a key must not travel in the clear
or to another place than it was given for, and in production no tenant may reach into the
operator's own network. Host names are checked again by the resolver when a call is made, since a
name may point somewhere else by then.
"""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from services.agents.domain.errors import UnsafeModelUrl

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Ranges that `is_global` lets through on some Python versions, or that wrap others.
_WRAPPING = tuple(
    ipaddress.ip_network(network)
    for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "fec0::/10")
)
# Cloud metadata services hand out credentials to whoever asks from inside.
_LINK_LOCAL = tuple(ipaddress.ip_network(network) for network in ("169.254.0.0/16", "fe80::/10"))
_METADATA = (ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200"))
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUrlPolicy:
    """Which base URLs tenants may use.

    Args:
        allow_private: Loopback and private networks are fine (a developer's own machine).
        trusted_hosts: Hosts the operator vouches for, cleartext and private or not.
    """

    allow_private: bool
    trusted_hosts: Collection[str] = ()

    def check(self, url: str, *, with_key: bool) -> str:
        """Return `url` without its trailing slash.

        Raises:
            UnsafeModelUrl: It must not be called, or not with a key.
        """
        parts = _split(url)
        host = (parts.hostname or "").lower().rstrip(".")
        if host in self.trusted_hosts:
            return url.rstrip("/")
        address = parse_address(host)
        named_loopback = host == "localhost" or host.endswith(".localhost")
        loopback = named_loopback or (address is not None and address.is_loopback)
        if with_key and parts.scheme == "http" and not loopback:
            raise UnsafeModelUrl(
                f"A key would travel unprotected to {host}. Use https, or have the operator add"
                " the host to TRUSTED_MODEL_HOSTS."
            )
        if loopback and not self.allow_private:
            raise UnsafeModelUrl(f"The base URL {url} leads into the platform's own network.")
        if address is not None and not self.may_connect(address):
            raise UnsafeModelUrl(f"The base URL {url} leads into the platform's own network.")
        return url.rstrip("/")

    def may_connect(self, address: IPAddress) -> bool:
        """Say whether a tenant's call may go to this address."""
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if address in _METADATA or any(address in network for network in _LINK_LOCAL):
            return False
        if address.is_multicast or address.is_unspecified:
            return False
        if self.allow_private:
            return True
        if any(address in network for network in _WRAPPING):
            return False
        return address.is_global and not address.is_reserved


def parse_address(host: str) -> IPAddress | None:
    """Read a host as an address; None when it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def same_endpoint(one: str | None, other: str | None) -> bool:
    """Say whether two base URLs name the same place."""
    return _canonical(one) == _canonical(other)


def _canonical(url: str | None) -> str:
    if not url:
        return ""
    parts = urlsplit(url)
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise UnsafeModelUrl(f"{url!r} is not a base URL.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_valid:
        raise UnsafeModelUrl(f"{url!r} is not a base URL: it begins with https:// or http://.")
    if parts.username is not None or parts.password is not None:
        raise UnsafeModelUrl("Put no credentials into a base URL; send the key in its own field.")
    if parts.query or parts.fragment:
        raise UnsafeModelUrl("A base URL has no query and no fragment.")
    host = parts.hostname
    # Hosts such as 2130706433 or 0x7f.1 are addresses to a resolver, and names to our check.
    if parse_address(host) is None and _looks_numeric(host):
        raise UnsafeModelUrl("Write the address in its usual form.")
    # Clients map other characters to ASCII: with an ideographic full stop for each dot, 127.0.0.1
    # would be a name to our check and an address to them.
    if parse_address(host) is None and _PLAIN_NAME.fullmatch(host) is None:
        raise UnsafeModelUrl("Write the host in ASCII, an international name as xn--...")
    return parts


def _looks_numeric(host: str) -> bool:
    last = host.rstrip(".").rsplit(".", 1)[-1].lower()
    return last.isdigit() or last.startswith("0x")
