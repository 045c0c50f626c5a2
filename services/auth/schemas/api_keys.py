"""The shapes of API keys."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from libs.common.http import Page
from libs.common.permissions import Scope
from services.auth.domain.api_keys import DEFAULT_OVERLAP, DEFAULT_SCOPES, MAX_NETWORKS, MAX_OVERLAP
from services.auth.models.api_keys import ApiKey
from services.auth.use_cases.create_api_key import IssuedKey, NewKey

KeyName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Networks = Annotated[
    list[Annotated[str, StringConstraints(max_length=64)]], Field(max_length=MAX_NETWORKS)
]


class NewApiKeyIn(BaseModel):
    """A key to be made."""

    name: KeyName = "API key"
    scopes: Annotated[list[str], Field(max_length=20)] = list(DEFAULT_SCOPES)
    permissions: Annotated[dict[str, Any], Field(max_length=100)] = Field(
        default={}, description="Kept and shown for the client; what a key may do, `scopes` say."
    )
    allowed_ips: Networks = Field(
        default=[], description="Addresses and networks that it may be used from; none: anywhere."
    )
    expires_in_days: Annotated[int, Field(ge=1, le=365)] | None = None

    def wanted(self) -> NewKey:
        """Return it in the use case's words."""
        return NewKey(
            name=self.name,
            scopes=self.scopes,
            permissions=self.permissions,
            networks=self.allowed_ips,
            expires_in_days=self.expires_in_days,
        )


class ApiKeyPatch(BaseModel):
    """What changes; a field that is left out stays as it is."""

    name: KeyName | None = None
    allowed_ips: Networks | None = None


class RotationIn(BaseModel):
    """How long the old key lives on."""

    overlap_seconds: Annotated[int, Field(ge=0, le=int(MAX_OVERLAP.total_seconds()))] = Field(
        default=int(DEFAULT_OVERLAP.total_seconds()),
        description="For so long both keys work; with 0 the old one ends at once.",
    )


class ApiKeyOut(BaseModel):
    """A key as lists show it: never the key itself."""

    id: UUID
    name: str
    key_prefix: str
    scopes: list[str]
    permissions: dict[str, Any]
    allowed_ips: list[str]
    replaced_by: UUID | None
    user_id: UUID
    status: str
    is_active: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey, *, now: datetime) -> Self:
        """Show a key."""
        state = key.state(now)
        return cls(
            id=key.id,
            name=key.name,
            key_prefix=key.prefix,
            scopes=key.scopes,
            permissions=key.permissions,
            allowed_ips=key.networks,
            replaced_by=key.successor_id,
            user_id=key.user_id,
            status=state,
            is_active=state == "active",
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
        )


class NewApiKeyReply(BaseModel):
    """A new key, with the only sight of its secret that there will ever be."""

    message: str
    id: UUID
    api_key: str
    api_secret: str
    secret: str = Field(description="The same as `api_secret`.")
    details: ApiKeyOut

    @classmethod
    def reply(
        cls,
        issued: IssuedKey,
        *,
        now: datetime,
        message: str = "API key created. Store the secret now; it is not shown again.",
    ) -> Self:
        """Show a new key."""
        return cls(
            message=message,
            id=issued.key.id,
            api_key=issued.api_key,
            api_secret=issued.api_secret,
            secret=issued.api_secret,
            details=ApiKeyOut.of(issued.key, now=now),
        )


class ApiKeyListReply(BaseModel):
    """The caller's keys, newest first."""

    api_keys: list[ApiKeyOut]


class CompanyKeysReply(BaseModel):
    """One page of everybody's keys, newest first."""

    api_keys: list[ApiKeyOut]
    pagination: Page


class ApiKeyChangedReply(BaseModel):
    """A key after a change."""

    message: str = "API key changed."
    id: UUID
    details: ApiKeyOut


class ApiKeyRevokedReply(BaseModel):
    """A key that stops working within seconds."""

    message: str = "API key revoked."
    id: UUID


class VerifyApiKeyIn(BaseModel):
    """A pair that a service was shown."""

    api_key: Annotated[str, StringConstraints(max_length=512)]
    api_secret: Annotated[str, StringConstraints(max_length=512)]


class VerifiedKeyOut(BaseModel):
    """Whom a pair acts for."""

    tenant_id: UUID
    key_id: UUID
    user_id: UUID
    scopes: list[str] = Field(description="Read by services of the release before.")
    permissions: list[Scope]
    networks: list[str]
    limits: dict[str, str]
    groups: list[UUID]
    origins: list[str]
    expires_at: datetime | None
