"""Companies deleted, suspended and restored, and the platform's view of all of them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from aiohttp import web

from services.auth.domain.clock import utc_now
from tests.auth.conftest import (
    AuthService,
    Person,
    StartAuth,
    add_colleague,
    is_shut_out,
    log_in,
    new_email,
    person_of,
    registration,
)
from tests.auth.endpoints.test_api_keys import make_key
from tests.auth.endpoints.test_sessions import stops_working
from tests.auth.second_factors import forget_proof

COMPANY = "/api/v1/company"
ALL = "/api/v1/super-admin/companies"
ME = "/api/v1/auth/user/me"
SUPER = "a password of an operator"
FIGURES = {
    "agents": 2,
    "conversations": 3,
    "questions": 5,
    "documents": 7,
    "storage_bytes": 1100,
    "recent_answers": 4,
    "recent_tokens": 13,
    "active_conversations": 1,
    "recent_leads": 8,
    "recent_qualified_leads": 3,
    "recent_converted_leads": 1,
}


class Analytics:
    """What analytics answers auth with, and for whom it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, str]] = []

    async def answer(self, request: web.Request) -> web.Response:
        """Serve the figures to who brings a service's token."""
        if not request.headers.get("authorization", "").startswith("Bearer ey"):
            return web.json_response({}, status=401)
        self.asked.append((request.headers["x-tenant-id"], request.query["days"]))
        return web.json_response(FIGURES)


