"""What auth reads from its environment, beside the variables that all services share."""

from typing import ClassVar

from pydantic import Field

from libs.common.outbound import OutboundPolicy
from libs.common.settings import CommaSeparated, ServiceSettings


class Settings(ServiceSettings):
    """Auth's settings."""

    service: ClassVar[str] = "auth"

    trusted_identity_hosts: CommaSeparated = Field(
        default=[],
        description="Hosts of identity providers that may be private or plain http.",
    )
    dns_servers: CommaSeparated = Field(
        default=[],
        description="Resolvers for e-mail domain proofs, `address` or `address:port`; the"
        " machine's own when empty.",
    )

    @property
    def outbound_policy(self) -> OutboundPolicy:
        """Companies name their providers; on a developer's machine one may run next door."""
        return OutboundPolicy(
            allow_private=self.environment == "local",
            trusted_hosts=frozenset(host.lower() for host in self.trusted_identity_hosts),
        )
