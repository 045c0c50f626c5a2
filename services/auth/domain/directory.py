"""People and groups as a company's directory pushes them, without the words of any protocol."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

MAX_TOKENS: Final = 10
MAX_GROUPS: Final = 5000
MAX_MEMBERS: Final = 50_000
MAX_PAGE: Final = 200
DEFAULT_PAGE: Final = 100
LAST_USED_RESOLUTION: Final = timedelta(minutes=1)

_PREFIX: Final = "scim_"
_SHOWN_CHARACTERS: Final = 11
_MAX_CHARACTERS: Final = 128


@dataclass(frozen=True, kw_only=True)
class DirectoryUser:
    """What a directory says of a person."""

    user_name: str
    email: str
    given_name: str
    family_name: str
    active: bool = True
    external_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class KnownUser(DirectoryUser):
    """A person of the company, as a directory may see them."""

    id: UUID
    created_at: datetime
    updated_at: datetime
    groups: tuple[tuple[UUID, str], ...] = ()
    """Ids and names of the groups that they are in."""


@dataclass(frozen=True, kw_only=True)
class DirectoryGroup:
    """What a directory says of a group."""

    display_name: str
    external_id: str | None = None
    members: frozenset[UUID] = frozenset()


@dataclass(frozen=True, kw_only=True)
class KnownGroup(DirectoryGroup):
    """A group of the company."""

    id: UUID
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One condition of a search: an attribute that equals a value."""

    attribute: str
    value: str | bool


def name_key(name: str) -> str:
    """Return the form in which user names and group names are compared."""
    return name.strip().casefold()


def new_scim_token() -> str:
    """Return a token of 256 random bits."""
    return _PREFIX + secrets.token_urlsafe(32)


def scim_token_hash(token: str) -> bytes | None:
    """Return the hash under which a token is stored; None for what cannot be one of ours."""
    if not token.startswith(_PREFIX) or len(token) > _MAX_CHARACTERS or not token.isascii():
        return None
    return hashlib.sha256(token.encode("ascii")).digest()


def shown_token(token: str) -> str:
    """Return the part of a token that lists show."""
    return token[:_SHOWN_CHARACTERS]
