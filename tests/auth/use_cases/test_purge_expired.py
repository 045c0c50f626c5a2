"""Old sessions are deleted across tenants, with their tokens, and no others."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from libs.common.crypto import KeyRing
from libs.common.database import Database
from services.auth.domain.accounts import Role
from services.auth.domain.sessions import hash_of_new, new_refresh_token
from services.auth.domain.tokens import ChallengePurpose, Purpose
from services.auth.models.invitations import Invitation, OneTimeToken
from services.auth.models.second_factors import Challenge
from services.auth.models.sessions import RefreshToken, Session
from services.auth.models.tenants import Tenant
from services.auth.models.users import User
from services.auth.repositories.emails import Emails
from services.auth.repositories.expired import ExpiredSessions
from services.auth.repositories.unit_of_work import AuthUnitOfWork
from services.auth.use_cases.purge_expired import KEEP_ENDED, PurgeExpired
from tests.auth.conftest import new_email
from tests.conftest import ROOT_KEY, OpenDatabase

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def unit_of_work(database: Database, tenant_id: UUID) -> AuthUnitOfWork:
    emails = Emails(database, KeyRing(ROOT_KEY, database))
    return AuthUnitOfWork(database, tenant_id, emails=emails)


async def begin_session(database: Database, *, now: datetime) -> tuple[UUID, UUID]:
    """Store a company with a user and a session; return tenant and session."""
    tenant = Tenant.founded(name="Acme", now=now)
    user = User.enrolled(
        email=new_email(),
        username="ada",
        first_name="Ada",
        last_name="Admin",
        password_hash="",
        role=Role.ADMIN,
        now=now,
    )
    session = Session.begun(user_id=user.id, address=None, now=now)
    async with unit_of_work(database, tenant.tenant_id) as uow:
        uow.tenant.add(tenant)
        await uow.users.enroll(user)
        await uow.sessions.begin(session, token_hash=hash_of_new(new_refresh_token()), now=now)
    return tenant.tenant_id, session.id


async def test_deletes_what_is_long_over(open_fresh_database: OpenDatabase) -> None:
    database = await open_fresh_database("auth")
    acme, old = await begin_session(database, now=NOON)
    globex, young = await begin_session(database, now=NOON + timedelta(days=30))
    late = NOON + timedelta(days=14) + KEEP_ENDED + timedelta(hours=1)
    purge = PurgeExpired(expired=ExpiredSessions(database), clock=lambda: late)

    assert await purge() == 1
    assert await purge() == 0

    async with unit_of_work(database, acme) as uow:
        assert await uow.sessions.get(old) is None
    async with unit_of_work(database, globex) as uow:
        assert await uow.sessions.get(young) is not None


async def test_forgets_successors_after_the_grace(open_fresh_database: OpenDatabase) -> None:
    database = await open_fresh_database("auth")
    tenant_id, session_id = await begin_session(database, now=NOON)
    async with unit_of_work(database, tenant_id) as uow:
        session = await uow.sessions.locked(session_id)
        assert session is not None
        token_hash = (await uow.session.scalars(select(RefreshToken.token_hash))).one()
        await uow.sessions.replace_token(
            session, token_hash=token_hash, successor_hash=b"next", successor=b"sealed", now=NOON
        )

    at = NOON + timedelta(seconds=5)
    await PurgeExpired(expired=ExpiredSessions(database), clock=lambda: at)()
    async with unit_of_work(database, tenant_id) as uow:
        kept = await uow.sessions.token(token_hash)
    at = NOON + timedelta(seconds=11)
    await PurgeExpired(expired=ExpiredSessions(database), clock=lambda: at)()
    async with unit_of_work(database, tenant_id) as uow:
        forgotten = await uow.sessions.token(token_hash)

    assert kept is not None
    assert kept.successor == b"sealed"
    assert forgotten is not None
    assert forgotten.successor is None


async def test_deletes_spent_links_and_challenges(open_fresh_database: OpenDatabase) -> None:
    database = await open_fresh_database("auth")
    tenant_id, _ = await begin_session(database, now=NOON)
    async with unit_of_work(database, tenant_id) as uow:
        user_id = (await uow.session.scalars(select(User.id))).one()
        uow.one_time_tokens.issue(Purpose.RESET_PASSWORD, user_id=user_id, now=NOON)
        uow.challenges.begin(ChallengePurpose.SECOND_FACTOR, user_id=user_id, now=NOON)
        invitation = Invitation.to(new_email(), role=Role.USER, invited_by=user_id, now=NOON)
        uow.invitations.add(invitation)
        await uow.session.flush()
        uow.one_time_tokens.issue(Purpose.INVITATION, invitation_id=invitation.id, now=NOON)

    async def left_after(passed: timedelta) -> tuple[int, int, int]:
        purge = PurgeExpired(expired=ExpiredSessions(database), clock=lambda: NOON + passed)
        await purge()
        async with unit_of_work(database, tenant_id) as uow:
            return (
                len((await uow.session.scalars(select(OneTimeToken))).all()),
                len((await uow.session.scalars(select(Challenge))).all()),
                len((await uow.session.scalars(select(Invitation))).all()),
            )

    assert await left_after(timedelta(minutes=29)) == (2, 1, 1)
    assert await left_after(timedelta(hours=2)) == (1, 0, 1)
    assert await left_after(timedelta(days=8)) == (0, 0, 0)
