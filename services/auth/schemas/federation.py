"""The shapes of e-mail domains, single sign-on connections, the policy and SCIM tokens."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from services.auth.domain.accounts import Role
from services.auth.domain.email_domains import record_name, record_value
from services.auth.domain.federation import CALLBACK_PATH
from services.auth.models.directory import ScimToken
from services.auth.models.email_domains import EmailDomain
from services.auth.models.federation import FederationPolicy, SsoConnection
from services.auth.use_cases.create_connection import NewConnection
from services.auth.use_cases.create_scim_token import IssuedScimToken
from services.auth.use_cases.try_connection import ProviderFound
from services.auth.use_cases.update_connection import ConnectionChanges
from services.auth.use_cases.update_policy import WantedPolicy

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=8, max_length=500)]
Domain = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=300)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Domains = Annotated[list[Domain], Field(min_length=1, max_length=50)]
_UUID = "-".join(f"[0-9a-f]{{{length}}}" for length in (8, 4, 4, 4, 12))
_ROLE = f"^(admin|user|{_UUID})$"
GivenRole = Literal[Role.ADMIN, Role.USER]
GroupRoles = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=255)],
        Annotated[str, StringConstraints(pattern=_ROLE)],
    ],
    Field(
        max_length=200,
        description="`admin`, `user`, or the id of a role of the company's own, by group.",
    ),
]


class NewDomainIn(BaseModel):
    """A domain that the company says is its own."""

    domain: Domain


class DomainChangesIn(BaseModel):
    """What may change about a domain."""

    admits_registration: bool


class TxtRecordOut(BaseModel):
    """The record that proves a domain."""

    type: str = "TXT"
    name: str
    value: str


class DomainOut(BaseModel):
    """A domain, and what proves it."""

    id: UUID
    domain: str
    status: Literal["proven", "pending"]
    admits_registration: bool = Field(
        description="People with a verified address in it may register in the company."
    )
    record: TxtRecordOut
    proven_at: datetime | None
    checked_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, domain: EmailDomain) -> Self:
        """Show a domain."""
        return cls(
            id=domain.id,
            domain=domain.domain,
            status="proven" if domain.proven_at is not None else "pending",
            admits_registration=domain.admits_registration,
            record=TxtRecordOut(name=record_name(domain.domain), value=record_value(domain.token)),
            proven_at=domain.proven_at,
            checked_at=domain.checked_at,
            created_at=domain.created_at,
        )


class DomainsOut(BaseModel):
    """A company's domains."""

    domains: list[DomainOut]


class NewConnectionIn(BaseModel):
    """An OpenID Connect provider to log in with."""

    name: Line
    issuer: Url = Field(description="Exactly as the provider's discovery document has it.")
    client_id: Line
    client_secret: Secret
    domains: Domains = Field(description="Proven ones; whose people may come in.")
    default_role: GivenRole = Role.USER
    group_claim: Line | None = Field(default=None, examples=["groups"])
    group_roles: GroupRoles = Field(
        default={},
        description="Role by group. When there is any, each login gives the role anew.",
    )
    enabled: bool = True

    def wanted(self) -> NewConnection:
        """Return it in the use case's words."""
        return NewConnection(**self.model_dump())


class ConnectionChangesIn(BaseModel):
    """Changes; what is left out stays. The issuer cannot change."""

    name: Line | None = None
    client_id: Line | None = None
    client_secret: Secret | None = None
    domains: Domains | None = None
    default_role: GivenRole | None = None
    group_claim: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] | None = (
        Field(default=None, description="Empty for none.")
    )
    group_roles: GroupRoles | None = None
    enabled: bool | None = None

    def changes(self) -> ConnectionChanges:
        """Return them in the use case's words."""
        return ConnectionChanges(**self.model_dump())


class ConnectionOut(BaseModel):
    """A connection; its client's secret is never shown."""

    id: UUID
    name: str
    issuer: str
    client_id: str
    domains: list[str]
    default_role: str
    group_claim: str | None
    group_roles: dict[str, str]
    enabled: bool
    redirect_uri: str = Field(description="To be registered at the provider.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, connection: SsoConnection, *, public_url: str) -> Self:
        """Show a connection."""
        return cls(
            id=connection.id,
            name=connection.name,
            issuer=connection.issuer,
            client_id=connection.client_id,
            domains=connection.domains,
            default_role=connection.default_role,
            group_claim=connection.group_claim,
            group_roles=connection.group_roles,
            enabled=connection.enabled,
            redirect_uri=public_url.rstrip("/") + CALLBACK_PATH,
            created_at=connection.created_at,
            updated_at=connection.updated_at,
        )


class ConnectionsOut(BaseModel):
    """A company's connections."""

    connections: list[ConnectionOut]


class ProviderOut(BaseModel):
    """A provider that answers as it should."""

    ok: bool = True
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    keys: int = Field(description="How many of its keys could sign for us.")

    @classmethod
    def of(cls, found: ProviderFound) -> Self:
        """Show what was found."""
        metadata = found.metadata
        return cls(
            issuer=metadata.issuer,
            authorization_endpoint=metadata.authorization_endpoint,
            token_endpoint=metadata.token_endpoint,
            jwks_uri=metadata.jwks_uri,
            keys=found.keys,
        )


class PolicyIn(BaseModel):
    """The whole policy; what is left out gets its default."""

    sso_only: bool = Field(default=False, description="Refuse passwords.")
    break_glass_user_id: UUID | None = Field(
        default=None, description="The admin whose password still works."
    )
    group_roles: GroupRoles = Field(
        default={}, description="Role by displayName of a group that the directory pushes."
    )
    default_role: GivenRole = Field(
        default=Role.USER, description="Of users whom the directory adds."
    )

    def wanted(self) -> WantedPolicy:
        """Return it in the use case's words."""
        return WantedPolicy(**self.model_dump())


class PolicyOut(BaseModel):
    """How a company's people may come in."""

    sso_only: bool
    break_glass_user_id: UUID | None
    group_roles: dict[str, str]
    default_role: str

    @classmethod
    def of(cls, policy: FederationPolicy) -> Self:
        """Show a policy."""
        return cls(
            sso_only=policy.sso_only,
            break_glass_user_id=policy.break_glass_user_id,
            group_roles=policy.group_roles,
            default_role=policy.default_role,
        )


class NewScimTokenIn(BaseModel):
    """A token to be made."""

    name: Line = "Directory"
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] | None = None


class ScimTokenOut(BaseModel):
    """A token as lists show it."""

    id: UUID
    name: str
    prefix: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, token: ScimToken) -> Self:
        """Show a token."""
        return cls(
            id=token.id,
            name=token.name,
            prefix=token.prefix,
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
        )


class NewScimTokenOut(ScimTokenOut):
    """A new token, with the only sight of it that there will ever be."""

    token: str
    base_url: str = Field(description="What to enter at the directory as SCIM's address.")

    @classmethod
    def reply(cls, issued: IssuedScimToken, *, base_url: str) -> Self:
        """Show a new token."""
        shown = ScimTokenOut.of(issued.token)
        return cls(**shown.model_dump(), token=issued.secret, base_url=base_url)


class ScimTokensOut(BaseModel):
    """The tokens of a company's directories."""

    tokens: list[ScimTokenOut]


class SsoTokenIn(BaseModel):
    """The code that a page was sent back with, and the verifier of its challenge."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    verifier: Annotated[str, StringConstraints(min_length=43, max_length=128)]
