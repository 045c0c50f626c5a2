"""Which permission a row of the route table asks for.

Read from the row itself: the resource from its path, the action from its method, unless the row
says otherwise. A path that no rule knows gives an error when the table is read, so nothing starts.
"""

from typing import Final

from libs.common.permissions import Scope

# By the path after the version, the longest fitting beginning; parameters are `{}`.
_RESOURCES: Final[dict[str, str]] = {
    "address": "addresses",
    "admin/api-keys": "company_keys",
    "admin/allowed-origins": "config",
    "admin/audit-log": "audit",
    "admin/metrics": "metrics",
    "admin/system-metric": "metrics",
    "admin/rate-limits": "config",
    "admin/user": "users",
    "admin/users": "users",
    "agent": "agents",
    "agent/{}/chat": "conversations",
    "agent/{}/test": "conversations",
    "analytic": "analytics",
    "api-key-performance": "usage",
    "audit-log": "audit",
    "auth": "profile",
    "auth/api-keys": "api_keys",
    "auth/domains": "config",
    "auth/invitations": "users",
    "auth/logout": "session",
    "auth/logout-all": "credentials",
    "auth/mfa": "credentials",
    "auth/mfa/policy": "config",
    "auth/passkeys": "credentials",
    "auth/password": "credentials",
    "auth/scim": "config",
    "auth/sessions": "credentials",
    "auth/sso": "config",
    "auth/user": "users",
    "auth/user/me": "profile",
    "auth/users": "users",
    "budget": "config",
    "chat/completions": "conversations",
    "city": "geography",
    "company": "company",
    "company/users": "users",
    "config": "config",
    "conversation": "conversations",
    "country": "geography",
    "database": "databases",
    "database-connection": "databases",
    "detailed-usage": "usage",
    "document": "documents",
    "error-analysis": "usage",
    "lead": "leads",
    "message": "conversations",
    "metrics": "metrics",
    "models": "conversations",
    "overview": "usage",
    "permission": "roles",
    "providers": "providers",
    "rate-limit-analysis": "usage",
    "role": "roles",
    "sdk/agent": "agents",
    "sdk/database": "databases",
    "sdk/lead": "leads",
    "sdk/settings": "settings",
    "sdk/website": "websites",
    "search": "documents",
    "search/database": "databases",
    "settings": "settings",
    "settings/providers": "providers",
    "state": "geography",
    "system-metric": "metrics",
    "system/metrics": "metrics",
    "top-endpoints": "usage",
    "usage-trends": "usage",
    "user": "users",
    "user/profile": "profile",
    "users": "users",
    "webhook": "config",
    "website": "websites",
}
# One's own, where looking is no smaller thing than changing.
_WHOLE: Final = {"credentials": Scope.CREDENTIALS_WRITE, "session": Scope.SESSION_END}
_ACTIONS: Final = {"GET": "read", "POST": "write", "PUT": "update", "PATCH": "update"}


def permission_of(method: str, shape: str, *, reads: bool) -> Scope:
    """Return the permission that a row's method and path speak of.

    Args:
        method: The row's.
        shape: Its path, with nameless parameters.
        reads: Whether it only reads, though it may be a POST.

    Raises:
        LookupError: No rule knows the path, or there is no such permission.
    """
    resource = _resource_of(shape)
    if resource in _WHOLE:
        return _WHOLE[resource]
    action = "read" if reads else _ACTIONS.get(method, "delete")
    name = f"{resource}:{action}"
    try:
        return Scope(name)
    except ValueError:
        raise LookupError(f"{method} {shape}: no permission {name}") from None


def _resource_of(shape: str) -> str:
    segments = shape.removeprefix("/api").split("/")[2:]
    for length in range(len(segments), 0, -1):
        known = _RESOURCES.get("/".join(segments[:length]))
        if known is not None:
            return known
    raise LookupError(f"{shape}: say in its row which permission it needs")
