"""Who is calling, once their credentials have been verified."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from uuid import UUID

from libs.common.permissions import Scope
from libs.common.rate_limits import Rate

Network = IPv4Network | IPv6Network


class CallerKind(StrEnum):
    """By which kind of credential a caller was verified."""

    USER = "user"
    API_KEY = "api_key"
    LEAD = "lead"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A verified user, API key, lead or service, acting in one tenant.

    Attributes:
        kind: The kind of credential.
        id: The user, API key or lead; None for a service.
        tenant_id: From the credential, never from a path or body.
        scopes: What it may do.
        role: A user's role; None for others.
        session_id: A user's or lead's session; None for others.
        user_id: The user, also behind an API key; None for leads and services.
        name: The service's name; empty for others.
        limits: The tenant's own rate limits, by class.
        groups: Those of its user, whose documents it may read; none for leads and services.
        networks: From where an API key may be used; anywhere if there are none.
        origins: Whose pages may use a user's or key's credentials; anybody's if there are none.
        impersonator_id: The super admin who acts in the user's name; None otherwise.
    """

    kind: CallerKind
    tenant_id: UUID
    scopes: frozenset[Scope]
    id: UUID | None = None
    role: str | None = None
    session_id: UUID | None = None
    user_id: UUID | None = None
    name: str = ""
    networks: tuple[Network, ...] = ()
    limits: Mapping[str, Rate] = field(default_factory=dict, compare=False)
    groups: frozenset[UUID] = frozenset()
    origins: frozenset[str] = field(default=frozenset(), compare=False)
    impersonator_id: UUID | None = None
    # One string a process can tell callers apart by, for limits and caches.
    key: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        # Whoever acts as a user shares neither limits nor kept replies with them.
        acting = f":as:{self.impersonator_id}" if self.impersonator_id else ""
        object.__setattr__(self, "key", f"{self.kind}:{self.id or self.name}{acting}")

    def comes_from(self, address: str) -> bool:
        """Tell whether the caller may come from an address."""
        if not self.networks:
            return True
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in self.networks)

    def may(self, scope: Scope) -> bool:
        """Tell whether the caller has the scope."""
        return scope in self.scopes
