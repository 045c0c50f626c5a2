"""Who people are: addresses, roles, states, and what a new password must be like."""

import secrets
from enum import StrEnum
from typing import Final

import email_validator

from services.auth.domain.errors import InvalidEmail

MIN_PASSWORD_CHARACTERS: Final = 8
# A bound on what an attacker can make us hash; passphrases fit well below it.
MAX_PASSWORD_CHARACTERS: Final = 256
# From so many wrong passwords in a row on, an admin may want to ask the user.
HIGH_LOGIN_ATTEMPTS: Final = 5

# Addresses such as admin@acme.test and admin@acme.local are what people try a platform with, and
# identity inside a company's own network may well be of that kind. Editing this list is the way
# the library documents.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()


# Of a name that is promised never to be anybody's (RFC 2606).
_NOBODYS_DOMAIN: Final = "@released.invalid"


class Role(StrEnum):
    """What a user may do in a company; `libs.common.security` maps roles to scopes."""

    SUPER_ADMIN = "super_admin"
    ADMIN = "admin"
    USER = "user"


ADMIN_ROLES: Final = frozenset({Role.ADMIN, Role.SUPER_ADMIN})


class UserStatus(StrEnum):
    """Only an active user can log in, refresh a session or act through an API key."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"
    PENDING_VERIFICATION = "pending_verification"


def clean_email(text: str) -> str:
    """Return an address in the form in which it is shown and mailed to.

    Raises:
        InvalidEmail: It is not an address.
    """
    try:
        return email_validator.validate_email(text.strip(), check_deliverability=False).normalized
    except email_validator.EmailNotValidError as error:
        raise InvalidEmail from error


def email_key(email: str) -> str:
    """Return the form in which addresses are compared: one account however it is typed."""
    return email.strip().casefold()


def nobodys_email() -> str:
    """Return what stands in place of an address that a user has lost; no mail goes there."""
    # Nobody can guess it, and keep the address by registering with this one before.
    return f"{secrets.token_hex(16)}{_NOBODYS_DOMAIN}"


def is_nobodys(email: str) -> bool:
    """Say whether an address stands in place of one that was lost."""
    return email.endswith(_NOBODYS_DOMAIN)


def username_from(email: str) -> str:
    """Propose a user name where none was given: what stands before the @, at most 50 long."""
    return email.partition("@")[0][:50]
