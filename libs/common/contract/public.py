"""The routes that answer a caller without credentials, and the fields that each shows.

Everything else is 401 to a stranger. What stands here was decided to be seen by anyone: a field
that is not listed must not appear in the answer.
"""

from collections.abc import Mapping
from typing import Final

_TOKENS: Final = (
    "access_token",
    "refresh_token",
    "token_type",
    "expires_in",
    "expires_at",
    "mfa_enrollment_required",
)
# What a login asks for next; a passkey's options are what the standard wants a browser to know.
_DEMAND: Final = ("message", "methods", "passkey_options", "expires_in")
_OWN_USER: Final = (
    "id",
    "email",
    "username",
    "first_name",
    "last_name",
    "role",
    "status",
    "company_id",
    "email_verified",
    "two_factor_enabled",
    "login_attempts",
    "last_login",
    "created_at",
    "updated_at",
)
_COUNTRY: Final = ("id", "name", "iso2", "iso_code")
_STATE: Final = ("id", "name", "state_code", "country_id")
_CITY: Final = ("id", "name", "state_id", "postal_code_prefix")
_TASK: Final = (
    "task_id",
    "status",
    "state",
    "progress",
    "stage",
    "message",
    "status_url",
    "result",
    "error",
    "created_at",
    "completed_at",
)

# Method and path → the names of the fields, whichever object of the answer holds them.
PUBLIC_ROUTES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    # The public halves of the signing keys.
    ("GET", "/.well-known/jwks.json"): ("keys",),
    # What a caller is told about the account that these credentials just made or opened.
    ("POST", "/api/v1/auth/register"): ("message", "user", "tokens", *_OWN_USER, *_TOKENS),
    ("POST", "/api/v1/auth/login"): (
        "user",
        "tokens",
        "mfa_required",
        "mfa_token",
        *_OWN_USER,
        *_TOKENS,
        *_DEMAND,
    ),
    ("POST", "/api/v1/auth/login/mfa"): ("message", "user", "tokens", *_OWN_USER, *_TOKENS),
    ("POST", "/api/v1/auth/login/passkey/options"): ("challenge_token", *_DEMAND),
    ("POST", "/api/v1/auth/login/passkey"): ("message", "user", "tokens", *_OWN_USER, *_TOKENS),
    # What an invited person is told about the account just made.
    ("POST", "/api/v1/auth/invitations/accept"): (
        "message",
        "user",
        "tokens",
        *_OWN_USER,
        *_TOKENS,
    ),
    ("POST", "/api/v1/auth/invitations/request"): ("message",),
    ("POST", "/api/v1/auth/password/forgot"): ("message",),
    ("POST", "/api/v1/auth/password/reset"): ("message",),
    # HTML: no fields.
    ("GET", "/api/v1/auth/link/{page}"): (),
    # A redirect to the provider; then as after a login. Errors may be a page.
    ("GET", "/api/v1/auth/sso/login"): (),
    ("GET", "/api/v1/auth/sso/callback"): ("message", "user", "tokens", *_OWN_USER, *_TOKENS),
    ("POST", "/api/v1/auth/sso/token"): ("message", "user", "tokens", *_OWN_USER, *_TOKENS),
    ("GET", "/api/v1/auth/super-admin"): ("message",),
    ("POST", "/api/v1/send"): ("message",),
    ("POST", "/api/v1/verify"): ("message",),
    # A company that nobody is in yet: what its maker sent, and the id to register with.
    ("POST", "/api/v1/company"): (
        "message",
        "company",
        "id",
        "name",
        "email",
        "phone",
        "website",
        "industry",
        "created_at",
    ),
    # A picture. Its unguessable id is the capability, as with tasks.
    ("GET", "/api/v1/company/logo/{logo_id}"): (),
    ("GET", "/api/v1/address-seed"): ("message",),
    ("GET", "/api/v1/country"): ("countries", "data", *_COUNTRY),
    ("GET", "/api/v1/country/{country_id}"): ("state", "states", *_COUNTRY, *_STATE),
    ("GET", "/api/v1/state/country/{country_id}"): ("states", "data", *_STATE),
    ("GET", "/api/v1/state/{state_id}"): ("city", "cities", *_STATE, *_CITY),
    ("GET", "/api/v1/city/state/{state_id}"): ("cities", "data", *_CITY),
    ("GET", "/api/v1/city/{city_id}"): _CITY,
    ("GET", "/api/v1/health"): (
        "status",
        "timestamp",
        "version",
        "checks",
        "name",
        "message",
        "response_time_ms",
        "metadata",
    ),
    # Active agents only.
    ("GET", "/api/v1/agent/{agent_id}"): (
        "agent",
        "id",
        "name",
        "description",
        "avatar_url",
        "company_id",
        "opening_message",
        "suggested_questions",
    ),
    # JavaScript and HTML: no fields.
    ("GET", "/api/v1/widget.js"): (),
    ("GET", "/api/v1/test"): (),
    ("POST", "/api/v1/test"): (),
    # What the visitor typed in, with tokens for this one lead.
    ("POST", "/api/v1/lead/register"): (
        "success",
        "message",
        "lead",
        "tokens",
        "id",
        "company_id",
        "first_name",
        "last_name",
        "full_name",
        "email",
        "phone",
        "source",
        *_TOKENS,
    ),
    ("POST", "/api/v1/lead/link"): ("success", "message"),
    # What a link in somebody's own mail opens.
    ("POST", "/api/v1/lead/resume"): (
        "success",
        "message",
        "lead",
        "tokens",
        "id",
        "company_id",
        "conversation_id",
        *_TOKENS,
    ),
    # The unguessable id is the capability.
    ("GET", "/api/v1/tasks/{task_id}/status"): _TASK,
    # Bounds of this installation, the same for everybody.
    ("GET", "/api/v1/chunks/upload"): (
        "success",
        "upload_url",
        "max_file_bytes",
        "max_files",
        "chunk_tokens",
        "document_types",
    ),
    ("POST", "/api/v1/website/handshake"): (
        "website_source",
        "website_page",
        "crawl_task_id",
        "id",
        "url",
        "status",
        "message",
    ),
}
