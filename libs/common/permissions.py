"""What a caller may do: permissions, and the roles and API-key scopes that are sets of them.

The action of a permission says what a route does to its resource: `read`, `write` (make, or set
something going), `update` (change what is there) or `delete`. Which permission a route needs
stands in its row of the route table (`libs.common.contract`), and nowhere else.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """A permission, `resource:action`."""

    AGENTS_READ = "agents:read"
    AGENTS_WRITE = "agents:write"
    AGENTS_UPDATE = "agents:update"
    AGENTS_DELETE = "agents:delete"
    SETTINGS_READ = "settings:read"
    SETTINGS_WRITE = "settings:write"
    SETTINGS_UPDATE = "settings:update"
    SETTINGS_DELETE = "settings:delete"
    PROVIDERS_READ = "providers:read"
    PROVIDERS_WRITE = "providers:write"
    PROVIDERS_UPDATE = "providers:update"
    PROVIDERS_DELETE = "providers:delete"
    DOCUMENTS_READ = "documents:read"
    DOCUMENTS_WRITE = "documents:write"
    DOCUMENTS_UPDATE = "documents:update"
    DOCUMENTS_DELETE = "documents:delete"
    # To read documents whatever groups they are for.
    DOCUMENTS_ALL = "documents:all"
    WEBSITES_READ = "websites:read"
    WEBSITES_WRITE = "websites:write"
    WEBSITES_UPDATE = "websites:update"
    WEBSITES_DELETE = "websites:delete"
    DATABASES_READ = "databases:read"
    DATABASES_WRITE = "databases:write"
    DATABASES_UPDATE = "databases:update"
    DATABASES_DELETE = "databases:delete"
    CONVERSATIONS_READ = "conversations:read"
    CONVERSATIONS_WRITE = "conversations:write"
    CONVERSATIONS_UPDATE = "conversations:update"
    CONVERSATIONS_DELETE = "conversations:delete"
    LEADS_READ = "leads:read"
    LEADS_WRITE = "leads:write"
    LEADS_UPDATE = "leads:update"
    LEADS_DELETE = "leads:delete"
    ANALYTICS_READ = "analytics:read"
    USAGE_READ = "usage:read"
    METRICS_READ = "metrics:read"
    METRICS_WRITE = "metrics:write"
    COMPANY_READ = "company:read"
    COMPANY_WRITE = "company:write"
    COMPANY_UPDATE = "company:update"
    COMPANY_DELETE = "company:delete"
    ADDRESSES_READ = "addresses:read"
    ADDRESSES_WRITE = "addresses:write"
    GEOGRAPHY_WRITE = "geography:write"
    GEOGRAPHY_UPDATE = "geography:update"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    USERS_UPDATE = "users:update"
    USERS_DELETE = "users:delete"
    ROLES_READ = "roles:read"
    ROLES_WRITE = "roles:write"
    ROLES_UPDATE = "roles:update"
    ROLES_DELETE = "roles:delete"
    API_KEYS_READ = "api_keys:read"
    API_KEYS_WRITE = "api_keys:write"
    API_KEYS_UPDATE = "api_keys:update"
    API_KEYS_DELETE = "api_keys:delete"
    # Everybody's keys of the company, where the ones above are one's own.
    COMPANY_KEYS_READ = "company_keys:read"
    COMPANY_KEYS_DELETE = "company_keys:delete"
    AUDIT_READ = "audit:read"
    CONFIG_READ = "config:read"
    CONFIG_WRITE = "config:write"
    CONFIG_UPDATE = "config:update"
    CONFIG_DELETE = "config:delete"
    PROFILE_READ = "profile:read"
    PROFILE_WRITE = "profile:write"
    PROFILE_UPDATE = "profile:update"
    PROFILE_DELETE = "profile:delete"
    # One's own: password, second factors, passkeys, sessions. People's, never a key's.
    CREDENTIALS_WRITE = "credentials:write"
    SESSION_END = "session:end"
    PLATFORM_ADMIN = "platform:admin"

    @property
    def resource(self) -> str:
        """What it is about."""
        return self.partition(":")[0]

    @property
    def action(self) -> str:
        """What may be done to it."""
        return self.partition(":")[2]


def _of(resources: Iterable[str], actions: Iterable[str]) -> frozenset[Scope]:
    wanted = {f"{resource}:{action}" for resource in resources for action in actions}
    return frozenset(scope for scope in Scope if scope in wanted)


_CHANGES: Final = ("write", "update", "delete")
# What people work with all day; each user of a company shares all of it.
_WORK: Final = (
    "agents",
    "settings",
    "providers",
    "documents",
    "websites",
    "databases",
    "conversations",
    "leads",
    "profile",
)
_READ: Final = _of((*_WORK, "analytics", "company", "addresses"), ("read",))
_WRITE: Final = _of(_WORK, _CHANGES) | {Scope.METRICS_WRITE}
_OWN: Final = frozenset({Scope.CREDENTIALS_WRITE, Scope.SESSION_END})
_OWN_KEYS: Final = _of(("api_keys",), ("read", *_CHANGES))
_ALL: Final = frozenset(Scope) - {Scope.PLATFORM_ADMIN}
# What makes or widens credentials is for people: a key that leaks must not grow others.
_FOR_KEYS: Final = _ALL - _OWN - _OWN_KEYS - _of(("roles",), _CHANGES)

ROLE_SCOPES: Final[dict[str, frozenset[Scope]]] = {
    "super_admin": frozenset(Scope),
    "admin": _ALL,
    "user": _READ | _WRITE | _OWN | _OWN_KEYS,
    # A lead reaches its own conversations only; routes that admit leads say so.
    "lead": frozenset({Scope.CONVERSATIONS_READ, Scope.CONVERSATIONS_WRITE}),
}

KEY_SCOPES: Final[dict[str, frozenset[Scope]]] = {
    "read": _READ,
    # The contract's word for every change; the two below are its narrower halves.
    "write": _WRITE,
    "update": _of(_WORK, ("update",)),
    "delete": _of(_WORK, ("delete",)),
    "admin": _FOR_KEYS,
    "full_access": _FOR_KEYS,
}

# What nobody can be shut out of: to see who one is, to log out, to mend one's own profile.
BASIC_SCOPES: Final = _OWN | _of(("profile",), ("read", *_CHANGES))


def scopes_of_role(role: str) -> frozenset[Scope]:
    """Return what a built-in role may do; nothing for an unknown one."""
    return ROLE_SCOPES.get(role, frozenset())


def scopes_of_key(names: Iterable[str]) -> frozenset[Scope]:
    """Return what an API key may do by its own scopes; unknown ones add nothing.

    Args:
        names: Of scopes (`read`), or of single permissions (`documents:read`).
    """
    found: set[Scope] = set()
    for name in names:
        found |= KEY_SCOPES.get(name) or scopes_named((name,)) & _FOR_KEYS
    return frozenset(found)


def scopes_named(names: Iterable[str]) -> frozenset[Scope]:
    """Return the permissions with these names; unknown ones add nothing."""
    return frozenset(_BY_NAME[name] for name in names if name in _BY_NAME)


_BY_NAME: Final = {scope.value: scope for scope in Scope}
