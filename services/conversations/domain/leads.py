"""Leads: who they say they are, and what lets them back to what they said before.

Knowing an address proves nothing. A registration finds the person's record and opens a new visit;
a visit reaches its own conversations only. To go on with an earlier one takes its own token, or a
link that was mailed to the address.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from libs.common.jobs import Job
from services.conversations.domain.errors import InvalidEmail

# The visit's token outlives the access token, so that whoever comes back late still can.
VISIT_LIFETIME: Final = timedelta(days=90)
LINK_LIFETIME: Final = timedelta(hours=1)
_PREFIX: Final = "lt_"
_LINK_PREFIX: Final = "ll_"
_MAX_TOKEN: Final = 128


class SendLeadLink(Job, kind="send_lead_link", max_seconds=60):
    """Mail a lead the link to their earlier chats."""

    lead_id: UUID
    agent_id: UUID
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadPerson:
    """What identifies a lead; never stored or logged in the clear."""

    first_name: str = field(repr=False)
    last_name: str = field(repr=False)
    email: str = field(repr=False)
    phone: str = field(default="", repr=False)
    company: str = field(default="", repr=False)
    notes: str = field(default="", repr=False)

    @property
    def full_name(self) -> str:
        """Both names as one."""
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a lead agreed to, and the words that they were shown."""

    data_processing: bool
    marketing: bool
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadForm:
    """A registration as it was filled in."""

    person: LeadPerson
    consent: Consent
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadRecord:
    """A lead as its company sees it."""

    id: UUID
    tenant_id: UUID
    person: LeadPerson
    agent_id: UUID | None
    status: str
    source: str
    tags: list[str]
    metadata: dict[str, Any]
    consent: Consent
    consent_at: datetime | None
    last_activity: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadTokens:
    """What opens a visit: a token for calls, and one that brings the visit back."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WidgetAgent:
    """An agent as a stranger on a web page names it: whose it is, and where it may be used."""

    id: UUID
    tenant_id: UUID
    name: str
    allowed_sites: tuple[str, ...]


def clean_email(text: str) -> str:
    """Return an address in the form in which it is shown and mailed to.

    Raises:
        InvalidEmail: It is none.
    """
    import email_validator  # noqa: PLC0415 - most processes never need it

    try:
        return email_validator.validate_email(text.strip(), check_deliverability=False).normalized
    except email_validator.EmailNotValidError as error:
        raise InvalidEmail from error


def email_key(email: str) -> str:
    """Return the form in which addresses are compared."""
    return email.strip().casefold()


def new_visit_token() -> str:
    """Return 256 random bits that bring a visit back."""
    return _PREFIX + secrets.token_urlsafe(32)


def new_link_token() -> str:
    """Return 256 random bits for a mailed link."""
    return _LINK_PREFIX + secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes | None:
    """Return the hash that a token is stored as; None for what is none of ours."""
    if not token.startswith((_PREFIX, _LINK_PREFIX)) or len(token) > _MAX_TOKEN:
        return None
    return hashlib.sha256(token.encode()).digest() if token.isascii() else None
