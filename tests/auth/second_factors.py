"""People set up second factors and log in half way."""

from datetime import timedelta
from typing import Any

import pyotp

from services.auth.domain.clock import utc_now
from services.auth.models.sessions import Session
from tests.auth.conftest import PASSWORD, AuthService, Person, log_in

MFA = "/api/v1/auth/mfa"


async def enroll(auth: AuthService, person: Person) -> tuple[pyotp.TOTP, list[str]]:
    """Set an app up with the code of half a minute ago, so that the present one is still good."""
    begun = await auth.post(f"{MFA}/totp", headers=person.bearer)
    assert begun.status_code == 200, begun.text
    totp = pyotp.TOTP(begun.json()["secret"])
    confirmed = await auth.post(
        f"{MFA}/totp/confirm", json={"code": earlier(totp)}, headers=person.bearer
    )
    assert confirmed.status_code == 200, confirmed.text
    return totp, confirmed.json()["recovery_codes"]


def earlier(totp: pyotp.TOTP) -> str:
    return totp.at(utc_now() - timedelta(seconds=30))


def later(totp: pyotp.TOTP) -> str:
    return totp.at(utc_now() + timedelta(seconds=30))


async def half_logged_in(auth: AuthService, person: Person, password: str = PASSWORD) -> str:
    reply = await log_in(auth, person.email, password)
    assert reply.status_code == 200, reply.text
    assert reply.json()["mfa_required"] is True
    assert "access_token" not in reply.json()
    return str(reply.json()["mfa_token"])


async def set_policy(auth: AuthService, admin: Person, **policy: Any) -> None:
    reply = await auth.client.put(f"{MFA}/policy", json=policy, headers=admin.bearer)
    assert reply.status_code == 200, reply.text


async def forget_proof(auth: AuthService, person: Person) -> None:
    """Make a person's proofs older than ten minutes."""
    async with auth.wiring.unit_of_work(person.tenant_id) as uow:
        for session in await uow.sessions.live_of(person.user_id, now=utc_now()):
            stored = await uow.session.get(Session, (person.tenant_id, session.id))
            assert stored is not None
            stored.proven_at = utc_now() - timedelta(minutes=10, seconds=1)
