"""People of all companies, for the platform's own people."""

from typing import Any
from uuid import uuid4

import pytest

from tests.auth.conftest import (
    AuthService,
    Person,
    StartAuth,
    log_in,
    new_email,
    person_of,
    registration,
)

PEOPLE = "/api/v1/super-admin/users"
SUPER = "a password of an operator"


@pytest.fixture
async def platform(start_auth: StartAuth) -> tuple[AuthService, Person]:
    """The service with a super admin, logged in."""
    email = new_email("operator")
    auth = await start_auth(super_admin_email=email, super_admin_password=SUPER)
    return auth, person_of((await log_in(auth, email, SUPER)).json())


async def founded(auth: AuthService, last_name: str) -> Person:
    body = registration(company_name="Acme", last_name=last_name)
    return person_of((await auth.post("/api/v1/auth/register", json=body)).json())


class TestPeople:
    async def test_are_shown_to_super_admins(self, auth: AuthService, acme: Person) -> None:
        assert (await auth.get(PEOPLE)).status_code == 401
        assert (await auth.get(PEOPLE, headers=acme.bearer)).status_code == 403

    async def test_are_found_in_all_companies(self, platform: tuple[AuthService, Person]) -> None:
        auth, operator = platform
        tag = uuid4().hex[:12]
        first, second, third = [await founded(auth, f"{tag}%{number}") for number in range(3)]

        async def found(**query: Any) -> list[str]:
            reply = await auth.get(PEOPLE, params=query, headers=operator.bearer)
            assert reply.status_code == 200, reply.text
            return [one["id"] for one in reply.json()["items"]]

        everybody = [str(one.user_id) for one in (third, second, first)]
        assert await found(search=tag.upper()) == everybody
        assert await found(search=f"{tag}%1") == [str(second.user_id)]
        assert await found(search=f"{tag}_1") == []
        assert await found(search=tag, company_id=first.tenant_id) == [str(first.user_id)]
        assert await found(search=tag, role="admin", status="active") == everybody
        assert await found(search=tag, role="user") == []
        assert await found(search=second.email.upper()) == [str(second.user_id)]
        assert await found(search=second.email, company_id=first.tenant_id) == []
        assert await found(search=second.email, status="suspended") == []
        assert await found(search="nobody@nowhere.test") == []
        # A part of an address is none.
        assert await found(search=second.email[3:]) == []

    async def test_are_paged(self, platform: tuple[AuthService, Person]) -> None:
        auth, operator = platform
        tag = uuid4().hex[:12]
        for number in range(3):
            await founded(auth, f"{tag} {number}")

        pages = [
            (
                await auth.get(
                    PEOPLE,
                    params={"search": tag, "per_page": 2, "page": page},
                    headers=operator.bearer,
                )
            ).json()
            for page in (1, 2, 3)
        ]

        assert [len(page["items"]) for page in pages] == [2, 1, 0]
        assert [page["pagination"]["total"] for page in pages] == [3, 3, 3]