@pytest.fixture
async def analytics() -> AsyncIterator[Analytics]:
    """Analytics, as far as auth knows it, on a real socket."""
    served = Analytics()
    app = web.Application()
    app.router.add_get("/internal/company-figures", served.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield served
    await runner.cleanup()


@pytest.fixture
async def platform(start_auth: StartAuth, analytics: Analytics) -> tuple[AuthService, Person]:
    """The service with a super admin, logged in."""
    email = new_email("operator")
    auth = await start_auth(
        super_admin_email=email, super_admin_password=SUPER, analytics_url=analytics.url
    )
    return auth, person_of((await log_in(auth, email, SUPER)).json())


async def founded(auth: AuthService, name: str = "Acme") -> Person:
    reply = await auth.post("/api/v1/auth/register", json=registration(company_name=name))
    return person_of(reply.json())


async def events_of(auth: AuthService, company: UUID) -> list[str]:
    async with auth.resources.database.lean(company) as connection:
        rows = await connection.fetch("SELECT name FROM outbox ORDER BY occurred_at, id")
    return [row["name"] for row in rows if row["name"].startswith("tenant.")]


async def audited(auth: AuthService, company: UUID, event: str) -> list[dict[str, object]]:
    async with auth.resources.database.lean(company) as connection:
        rows = await connection.fetch("SELECT * FROM audit_entries WHERE event_type = $1", event)
    return [dict(row.items()) for row in rows]


FOR_PLATFORM = [
    ("GET", "/api/v1/super-admin/company"),
    ("GET", ALL),
    ("POST", ALL),
    ("GET", ALL + "/{id}"),
    ("PATCH", ALL + "/{id}"),
    ("PATCH", COMPANY + "/{id}"),
    ("DELETE", COMPANY + "/{id}/cascade-delete"),
    ("GET", COMPANY + "/{id}/related-data"),
]
FOR_ADMINS = [
    ("DELETE", COMPANY + "/{id}", None),
    ("PATCH", COMPANY + "/{id}/restore", None),
    ("DELETE", COMPANY + "/bulk-delete", {"company_ids": ["{id}"]}),
    ("PATCH", COMPANY + "/bulk-restore", {"company_ids": ["{id}"]}),
]


class TestAccess:
    @pytest.mark.parametrize(("method", "path"), FOR_PLATFORM)
    async def test_the_platforms_view_is_for_super_admins(
        self, auth: AuthService, acme: Person, method: str, path: str
    ) -> None:
        path = path.format(id=acme.tenant_id)

        stranger = await auth.client.request(method, path, json={})
        admin = await auth.client.request(method, path, json={}, headers=acme.bearer)

        assert (stranger.status_code, admin.status_code) == (401, 403)

    @pytest.mark.parametrize(("method", "path", "body"), FOR_ADMINS)
    async def test_another_company_is_not_found(
        self,
        auth: AuthService,
        acme: Person,
        globex: Person,
        method: str,
        path: str,
        body: dict[str, list[str]] | None,
    ) -> None:
        async def call(company: UUID, headers: dict[str, str]) -> httpx.Response:
            sent = {"company_ids": [str(company)]} if body else None
            url = path.format(id=company)
            return await auth.client.request(method, url, json=sent, headers=headers)

        colleague = await add_colleague(auth, acme)
        stranger = await call(acme.tenant_id, {})
        user = await call(acme.tenant_id, colleague.bearer)
        foreign = await call(acme.tenant_id, globex.bearer)
        missing = await call(uuid4(), globex.bearer)

        assert (stranger.status_code, user.status_code) == (401, 403)
        assert foreign.status_code == missing.status_code == 404
        assert foreign.json() | {"request_id": ""} == missing.json() | {"request_id": ""}
        assert (await auth.get(ME, headers=acme.bearer)).status_code == 200

    async def test_a_foreign_id_among_own_ones_spoils_all(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        both = {"company_ids": [str(acme.tenant_id), str(globex.tenant_id)]}

        reply = await auth.client.request(
            "DELETE", f"{COMPANY}/bulk-delete", json=both, headers=acme.bearer
        )

        assert reply.status_code == 404
        assert (await auth.get(COMPANY, headers=acme.bearer)).status_code == 200
        assert await events_of(auth, acme.tenant_id) == ["tenant.created"]


class TestDeletion:
    async def test_shuts_everybody_out_within_seconds(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        colleague = await add_colleague(auth, acme)
        pair = await make_key(auth, acme, scopes=["read"])
        assert (await auth.get(COMPANY, headers=pair)).status_code == 200

        reply = await auth.client.delete(f"{COMPANY}/{acme.tenant_id}", headers=acme.bearer)

        assert reply.status_code == 200, reply.text
        company = reply.json()["company"]
        assert company["deleted_at"] is not None
        assert company["erase_after"] > company["deleted_at"]
        assert await is_shut_out(auth, acme)
        assert await is_shut_out(auth, colleague)
        assert await stops_working(auth, pair)
        assert (await log_in(auth, acme.email)).status_code == 403
        refreshed = await auth.post(
            "/api/v1/auth/refresh", json={"refresh_token": acme.refresh_token}
        )
        assert refreshed.status_code == 401
        assert (await auth.get(COMPANY, headers=globex.bearer)).status_code == 200
        assert await events_of(auth, acme.tenant_id) == ["tenant.created", "tenant.closed"]
        (entry,) = await audited(auth, acme.tenant_id, "company.deleted")
        assert entry["actor_id"] == acme.user_id

    async def test_asks_for_a_recent_proof(self, auth: AuthService, acme: Person) -> None:
        await forget_proof(auth, acme)

        reply = await auth.client.delete(f"{COMPANY}/{acme.tenant_id}", headers=acme.bearer)

        assert (reply.status_code, reply.json()["code"]) == (403, "step_up_required")
        assert (await auth.get(ME, headers=acme.bearer)).status_code == 200

    async def test_takes_a_list(self, auth: AuthService, acme: Person) -> None:
        ids = [str(acme.tenant_id)] * 2

        none = await auth.client.request(
            "DELETE", f"{COMPANY}/bulk-delete", json={"company_ids": []}, headers=acme.bearer
        )
        reply = await auth.client.request(
            "DELETE", f"{COMPANY}/bulk-delete", json={"company_ids": ids}, headers=acme.bearer
        )

        assert none.status_code == 400
        assert reply.json()["deleted_count"] == 1
        assert await is_shut_out(auth, acme)

    async def test_leaves_the_platforms_own_company(
        self, platform: tuple[AuthService, Person]
    ) -> None:
        auth, operator = platform

        reply = await auth.client.delete(f"{COMPANY}/{operator.tenant_id}", headers=operator.bearer)
        suspended = await auth.client.patch(
            f"{ALL}/{operator.tenant_id}", json={"is_active": False}, headers=operator.bearer
        )

        for refusal in (reply, suspended):
            assert (refusal.status_code, refusal.json()["code"]) == (409, "platform_company")

    async def test_nobody_joins_a_deleted_company(self, auth: AuthService, acme: Person) -> None:
        empty = (await auth.post(COMPANY, json={"name": "Initech", "email": new_email()})).json()[
            "id"
        ]
        async with auth.wiring.unit_of_work(UUID(empty)) as uow:
            tenant = await uow.tenant.get()
            assert tenant is not None
            tenant.deleted_at = utc_now()

        joined = await auth.post("/api/v1/auth/register", json=registration(company_id=empty))

        assert joined.is_error


class TestRestoring:
    async def test_opens_what_was_open_before(self, platform: tuple[AuthService, Person]) -> None:
        auth, operator = platform
        acme = await founded(auth)
        path = f"{COMPANY}/{acme.tenant_id}"
        await auth.client.delete(path, headers=acme.bearer)
        assert await is_shut_out(auth, acme)

        listed = await auth.get(f"{COMPANY}/deleted?per_page=100", headers=operator.bearer)
        restored = await auth.client.patch(f"{path}/restore", headers=operator.bearer)
        again = await auth.client.patch(f"{path}/restore", headers=operator.bearer)

        assert str(acme.tenant_id) in {one["id"] for one in listed.json()["companies"]}
        assert restored.status_code == 200, restored.text
        assert restored.json()["company"]["deleted_at"] is None
        assert (again.status_code, again.json()["code"]) == (409, "company_not_deleted")
        for _ in range(50):
            if (await auth.get(ME, headers=acme.bearer)).status_code == 200:
                break
        else:
            assert (await log_in(auth, acme.email)).status_code == 200
        events = await events_of(auth, acme.tenant_id)
        assert events == ["tenant.created", "tenant.closed", "tenant.reopened"]
        assert await audited(auth, acme.tenant_id, "company.restored")
        # In the trail of who did it, too, and only there from where.
        (own,) = [
            entry
            for entry in await audited(auth, operator.tenant_id, "company.restored")
            if entry["entity_id"] == acme.tenant_id
        ]
        (theirs,) = await audited(auth, acme.tenant_id, "company.restored")
        assert own["address"] is not None
        assert theirs["address"] is None

    async def test_is_too_late_after_the_retention_time(
        self, platform: tuple[AuthService, Person]
    ) -> None:
        auth, operator = platform
        acme = await founded(auth)
        await auth.client.delete(f"{COMPANY}/{acme.tenant_id}", headers=acme.bearer)
        async with auth.wiring.unit_of_work(acme.tenant_id) as uow:
            tenant = await uow.tenant.get_in_any_state()
            assert tenant is not None
            tenant.erase_after = utc_now() - timedelta(seconds=1)

        reply = await auth.client.patch(
            f"{COMPANY}/{acme.tenant_id}/restore", headers=operator.bearer
        )

        assert (reply.status_code, reply.json()["code"]) == (409, "retention_over")

    async def test_is_not_for_companies_that_stand(self, auth: AuthService, acme: Person) -> None:
        reply = await auth.client.patch(f"{COMPANY}/{acme.tenant_id}/restore", headers=acme.bearer)
        listed = await auth.get(f"{COMPANY}/deleted", headers=acme.bearer)

        assert (reply.status_code, reply.json()["code"]) == (409, "company_not_deleted")
        assert listed.json()["companies"] == []

    async def test_never_after_a_cascade_with_all_that_is_related(
        self, platform: tuple[AuthService, Person]
    ) -> None:
        auth, operator = platform
        acme = await founded(auth)
        path = f"{COMPANY}/{acme.tenant_id}"
        plain = await auth.client.delete(f"{path}/cascade-delete", headers=operator.bearer)
        for_good = await auth.client.request(
            "DELETE",
            f"{path}/cascade-delete",
            json={"delete_related": True},
            headers=operator.bearer,
        )

        late = await auth.client.patch(
            f"{COMPANY}/bulk-restore",
            json={"company_ids": [str(acme.tenant_id)]},
            headers=operator.bearer,
        )

        assert plain.json()["company"]["erase_after"] > for_good.json()["company"]["erase_after"]
        assert (late.status_code, late.json()["code"]) == (409, "retention_over")
        # It was closed once.
        assert await events_of(auth, acme.tenant_id) == ["tenant.created", "tenant.closed"]


class TestSuspension:
    async def test_lasts_until_it_is_taken_back(self, platform: tuple[AuthService, Person]) -> None:
        auth, operator = platform
        acme = await founded(auth)
        path = f"{ALL}/{acme.tenant_id}"

        closed = await auth.client.patch(path, json={"is_active": False}, headers=operator.bearer)
        assert await is_shut_out(auth, acme)
        assert (await log_in(auth, acme.email)).status_code == 403
        opened = await auth.client.patch(
            path, json={"is_active": True, "name": "Acme Ltd"}, headers=operator.bearer
        )

        assert closed.json()["company"]["is_active"] is False
        assert opened.json()["company"]["name"] == "Acme Ltd"
        assert (await log_in(auth, acme.email)).status_code == 200
        events = await events_of(auth, acme.tenant_id)
        assert events == ["tenant.created", "tenant.closed", "tenant.reopened"]
        (entry,) = await audited(auth, acme.tenant_id, "company.suspended")
        assert entry["actor_role"] == "super_admin"
        assert await audited(auth, operator.tenant_id, "company.suspended")

    async def test_of_details_only_is_told_to_nobody(
        self, platform: tuple[AuthService, Person]
    ) -> None:
        auth, operator = platform
        acme = await founded(auth)

        changed = await auth.client.patch(
            f"{COMPANY}/{acme.tenant_id}",
            data={"phone": "+49 30 1", "is_verified": "true"},
            files={"note": (None, "")},
            headers=operator.bearer,
        )
        bad = await auth.client.patch(
            f"{ALL}/{acme.tenant_id}", json={"email": "nowhere"}, headers=operator.bearer
        )

        assert changed.json()["company"]["phone"] == "+49 30 1"
        assert changed.json()["company"]["is_verified"] is True
        assert (bad.status_code, bad.json()["code"]) == (400, "invalid_email")
        assert await events_of(auth, acme.tenant_id) == ["tenant.created"]
        # The trail of who did it outlives the company, so it does not say where to reach it.
        (own,) = [
            entry
            for entry in await audited(auth, operator.tenant_id, "company.updated")
            if entry["entity_id"] == acme.tenant_id
        ]
        (theirs,) = await audited(auth, acme.tenant_id, "company.updated")
        assert "+49 30 1" in str(theirs["details"])
        assert "+49 30 1" not in str(own["details"])
        assert "phone" in str(own["details"])


class TestThePlatformsView:
    async def test_finds_companies_of_all_kinds(self, platform: tuple[AuthService, Person]) -> None:
        auth, operator = platform
        tag = uuid4().hex
        people = [await founded(auth, f"{tag} {number}%") for number in range(3)]
        await auth.client.delete(f"{COMPANY}/{people[0].tenant_id}", headers=people[0].bearer)
        await auth.client.patch(
            f"{ALL}/{people[1].tenant_id}", json={"is_active": False}, headers=operator.bearer
        )

        async def ids(**query: str) -> list[str]:
            found = await auth.get(
                "/api/v1/super-admin/company",
                params={"search": tag, **query},
                headers=operator.bearer,
            )
            assert found.status_code == 200, found.text
            return [one["id"] for one in found.json()["data"]]

        first, second, third = (str(person.tenant_id) for person in people)
        assert await ids() == [third, second]
        assert await ids(status="deleted") == [first]
        assert await ids(status="inactive") == [second]
        assert await ids(status="active") == [third]
        assert await ids(search=f"{tag} 2%") == [third]
        assert await ids(search=f"{tag}%2") == []

    async def test_is_paged(self, platform: tuple[AuthService, Person]) -> None:
        auth, operator = platform
        tag = uuid4().hex
        for number in range(3):
            await founded(auth, f"{tag} {number}")

        pages = [
            (
                await auth.get(
                    ALL,
                    params={"search": tag, "per_page": 2, "page": page},
                    headers=operator.bearer,
                )
            ).json()
            for page in (1, 2, 3)
        ]

        assert [len(page["items"]) for page in pages] == [2, 1, 0]
        assert [page["pagination"]["total"] for page in pages] == [3, 3, 3]
        assert [page["pagination"]["next_page"] for page in pages] == [2, None, None]
        assert pages[0]["items"][0]["users"] == 1

    async def test_counts_what_hangs_on_a_company(
        self, platform: tuple[AuthService, Person], analytics: Analytics
    ) -> None:
        auth, operator = platform
        acme = await founded(auth)
        await add_colleague(auth, acme)
        await make_key(auth, acme, scopes=["read"])

        shown = (await auth.get(f"{ALL}/{acme.tenant_id}", headers=operator.bearer)).json()
        related = await auth.get(
            f"{COMPANY}/{acme.tenant_id}/related-data", headers=operator.bearer
        )
        nobody = await auth.get(f"{COMPANY}/{uuid4()}/related-data", headers=operator.bearer)

        assert (shown["name"], shown["stats"]) == ("Acme", {"users": 2, "api_keys": 1})
        assert shown["analytics"] == FIGURES
        assert related.json()["related_data"]["documents"] == 7
        assert related.json()["total"] == 2 + 1 + 2 + 3 + 5 + 7
        assert nobody.status_code == 404
        assert analytics.asked == [(str(acme.tenant_id), "30")] * 2

    async def test_says_when_analytics_is_out_of_reach(self, start_auth: StartAuth) -> None:
        email = new_email("operator")
        auth = await start_auth(
            super_admin_email=email,
            super_admin_password=SUPER,
            analytics_url="http://127.0.0.1:9",
        )
        operator = person_of((await log_in(auth, email, SUPER)).json())

        reply = await auth.get(
            f"{COMPANY}/{operator.tenant_id}/related-data", headers=operator.bearer
        )

        assert (reply.status_code, reply.json()["code"]) == (503, "service_unavailable")

    async def test_founds_companies(self, platform: tuple[AuthService, Person]) -> None:
        auth, operator = platform

        made = await auth.post(
            ALL, json={"name": "Initech", "email": new_email()}, headers=operator.bearer
        )

        company = UUID(made.json()["id"])
        assert made.status_code == 201
        assert await audited(auth, company, "company.created")
        own = await audited(auth, operator.tenant_id, "company.created")
        assert company in {entry["entity_id"] for entry in own}


class TestStatistics:
    @pytest.mark.parametrize("path", [f"{COMPANY}/statistics", f"{COMPANY}/{{id}}/statistics"])
    async def test_are_for_the_company_alone(
        self,
        platform: tuple[AuthService, Person],
        analytics: Analytics,
        path: str,
    ) -> None:
        auth, operator = platform
        acme, globex = await founded(auth), await founded(auth, "Globex")
        path = path.format(id=acme.tenant_id)

        assert (await auth.get(path)).status_code == 401
        foreign = await auth.get(path, headers=globex.bearer)
        missing = await auth.get(f"{COMPANY}/{uuid4()}/statistics", headers=globex.bearer)
        own = await auth.get(path, params={"days": 7}, headers=acme.bearer)
        colleague = await add_colleague(auth, acme)
        other = await auth.get(path, headers=colleague.bearer)
        nobodys = await auth.get(f"{COMPANY}/{uuid4()}/statistics", headers=operator.bearer)

        if str(acme.tenant_id) in path:
            assert foreign.status_code == missing.status_code == 404
            assert foreign.json() | {"request_id": ""} == missing.json() | {"request_id": ""}
            assert (await auth.get(path, headers=operator.bearer)).status_code == 200
        assert own.json() == {
            "success": True,
            "statistics": {
                "total_leads": 8,
                "qualified_leads": 3,
                "active_conversations": 1,
                "conversion_rate": 12.5,
                "period_days": 7,
            },
        }
        assert (other.status_code, other.json()["statistics"]["period_days"]) == (200, 30)
        assert nobodys.status_code == 404
        assert (str(acme.tenant_id), "7") in analytics.asked

    async def test_of_days_that_nobody_can_count_are_refused(
        self, auth: AuthService, acme: Person
    ) -> None:
        for days in ("0", "367", "many"):
            reply = await auth.get(
                f"{COMPANY}/statistics", params={"days": days}, headers=acme.bearer
            )
            assert reply.status_code == 400

    async def test_say_when_nobody_counts(self, start_auth: StartAuth) -> None:
        auth = await start_auth(analytics_url="http://127.0.0.1:9")
        acme = await founded(auth)

        reply = await auth.get(f"{COMPANY}/statistics", headers=acme.bearer)

        assert reply.status_code == 503
