"""Invitations: an admin lets people in, who choose their passwords themselves."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from libs.common.rate_limits import Rate, RateLimiter
from libs.common.security import Caller, CallerKind, Scope
from services.auth.adapters.attempt_budgets import AttemptBudgets
from services.auth.adapters.login_throttle import Throttle
from services.auth.domain.accounts import Role
from services.auth.domain.clock import utc_now
from services.auth.domain.errors import TooManyAttempts
from services.auth.models.invitations import Invitation
from services.auth.use_cases.release_address import ReleaseAddress
from tests.auth.conftest import (
    NOBODY,
    PASSWORD,
    AuthService,
    Deliver,
    Mailbox,
    Person,
    add_colleague,
    log_in,
    new_email,
    registration,
)

INVITATIONS = "/api/v1/auth/invitations"
ACCEPT = f"{INVITATIONS}/accept"
ME = "/api/v1/auth/user/me"


@pytest.fixture
def joining() -> dict[str, str]:
    """What an invited person fills in, but for the token."""
    return {"password": PASSWORD, "first_name": "Grace", "last_name": "Guest"}


async def invite(
    auth: AuthService, admin: Person, email: str, role: str = "user"
) -> dict[str, str]:
    reply = await auth.post(INVITATIONS, json={"email": email, "role": role}, headers=admin.bearer)
    assert reply.status_code == 201, reply.text
    return dict(reply.json()["invitation"])


class TestAccess:
    @pytest.mark.parametrize(
        ("method", "path"),
        [("POST", INVITATIONS), ("GET", INVITATIONS), ("DELETE", f"{INVITATIONS}/{NOBODY}")],
    )
    async def test_strangers_and_users_may_not(
        self, auth: AuthService, acme: Person, method: str, path: str
    ) -> None:
        colleague = await add_colleague(auth, acme)
        body = {"email": new_email()}

        assert (await auth.client.request(method, path, json=body)).status_code == 401
        by_user = await auth.client.request(method, path, json=body, headers=colleague.bearer)
        assert by_user.status_code == 403

    async def test_another_company_neither_sees_nor_revokes(
        self, auth: AuthService, acme: Person, globex: Person
    ) -> None:
        made = await invite(auth, acme, new_email())

        listed = await auth.get(INVITATIONS, headers=globex.bearer)
        foreign = await auth.client.delete(f"{INVITATIONS}/{made['id']}", headers=globex.bearer)
        missing = await auth.client.delete(f"{INVITATIONS}/{NOBODY}", headers=globex.bearer)

        assert listed.json()["invitations"] == []
        assert foreign.status_code == missing.status_code == 404
        assert foreign.json() | {"request_id": ""} == missing.json() | {"request_id": ""}


async def test_mails_to_one_address_are_bounded_whoever_invites(
    auth: AuthService, acme: Person
) -> None:
    throttle = Throttle(
        AttemptBudgets(RateLimiter(auth.resources.quick_redis), auth.resources.database),
        mail=Rate(2, 900),
    )
    email = new_email()
    statuses = []
    sessions = await auth.get("/api/v1/auth/sessions", headers=acme.bearer)
    for _ in range(3):
        invite_by = auth.wiring.for_caller(
            Caller(
                kind=CallerKind.USER,
                tenant_id=acme.tenant_id,
                scopes=frozenset(Scope),
                user_id=acme.user_id,
                id=acme.user_id,
                session_id=UUID(sessions.json()["sessions"][0]["id"]),
            )
        ).invite_user
        try:
            await replace(invite_by, throttle=throttle)(email, role=Role.USER, address=None)
            statuses.append("sent")
        except TooManyAttempts:
            statuses.append("refused")

    assert statuses == ["sent", "sent", "refused"]


class TestJoining:
    @pytest.mark.parametrize("role", ["user", "admin"])
    async def test_the_link_sets_the_password(
        self,
        auth: AuthService,
        acme: Person,
        mailbox: Mailbox,
        deliver: Deliver,
        joining: dict[str, str],
        role: str,
    ) -> None:
        email = new_email()
        await invite(auth, acme, email, role)
        await deliver()

        reply = await auth.post(ACCEPT, json=joining | {"token": mailbox.token_for(email)})

        assert reply.status_code == 201
        user = reply.json()["user"]
        assert (user["email"], user["role"], user["email_verified"]) == (email, role, True)
        assert user["company_id"] == str(acme.tenant_id)
        assert (await log_in(auth, email)).status_code == 200
        assert (await auth.get(INVITATIONS, headers=acme.bearer)).json()["invitations"] == []

    async def test_registering_with_the_token_is_the_same(
        self, auth: AuthService, acme: Person, mailbox: Mailbox, deliver: Deliver
    ) -> None:
        email = new_email()
        await invite(auth, acme, email)
        await deliver()
        token = mailbox.token_for(email)

        other = await auth.post("/api/v1/auth/register", json=registration(invitation_token=token))
        right = await auth.post(
            "/api/v1/auth/register", json=registration(invitation_token=token, email=email)
        )

        assert (other.status_code, other.json()["code"]) == (400, "link_refused")
        assert right.status_code == 201
        assert right.json()["user"]["company_id"] == str(acme.tenant_id)

    async def test_once(
        self,
        auth: AuthService,
        acme: Person,
        mailbox: Mailbox,
        deliver: Deliver,
        joining: dict[str, str],
    ) -> None:
        email = new_email()
        await invite(auth, acme, email)
        await deliver()
        body = joining | {"token": mailbox.token_for(email)}

        replies = await asyncio.gather(*(auth.post(ACCEPT, json=body) for _ in range(8)))

        assert sorted(reply.status_code for reply in replies) == [201] + [400] * 7

    async def test_not_after_it_was_taken_back_replaced_or_ran_out(
        self,
        auth: AuthService,
        acme: Person,
        mailbox: Mailbox,
        deliver: Deliver,
        joining: dict[str, str],
    ) -> None:
        revoked, replaced, late = new_email(), new_email(), new_email()
        made = {email: await invite(auth, acme, email) for email in (revoked, replaced, late)}
        await deliver()
        tokens = {email: mailbox.token_for(email) for email in made}
        await auth.client.delete(f"{INVITATIONS}/{made[revoked]['id']}", headers=acme.bearer)
        await invite(auth, acme, replaced)
        async with auth.wiring.unit_of_work(acme.tenant_id) as uow:
            stored = await uow.session.get(Invitation, (acme.tenant_id, made[late]["id"]))
            assert stored is not None
            stored.expires_at = utc_now() - timedelta(seconds=1)

        for email, token in tokens.items():
            reply = await auth.post(ACCEPT, json=joining | {"token": token})
            assert (reply.status_code, reply.json()["code"]) == (400, "link_refused"), email
        await deliver()
        newest = await auth.post(ACCEPT, json=joining | {"token": mailbox.token_for(replaced)})
        assert newest.status_code == 201

    async def test_a_taken_address_is_said_to_its_owner_only(
        self,
        auth: AuthService,
        acme: Person,
        globex: Person,
        mailbox: Mailbox,
        deliver: Deliver,
        joining: dict[str, str],
    ) -> None:
        # What registering has sent goes first: the newest link counts.
        await deliver()
        confirmed = await auth.post(
            "/api/v1/verify", json={"token": mailbox.token_for(globex.email)}
        )
        assert confirmed.status_code == 200
        # The admin learns nothing about other companies.
        await invite(auth, acme, globex.email)
        await deliver()

        reply = await auth.post(ACCEPT, json=joining | {"token": mailbox.token_for(globex.email)})

        assert (reply.status_code, reply.json()["code"]) == (400, "email_taken")

    async def test_whoever_registered_with_it_and_never_proved_it_loses_it(
        self,
        auth: AuthService,
        acme: Person,
        globex: Person,
        mailbox: Mailbox,
        deliver: Deliver,
        joining: dict[str, str],
    ) -> None:
        await auth.post("/api/v1/auth/password/forgot", json={"email": globex.email})
        await deliver()
        before = mailbox.token_for(globex.email)
        await invite(auth, acme, globex.email)
        await deliver()
        link = mailbox.token_for(globex.email)

        reply = await auth.post(ACCEPT, json=joining | {"token": link})

        assert reply.status_code == 201, reply.text
        assert reply.json()["user"]["company_id"] == str(acme.tenant_id)
        back = await log_in(auth, globex.email)
        assert back.json()["user"]["company_id"] == str(acme.tenant_id)
        # The account of the other company is still there, and nobody gets into it by mail.
        squatter = await auth.get(ME, headers=globex.bearer)
        assert squatter.json()["company_id"] == str(globex.tenant_id)
        assert squatter.json()["email"].endswith("@released.invalid")
        reset = await auth.post(
            "/api/v1/auth/password/reset", json={"token": before, "password": PASSWORD}
        )
        assert reset.json()["code"] == "link_refused"
        trail = await auth.get(
            "/api/v1/audit-log", params={"event_type": "email.changed"}, headers=globex.bearer
        )
        (entry,) = trail.json()["data"]
        assert (entry["risk_level"], entry["entity_id"]) == ("high", str(globex.user_id))
        sent = len(mailbox.mails)
        await auth.post("/api/v1/send", json={"email": squatter.json()["email"]})
        await deliver()
        assert len(mailbox.mails) == sent

    async def test_whoever_registers_with_it_in_that_moment_is_told_of(
        self,
        auth: AuthService,
        acme: Person,
        globex: Person,
        mailbox: Mailbox,
        deliver: Deliver,
        joining: dict[str, str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        await deliver()
        await invite(auth, acme, globex.email)
        await deliver()
        body = joining | {"token": mailbox.token_for(globex.email)}
        release = ReleaseAddress.__call__

        async def and_register(self: ReleaseAddress, email: str, *, proven_in: UUID) -> bool:
            released = await release(self, email, proven_in=proven_in)
            again = registration(email=email, company_name="Initech")
            assert (await auth.post("/api/v1/auth/register", json=again)).status_code == 201
            return released

        with monkeypatch.context() as patched:
            patched.setattr(ReleaseAddress, "__call__", and_register)
            reply = await auth.post(ACCEPT, json=body)

        assert (reply.status_code, reply.json()["code"]) == (400, "email_taken")
        assert (await auth.post(ACCEPT, json=body)).status_code == 201

    async def test_a_link_that_is_no_good_takes_no_address(
        self,
        auth: AuthService,
        acme: Person,
        globex: Person,
        mailbox: Mailbox,
        deliver: Deliver,
        joining: dict[str, str],
    ) -> None:
        await deliver()
        invitation = await invite(auth, acme, globex.email)
        await deliver()
        await auth.client.delete(f"{INVITATIONS}/{invitation['id']}", headers=acme.bearer)

        reply = await auth.post(ACCEPT, json=joining | {"token": mailbox.token_for(globex.email)})

        assert reply.json()["code"] == "link_refused"
        assert (await log_in(auth, globex.email)).status_code == 200

    async def test_an_address_of_a_proven_domain_may_ask(
        self,
        auth: AuthService,
        acme: Person,
        globex: Person,
        mailbox: Mailbox,
        deliver: Deliver,
        joining: dict[str, str],
    ) -> None:
        async def admission(email: str, *, tenant_id: UUID | None = None) -> UUID | None:
            admits = email.endswith("@proven.test") and tenant_id in (None, acme.tenant_id)
            return acme.tenant_id if admits else None

        ask = replace(auth.wiring.public.request_invitation, admission=admission)
        email, other = new_email("proven"), new_email("elsewhere")
        for _ in range(2):
            await ask(email, company_id=None, address=None)
        await ask(other, company_id=None, address=None)
        await ask(new_email("proven"), company_id=globex.tenant_id, address=None)
        await deliver()

        reply = await auth.post(ACCEPT, json=joining | {"token": mailbox.token_for(email)})

        assert reply.status_code == 201
        user = reply.json()["user"]
        assert (user["company_id"], user["role"]) == (str(acme.tenant_id), "user")
        assert len(mailbox.to(email)) == 2
        assert mailbox.to(other) == []

    async def test_asking_does_not_lower_what_an_admin_has_offered(
        self,
        auth: AuthService,
        acme: Person,
        mailbox: Mailbox,
        deliver: Deliver,
        joining: dict[str, str],
    ) -> None:
        async def admission(email: str, *, tenant_id: UUID | None = None) -> UUID | None:
            return acme.tenant_id

        email = new_email()
        await invite(auth, acme, email, "admin")
        ask = replace(auth.wiring.public.request_invitation, admission=admission)
        await ask(email, company_id=None, address=None)
        await deliver()

        reply = await auth.post(ACCEPT, json=joining | {"token": mailbox.token_for(email)})

        assert reply.json()["user"]["role"] == "admin"

    async def test_asking_tells_nothing(self, auth: AuthService, acme: Person) -> None:
        reply = await auth.post(
            f"{INVITATIONS}/request",
            json={"email": new_email(), "company_id": str(acme.tenant_id)},
        )

        assert reply.status_code == 200
        assert reply.json().keys() == {"message"}

    @pytest.mark.parametrize("role", ["super_admin", "lead", ""])
    async def test_only_to_roles_that_admins_may_give(
        self, auth: AuthService, acme: Person, role: str
    ) -> None:
        reply = await auth.post(
            INVITATIONS, json={"email": new_email(), "role": role}, headers=acme.bearer
        )

        assert reply.status_code == 400
