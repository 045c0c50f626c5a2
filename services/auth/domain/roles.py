"""What people may do: by the role that they have, or by the roles that their company made.

A user whose company gave them roles of its own may do what those allow, together, and no more;
admins stay admins. Nobody hands out what they may not do themselves.
"""

from collections.abc import Collection, Iterable
from typing import Final

from libs.common.permissions import BASIC_SCOPES, Scope, scopes_named, scopes_of_key, scopes_of_role
from services.auth.domain.accounts import ADMIN_ROLES, Role
from services.auth.domain.errors import (
    PermissionNotYours,
    RoleNameTaken,
    UnknownPermission,
)

MAX_ROLES: Final = 100
MAX_ROLES_PER_USER: Final = 20


def name_key(name: str) -> str:
    """Return the form in which names of roles are compared."""
    return name.strip().casefold()


def check_name(name: str) -> None:
    """Refuse the names of built-in roles.

    Raises:
        RoleNameTaken: It is one of theirs.
    """
    if name_key(name) in {role.value for role in Role} | {"lead"}:
        raise RoleNameTaken


def check_permissions(names: Iterable[str], *, held: Collection[Scope]) -> list[str]:
    """Return the permissions of a role, each once, in a settled order.

    Args:
        names: As they were asked for.
        held: What who asks may do themselves.

    Raises:
        UnknownPermission: One of them is none.
        PermissionNotYours: They go further than who asks.
    """
    wanted = list(dict.fromkeys(names))
    found = scopes_named(wanted)
    if unknown := [name for name in wanted if name not in found]:
        raise UnknownPermission(details={"permissions": unknown})
    check_reach(found, held=held)
    return sorted(found)


def check_reach(wanted: Iterable[Scope], *, held: Collection[Scope]) -> None:
    """Refuse what goes further than who asks.

    Raises:
        PermissionNotYours: It does; names what is missing.
    """
    if beyond := sorted(scope for scope in wanted if scope not in held):
        raise PermissionNotYours(details={"permissions": beyond})


def permissions_of(role: str, custom: Iterable[str] | None) -> frozenset[Scope]:
    """Return what a user may do.

    Args:
        role: The built-in one.
        custom: The permissions of all roles that the company gave the user; None if it gave none.
    """
    if custom is None or role in ADMIN_ROLES:
        return scopes_of_role(role)
    return (scopes_named(custom) | BASIC_SCOPES) - {Scope.PLATFORM_ADMIN}


def permissions_of_key(scopes: Iterable[str], *, owner: Collection[Scope]) -> list[Scope]:
    """Return what an API key may do now: never more than its owner."""
    return sorted(scopes_of_key(scopes).intersection(owner))
