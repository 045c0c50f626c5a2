"""Key pairs and their scopes."""

import pytest

from services.auth.domain.api_keys import (
    check_scopes,
    is_pair,
    key_hash,
    new_api_key,
    pair_hash,
    scopes_left,
    shown_prefix,
)
from services.auth.domain.errors import ScopeNotAllowed, UnknownScope
from services.auth.domain.health import Health, ServiceHealth, platform_health


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


def test_scopes_are_checked_against_the_role() -> None:
    assert check_scopes([], role="user") == ["read", "write"]
    assert check_scopes(["read", "read", "delete"], role="user") == ["read", "delete"]
    assert check_scopes(["full_access"], role="admin") == ["full_access"]
    with pytest.raises(ScopeNotAllowed):
        check_scopes(["admin"], role="user")
    with pytest.raises(UnknownScope):
        check_scopes(["root"], role="admin")


def test_a_key_shrinks_with_its_owners_role() -> None:
    assert scopes_left(["admin"], role="admin") == ["admin"]
    assert set(scopes_left(["full_access", "read"], role="user")) == {"read", "write"}


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
