"""The published Python SDK, unmodified, through everything that auth answers."""

import asyncio
from typing import Any

import pytest
from knowrithm_py.dataclass.config import KnowrithmConfig
from knowrithm_py.dataclass.error import KnowrithmAPIError
from knowrithm_py.knowrithm.client import KnowrithmClient

from tests.auth.conftest import PASSWORD, AuthService, new_email


def walk(base_url: str, email: str) -> dict[str, Any]:
    """Take the steps of the SDK's quick start, in a thread: it is not asynchronous."""
    config = KnowrithmConfig(base_url=f"{base_url}/api")
    nobody = KnowrithmClient(api_key=None, api_secret=None, config=config)
    company = nobody.companies.create_company({"name": "Acme", "email": email})
    registered = nobody.auth.register_admin(
        {
            "email": email,
            "password": PASSWORD,
            "first_name": "Ada",
            "last_name": "Admin",
            "username": "ada",
            "company_id": company["company"]["id"],
        }
    )
    tokens = nobody.auth.login(email, PASSWORD)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    made = nobody.api_keys.create_api_key(
        {"name": "quick start", "scopes": ["read", "write"]}, headers=bearer
    )
    client = KnowrithmClient(api_key=made["api_key"], api_secret=made["api_secret"], config=config)
    result = {
        "registered": registered,
        "me": client.auth.get_current_user({}),
        "company": client.companies.get_company(),
        "keys": client.api_keys.list_api_keys(bearer),
        "valid": client.api_keys.validate_credentials(bearer),
        "refreshed": client.auth.refresh_access_token(tokens["refresh_token"]),
        "users": client.admin.list_users(headers=bearer),
        "audit": client.admin.get_audit_logs(headers=bearer),
    }
    client.api_keys.delete_api_key(made["details"]["id"], bearer)
    client.auth.logout(bearer)
    with pytest.raises(KnowrithmAPIError) as refused:
        nobody.auth.login(email, "not my password")
    result["refused"] = refused.value
    return result


async def test_the_quick_starts_identity_calls(auth: AuthService) -> None:
    email = new_email()

    seen = await asyncio.to_thread(walk, str(auth.client.base_url).rstrip("/"), email)

    assert seen["registered"]["user"]["email"] == email
    assert seen["me"]["user"]["email"] == email
    assert seen["company"]["id"] == seen["me"]["company"]["id"]
    assert [key["name"] for key in seen["keys"]["api_keys"]] == ["quick start"]
    assert seen["valid"]["valid"] is True
    assert seen["refreshed"]["access_token"]
    assert len(seen["users"]["users"]) == 1
    assert seen["audit"]["data"][0]["event_type"] == "api_key.created"
    assert seen["refused"].status_code == 401
    assert "e-mail" in seen["refused"].message
