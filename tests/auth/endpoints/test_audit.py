"""The audit trail: written with the action, chained, and shown to admins."""

import csv
import io

import pytest
from sqlalchemy import text

from libs.common.database import PLATFORM_TENANT, Database
from libs.common.events.catalogue.audit import AccessDenied
from libs.common.events.delivery import Delivered, Delivery
from libs.common.events.envelope import EventEnvelope
from libs.common.events.streams import ENTRY_FIELD, stream_name
from services.auth.domain.audit import AuditEvent, AuditRecord, first_broken
from services.auth.domain.clock import utc_now
from services.auth.models.audit_entries import AuditEntry
from services.auth.use_cases import export_audit_entries
from services.auth.workers.denials import HANDLERS
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


EXPORT = f"{AUDIT}/export"


class TestExport:
    async def test_strangers_users_and_reading_keys_may_not(
        self, auth: AuthService, acme: Person
    ) -> None:
        grace = await log_in(auth, (await add_user(auth, acme))["email"])
        key = await make_key(auth, acme, scopes=["read"])

        assert (await auth.get(EXPORT)).status_code == 401
        assert (await auth.get(EXPORT, headers=grace.bearer)).status_code == 403
        assert (await auth.get(EXPORT, headers=key)).status_code == 403

    async def test_sends_the_own_trail_and_is_recorded(
        self, auth: AuthService, acme: Person, globex: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export_audit_entries, "PAGE", 2)
        for _ in range(4):
            await make_key(auth, acme)

        response = await auth.get(EXPORT, headers=acme.bearer)

        assert response.headers["content-type"].startswith("text/csv")
        assert "attachment" in response.headers["content-disposition"]
        rows = list(csv.DictReader(io.StringIO(response.text)))
        assert [row["sequence"] for row in rows] == ["1", "2", "3", "4", "5"]
        assert rows[1]["event_type"] == "api_key.created"
        assert str(globex.user_id) not in response.text
        newest = (await auth.get(f"{AUDIT}?limit=1", headers=acme.bearer)).json()["data"][0]
        assert (newest["action"], newest["risk_level"]) == ("audit.exported", "high")

    async def test_can_be_narrowed(self, auth: AuthService, acme: Person) -> None:
        await make_key(auth, acme)
        key_id = (await auth.get("/api/v1/auth/api-keys", headers=acme.bearer)).json()["api_keys"][
            0
        ]["id"]

        response = await auth.get(f"{EXPORT}?entity_id={key_id}", headers=acme.bearer)

        [row] = csv.DictReader(io.StringIO(response.text))
        assert row["entity_id"] == key_id

    @pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
    async def test_no_cell_is_a_formula(self, auth: AuthService, acme: Person, start: str) -> None:
        async with auth.wiring.unit_of_work(acme.tenant_id) as uow:
            await uow.audit.append(
                AuditRecord(event=AuditEvent.USER_UPDATED, description=start, entity_type="user"),
                now=utc_now(),
            )

        response = await auth.get(EXPORT, headers=acme.bearer)

        rows = list(csv.DictReader(io.StringIO(response.text)))
        assert rows[-1]["description"] == f"'{start}"


class TestDenials:
    async def test_who_is_refused_stands_in_the_trail(
        self, auth: AuthService, acme: Person, globex: Person, database: Database
    ) -> None:
        key = await make_key(auth, acme, allowed_ips=["203.0.113.0/24"])
        grace = await log_in(auth, (await add_user(auth, acme))["email"])

        for _ in range(3):
            await auth.get(AUDIT, headers=grace.bearer)
        await auth.get(f"/api/v1/company/{globex.tenant_id}", headers=grace.bearer)
        await auth.get("/api/v1/company", headers=key)
        await auth.resources.denials.flush()
        await hear_denials(auth, database)

        entries = (await auth.get(f"{AUDIT}?event_type=access.denied", headers=acme.bearer)).json()[
            "data"
        ]
        told = {entry["details"]["reason"]: entry for entry in entries}
        assert told.keys() == {"permission", "not_found", "network"}
        assert told["permission"]["user_id"] == str(grace.user_id)
        assert told["permission"]["details"]["times"] == 3
        assert told["permission"]["details"]["route"] == AUDIT
        assert told["not_found"]["details"]["route"] == "/api/v1/company/{company_id}"
        assert told["network"]["risk_level"] == "high"
        assert {entry["ip_address"] for entry in entries} == {"127.0.0.1"}
        others = await auth.get(f"{AUDIT}?event_type=access.denied", headers=globex.bearer)
        assert others.json()["data"] == []

    async def test_good_callers_leave_no_trace(self, auth: AuthService, acme: Person) -> None:
        await auth.get("/api/v1/company", headers=acme.bearer)
        await auth.get("/api/v1/company")
        await auth.resources.denials.flush()

        assert await auth.resources.redis.exists(stream_name(AccessDenied.topic)) == 0


async def hear_denials(auth: AuthService, database: Database) -> None:
    """Have what stands on the stream recorded, as the worker does."""
    delivery = Delivery(database, "auth", HANDLERS)
    for _, fields in await auth.resources.redis.xrange(stream_name(AccessDenied.topic)):
        envelope = EventEnvelope.from_json(fields[ENTRY_FIELD])
        event = AccessDenied.model_validate(envelope.payload)
        await delivery.deliver(envelope.tenant_id, [Delivered(event, envelope)])


def links(entry: AuditEntry) -> tuple[int, bytes, bytes, dict[str, object]]:
    """Return what the chain's verification looks at."""
    return entry.sequence, entry.previous_hash, entry.hash, entry.content()
