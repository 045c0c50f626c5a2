"""The audit trail: written with the action, chained, and shown to admins."""

from sqlalchemy import text

from libs.common.database import PLATFORM_TENANT
from services.auth.domain.audit import first_broken
from services.auth.models.audit_entries import AuditEntry
from tests.auth.conftest import PASSWORD, AuthService, Person, new_email
from tests.auth.endpoints.test_api_keys import make_key
from tests.auth.endpoints.test_users import add_user, log_in

AUDIT = "/api/v1/audit-log"


class TestAccess:
    async def test_strangers_users_and_reading_keys_may_not(
        self, auth: AuthService, acme: Person
    ) -> None:
        grace = await log_in(auth, (await add_user(auth, acme))["email"])
        key = await make_key(auth, acme, scopes=["read"])

        assert (await auth.get(AUDIT)).status_code == 401
        assert (await auth.get(AUDIT, headers=grace.bearer)).status_code == 403
        assert (await auth.get(AUDIT, headers=key)).status_code == 403

    async def test_shows_the_own_company_only(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        entries = (await auth.get(AUDIT, headers=globex.bearer)).json()["data"]

        assert [entry["user_id"] for entry in entries] == [str(globex.user_id)]


class TestTrail:
    async def test_tells_what_happened_newest_first(self, auth: AuthService, acme: Person) -> None:
        login = {"email": acme.email, "password": PASSWORD}
        await auth.post("/api/v1/auth/login", json=login | {"password": "not my password"})
        await auth.post("/api/v1/auth/login", json=login)
        await make_key(auth, acme)
        await add_user(auth, acme)

        body = (await auth.get(f"{AUDIT}?limit=4", headers=acme.bearer)).json()

        assert [entry["event_type"] for entry in body["data"]] == [
            "user.created",
            "api_key.created",
            "login.succeeded",
            "login.failed",
        ]
        assert body["total"] == 5
        failed = body["data"][-1]
        assert failed["risk_level"] == "medium"
        assert failed["ip_address"] == "127.0.0.1"
        assert PASSWORD not in str(body)

    async def test_can_be_narrowed(self, auth: AuthService, acme: Person) -> None:
        await make_key(auth, acme)

        kinds = (await auth.get(f"{AUDIT}?entity_type=api_key", headers=acme.bearer)).json()
        risk = (
            await auth.get("/api/v1/admin/audit-log?risk_level=low", headers=acme.bearer)
        ).json()

        assert [entry["action"] for entry in kinds["data"]] == ["api_key.created"]
        assert [entry["action"] for entry in risk["data"]] == ["user.registered"]

    async def test_the_chain_holds_and_shows_a_change(
        self, auth: AuthService, acme: Person
    ) -> None:
        for _ in range(3):
            await make_key(auth, acme)
        async with auth.wiring.unit_of_work(acme.tenant_id) as uow:
            entries = await uow.audit.whole()

        assert first_broken(map(links, entries)) is None

        entries[1].description = "Nothing happened."
        assert first_broken(map(links, entries)) == 2

    async def test_the_service_cannot_rewrite_it(self, auth: AuthService, acme: Person) -> None:
        denied = 0
        for statement in ("UPDATE audit_entries SET description = ''", "DELETE FROM audit_entries"):
            try:
                async with auth.wiring.unit_of_work(acme.tenant_id) as uow:
                    await uow.session.execute(text(statement))
            except Exception as error:  # noqa: BLE001 - the driver's, wrapped or not
                denied += "permission denied" in str(error)

        assert denied == 2

    async def test_attempts_on_unknown_accounts_stand_in_the_platforms_trail(
        self, auth: AuthService
    ) -> None:
        email = new_email()
        await auth.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})

        async with auth.wiring.unit_of_work(PLATFORM_TENANT) as uow:
            entries = await uow.audit.whole()

        assert entries[-1].event_type == "login.failed"
        assert email not in str(entries[-1].content())
        assert first_broken(map(links, entries)) is None


def links(entry: AuditEntry) -> tuple[int, bytes, bytes, dict[str, object]]:
    """Return what the chain's verification looks at."""
    return entry.sequence, entry.previous_hash, entry.hash, entry.content()
