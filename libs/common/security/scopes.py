"""What a caller may do: scopes, and the roles and API-key scopes that are sets of them."""

from enum import StrEnum


class Scope(StrEnum):
    """A permission, `resource:action`; each route declares the one it needs."""

    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"
    DOCUMENTS_READ = "documents:read"
    DOCUMENTS_WRITE = "documents:write"
    CONVERSATIONS_READ = "conversations:read"
    CONVERSATIONS_WRITE = "conversations:write"
    ANALYTICS_READ = "analytics:read"
    SETTINGS_READ = "settings:read"
    SETTINGS_WRITE = "settings:write"
    PROVIDERS_WRITE = "providers:write"
    COMPANY_READ = "company:read"
    COMPANY_WRITE = "company:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    API_KEYS_READ = "api_keys:read"
    API_KEYS_WRITE = "api_keys:write"
    AUDIT_READ = "audit:read"
    CONFIG_READ = "config:read"
    CONFIG_WRITE = "config:write"
    PROFILE_READ = "profile:read"
    PROFILE_WRITE = "profile:write"
    # One's own: password, second factors, passkeys, sessions. People's, never a key's.
    CREDENTIALS_WRITE = "credentials:write"
    SESSION_END = "session:end"
    PLATFORM_ADMIN = "platform:admin"


_READ = frozenset(
    {
        Scope.AGENTS_READ,
        Scope.DOCUMENTS_READ,
        Scope.CONVERSATIONS_READ,
        Scope.ANALYTICS_READ,
        Scope.SETTINGS_READ,
        Scope.COMPANY_READ,
        Scope.PROFILE_READ,
    }
)
_WRITE = frozenset(
    {
        Scope.AGENTS_WRITE,
        Scope.DOCUMENTS_WRITE,
        Scope.CONVERSATIONS_WRITE,
        Scope.SETTINGS_WRITE,
        Scope.PROVIDERS_WRITE,
        Scope.PROFILE_WRITE,
    }
)
_ADMIN = frozenset(
    {
        Scope.COMPANY_WRITE,
        Scope.USERS_READ,
        Scope.USERS_WRITE,
        Scope.API_KEYS_READ,
        Scope.API_KEYS_WRITE,
        Scope.AUDIT_READ,
        Scope.CONFIG_READ,
        Scope.CONFIG_WRITE,
    }
)
_OWN = frozenset({Scope.CREDENTIALS_WRITE, Scope.SESSION_END})

ROLE_SCOPES: dict[str, frozenset[Scope]] = {
    "super_admin": frozenset(Scope),
    "admin": _READ | _WRITE | _ADMIN | _OWN,
    "user": _READ | _WRITE | _OWN | {Scope.API_KEYS_READ, Scope.API_KEYS_WRITE},
    # A lead reaches its own conversations only; routes that admit leads say so.
    "lead": frozenset({Scope.CONVERSATIONS_READ, Scope.CONVERSATIONS_WRITE}),
}

# `update` and `delete` are part of what clients ask for beside `write`, and mean writing as well.
KEY_SCOPES: dict[str, frozenset[Scope]] = {
    "read": _READ,
    "write": _WRITE,
    "update": _WRITE,
    "delete": _WRITE,
    # An administrator's key may do what an administrator may, except making further credentials.
    "admin": _READ | _WRITE | _ADMIN - {Scope.API_KEYS_WRITE},
    "full_access": _READ | _WRITE | _ADMIN - {Scope.API_KEYS_WRITE},
}


def scopes_of_role(role: str) -> frozenset[Scope]:
    """Return what a role may do; nothing for an unknown one."""
    return ROLE_SCOPES.get(role, frozenset())


def scopes_of_key(names: list[str]) -> frozenset[Scope]:
    """Return what an API key with these scope names may do; unknown names add nothing."""
    return frozenset().union(*(KEY_SCOPES.get(name, frozenset()) for name in names))
