"""A company's directory, as Entra or Okta call over SCIM."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.auth.conftest import PASSWORD, AuthService, Person

USERS = "/scim/v2/Users"
GROUPS = "/scim/v2/Groups"
TOKENS = "/api/v1/auth/scim/tokens"
ME = "/api/v1/auth/user/me"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@dataclass
class Directory:
    """A company's directory with its token."""

    auth: AuthService
    admin: Person
    token_id: str
    token: str

    async def ask(self, method: str, path: str, **kwargs: Any) -> Any:
        """Send a request."""
        headers = {"authorization": f"Bearer {self.token}"} | kwargs.pop("headers", {})
        return await self.auth.client.request(method, path, headers=headers, **kwargs)

    async def add_user(self, **changes: object) -> dict[str, Any]:
        """Add a user."""
        email = f"{uuid4().hex[:12]}@people.test"
        body = {
            "schemas": [USER],
            "userName": email,
            "name": {"givenName": "Grace", "familyName": "Hopper"},
            "emails": [{"value": email, "type": "work", "primary": True}],
            "active": True,
        }
        reply = await self.ask("POST", USERS, json=body | changes)
        assert reply.status_code == 201, reply.text
        return dict(reply.json())

    async def add_group(self, name: str, *members: str) -> dict[str, Any]:
        """Add a group."""
        body = {
            "schemas": [GROUP],
            "displayName": name,
            "members": [{"value": member} for member in members],
        }
        reply = await self.ask("POST", GROUPS, json=body)
        assert reply.status_code == 201, reply.text
        return dict(reply.json())

    async def patch(self, path: str, *operations: dict[str, Any], **kwargs: Any) -> Any:
        """Send a PATCH."""
        body = {"schemas": [PATCH], "Operations": list(operations)}
        return await self.ask("PATCH", path, json=body, **kwargs)

    async def role_of(self, user_id: str) -> str:
        """Return the role that a user has."""
        reply = await self.auth.get(f"/api/v1/user/{user_id}", headers=self.admin.bearer)
        return str(reply.json()["user"]["role"])


async def directory_of(auth: AuthService, admin: Person) -> Directory:
    """Give a company's directory a token."""
    made = await auth.post(TOKENS, json={"name": "Entra"}, headers=admin.bearer)
    assert made.status_code == 201, made.text
    assert made.json()["base_url"].endswith("/scim/v2")
    return Directory(auth, admin, made.json()["id"], made.json()["token"])


async def logged_in(auth: AuthService, directory: Directory) -> tuple[dict[str, str], str]:
    """Add somebody with a password; return their credentials and id."""
    email = f"{uuid4().hex[:12]}@people.test"
    added = await auth.post(
        "/api/v1/auth/user",
        json={"email": email, "password": PASSWORD, "first_name": "A", "last_name": "B"},
        headers=directory.admin.bearer,
    )
    assert added.status_code == 201, added.text
    login = await auth.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})
    return {"authorization": f"Bearer {login.json()['access_token']}"}, added.json()["id"]
