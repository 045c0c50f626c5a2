"""Key pairs and their scopes."""

import pytest

from libs.common.permissions import Scope, scopes_of_role
from services.auth.domain.api_keys import (
    check_networks,
    check_scopes,
    is_pair,
    key_hash,
    new_api_key,
    pair_hash,
    shown_prefix,
)
from services.auth.domain.errors import InvalidNetwork, ScopeNotAllowed, UnknownScope
from services.auth.domain.health import Health, ServiceHealth, platform_health
from services.auth.domain.roles import permissions_of_key


def test_a_pair_belongs_together() -> None:
    (key, secret), (_, other_secret) = new_api_key(), new_api_key()
    stored = pair_hash(key, secret)

    assert is_pair(stored, key, secret)
    assert not is_pair(stored, key, other_secret)
    assert not is_pair(stored, key + secret, "")


def test_what_is_shown_does_not_give_the_key_away() -> None:
    key, _ = new_api_key()

    assert key.startswith(shown_prefix(key))
    assert len(shown_prefix(key)) < len(key) / 2


@pytest.mark.parametrize("text", ["", "sk_123", "ak_" + "x" * 200])
def test_what_cannot_be_a_key_has_no_hash(text: str) -> None:
    assert key_hash(text) is None


USER, ADMIN = scopes_of_role("user"), scopes_of_role("admin")


def test_scopes_are_checked_against_what_the_owner_may_do() -> None:
    assert check_scopes([], held=USER) == ["read", "write"]
    assert check_scopes(["read", "read", "delete"], held=USER) == ["read", "delete"]
    assert check_scopes(["full_access"], held=ADMIN) == ["full_access"]
    assert check_scopes(["documents:read"], held=USER) == ["documents:read"]
    for scope in ("admin", "audit:read"):
        with pytest.raises(ScopeNotAllowed):
            check_scopes([scope], held=USER)
    for unknown in ("root", "api_keys:write", "platform:admin", "agents:fly"):
        with pytest.raises(UnknownScope):
            check_scopes([unknown], held=ADMIN)


def test_a_key_shrinks_with_its_owner() -> None:
    whole = permissions_of_key(["admin"], owner=ADMIN)
    left = permissions_of_key(["full_access", "read"], owner=USER)

    assert Scope.AUDIT_READ in whole
    assert Scope.AUDIT_READ not in left
    assert Scope.DOCUMENTS_WRITE in left
    assert not {Scope.API_KEYS_WRITE, Scope.ROLES_WRITE}.intersection(whole)


def test_the_narrow_scopes_do_one_thing() -> None:
    deleting = permissions_of_key(["delete"], owner=ADMIN)

    assert {scope.action for scope in deleting} == {"delete"}
    assert {scope.action for scope in permissions_of_key(["update"], owner=USER)} == {"update"}


def test_networks_get_one_spelling() -> None:
    assert check_networks([" 203.0.113.7", "2001:db8::/32", "203.0.113.7/32"]) == [
        "203.0.113.7/32",
        "2001:db8::/32",
    ]
    for bad in ("203.0.113.7/24", "everywhere", ""):
        with pytest.raises(InvalidNetwork):
            check_networks([bad])


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        ({"auth": "healthy", "agents": "healthy"}, Health.HEALTHY),
        ({"auth": "degraded", "agents": "healthy"}, Health.DEGRADED),
        ({"auth": "healthy", "agents": "unhealthy", "documents": "healthy"}, Health.DEGRADED),
        ({"auth": "unhealthy", "agents": "healthy"}, Health.UNHEALTHY),
        ({"auth": "healthy", "agents": "unhealthy"}, Health.UNHEALTHY),
    ],
)
def test_the_platform_is_as_well_as_what_it_needs(states: dict[str, str], whole: Health) -> None:
    services = [
        ServiceHealth(name=name, status=Health(state), message="", response_time_ms=1)
        for name, state in states.items()
    ]

    assert platform_health(services, essential="auth") is whole
