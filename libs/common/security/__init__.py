"""Who may come in: tokens, API keys, services, and what each may do."""

from libs.common.permissions import (
    KEY_SCOPES,
    ROLE_SCOPES,
    Scope,
    scopes_of_key,
    scopes_of_role,
)
from libs.common.security.callers import Caller, CallerKind
from libs.common.security.service_tokens import ServiceTokens
from libs.common.security.tokens import SigningKey, public_keys, sign_token, verify_token
from libs.common.security.verification import (
    ACCESS_TYP,
    AUDIENCE,
    ISSUER,
    CallerVerifier,
    api_key_cache_key,
    api_key_digest,
    session_cache_key,
)

__all__ = [
    "ACCESS_TYP",
    "AUDIENCE",
    "ISSUER",
    "KEY_SCOPES",
    "ROLE_SCOPES",
    "Caller",
    "CallerKind",
    "CallerVerifier",
    "Scope",
    "ServiceTokens",
    "SigningKey",
    "api_key_cache_key",
    "api_key_digest",
    "public_keys",
    "scopes_of_key",
    "scopes_of_role",
    "session_cache_key",
    "sign_token",
    "verify_token",
]
