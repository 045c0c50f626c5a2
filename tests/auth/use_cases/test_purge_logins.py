"""Logins that nobody came back from."""

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import func, select

from libs.common.database import Database
from services.auth.domain.clock import utc_now
from services.auth.domain.federation import new_secret, secret_hash
from services.auth.models.federation import SsoConnection, SsoHandoff, SsoLogin
from services.auth.repositories.federation import ExpiredLogins
from services.auth.use_cases.purge_logins import PurgeLogins
from tests.auth.conftest import AuthService, Person


async def test_deletes_what_has_run_out_and_nothing_else(
    auth: AuthService, acme: Person, database: Database
) -> None:
    now = utc_now()
    connection_id = uuid4()
    async with auth.wiring.unit_of_work(acme.tenant_id) as uow:
        uow.sso.add(
            SsoConnection(
                id=connection_id,
                name="P",
                issuer="https://idp.example.com",
                client_id="c",
                client_secret=b"s",
                domains=["acme.test"],
                default_role="user",
                group_roles={},
                enabled=True,
            )
        )
        await uow.session.flush()
        for minutes in (-1, 1):
            ends = now + timedelta(minutes=minutes)
            uow.sso.begin(
                SsoLogin(
                    state_hash=secret_hash(new_secret()),
                    connection_id=connection_id,
                    browser_hash=b"b",
                    sealed=b"s",
                    expires_at=ends,
                )
            )
            uow.sso.hand_off(
                SsoHandoff(
                    code_hash=secret_hash(new_secret()),
                    user_id=acme.user_id,
                    connection_id=connection_id,
                    challenge="c",
                    expires_at=ends,
                )
            )

    await PurgeLogins(expired=ExpiredLogins(database), clock=lambda: now)()

    async with auth.wiring.unit_of_work(acme.tenant_id) as uow:
        for table in (SsoLogin, SsoHandoff):
            rows = await uow.session.execute(
                select(func.count(), func.min(table.expires_at)).where(
                    table.tenant_id == acme.tenant_id
                )
            )
            count, first = rows.one()
            assert count == 1
            assert first > now
