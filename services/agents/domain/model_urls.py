"""Where a model may be called, and with which key.

A tenant chooses base URLs, so they are hostile until checked: a key must not travel in the clear
or to another place than it was given for, and in production no tenant may reach into the
operator's own network. Addresses are checked again when a call is made
(`libs.common.http.outbound`), since a name may point somewhere else by then.
"""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from libs.common.outbound import OutboundPolicy, parse_address
from services.agents.domain.errors import UnsafeModelUrl

_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUrlPolicy(OutboundPolicy):
    """Which base URLs tenants may use."""

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
