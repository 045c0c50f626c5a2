"""The shapes of API keys."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from services.auth.domain.api_keys import DEFAULT_SCOPES
from services.auth.models.api_keys import ApiKey
from services.auth.use_cases.create_api_key import IssuedKey


class NewApiKeyIn(BaseModel):
    """A key to be made."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] = (
        "API key"
    )
    scopes: Annotated[list[str], Field(max_length=20)] = list(DEFAULT_SCOPES)
    permissions: Annotated[dict[str, Any], Field(max_length=100)] = Field(
        default={}, description="Kept and shown for the client; what a key may do, `scopes` say."
    )
    expires_in_days: Annotated[int, Field(ge=1, le=365)] | None = None


class ApiKeyOut(BaseModel):
    """A key as lists show it: never the key itself."""

    id: UUID
    name: str
    key_prefix: str
    scopes: list[str]
    permissions: dict[str, Any]
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
            status=state,
            is_active=state == "active",
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
        )


class NewApiKeyReply(BaseModel):
    """A new key, with the only sight of its secret that there will ever be."""

    message: str = "API key created. Store the secret now; it is not shown again."
    id: UUID
    api_key: str
    api_secret: str
    secret: str = Field(description="The same as `api_secret`.")
    details: ApiKeyOut

    @classmethod
    def reply(cls, issued: IssuedKey, *, now: datetime) -> Self:
        """Show a new key."""
        return cls(
            id=issued.key.id,
            api_key=issued.api_key,
            api_secret=issued.api_secret,
            secret=issued.api_secret,
            details=ApiKeyOut.of(issued.key, now=now),
        )


class ApiKeyListReply(BaseModel):
    """The caller's keys, newest first."""

    api_keys: list[ApiKeyOut]


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
    scopes: list[str]
    expires_at: datetime | None
