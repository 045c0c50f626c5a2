"""What auth reads from its environment beside the variables that all services share."""

from email.utils import parseaddr
from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from libs.common.outbound import OutboundPolicy
from libs.common.settings import CommaSeparated, ServiceSettings
from services.auth.adapters.mail_senders import SmtpServer


class Settings(ServiceSettings):
    """Auth's settings."""

    service: ClassVar[str] = "auth"

    signing_key_days: int = Field(
        default=90, ge=1, le=3650, description="After so long another key signs access tokens."
    )
    object_store_url: SecretStr | None = Field(
        default=None,
        description="Where the ends of the audit trails are signed; nowhere without it.",
    )
    company_retention_days: int = Field(
        default=30, ge=1, le=3650, description="So long a deleted company can be restored."
    )
    smtp_url: SecretStr | None = Field(
        default=None, description="smtp://, smtp+starttls:// or smtps://user:password@host:port"
    )
    mail_from: str = Field(default="Knowrithm <no-reply@localhost>", min_length=3)
    mail_folder: Path | None = Field(
        default=None, description="Where mails are written as files when there is no SMTP_URL."
    )
    super_admin_email: str | None = None
    super_admin_password: SecretStr | None = Field(default=None, min_length=12)
    mfa_enabled: bool = Field(
        default=True, description="Whether companies that chose no policy offer second factors."
    )
    trusted_identity_hosts: CommaSeparated = Field(
        default=[],
        description="Hosts of identity providers that may be private or plain http.",
    )
    dns_servers: CommaSeparated = Field(
        default=[],
        description="Resolvers for e-mail domain proofs, `address` or `address:port`; the"
        " machine's own when empty.",
    )

    @field_validator("mail_from")
    @classmethod
    def _mail_from_is_an_address(cls, value: str) -> str:
        _, address = parseaddr(value)
        if "@" not in address.strip("@"):
            raise ValueError("write an address, as in Knowrithm <no-reply@example.com>")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _smtp_url_can_be_read(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            SmtpServer.parse(value.get_secret_value())
        return value

    @property
    def outbound_policy(self) -> OutboundPolicy:
        """Companies name their providers; on a developer's machine one may run next door."""
        return OutboundPolicy(
            allow_private=self.environment == "local",
            trusted_hosts=frozenset(host.lower() for host in self.trusted_identity_hosts),
        )
