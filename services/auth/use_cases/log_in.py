"""Logging in with address and password."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.common.database import PLATFORM_TENANT
from libs.common.ids import new_id
from services.auth.domain.accounts import email_key
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import (
    AccountNotActive,
    PasswordResetRequired,
    WrongCredentials,
)
from services.auth.domain.policies import MfaPolicy
from services.auth.domain.ports import LoginThrottle, PasswordHasher
from services.auth.domain.sessions import Method
from services.auth.domain.tokens import ChallengePurpose
from services.auth.models.users import User
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.admit_user import LogInResult, admit
from services.auth.use_cases.check_second_factor import CheckSecondFactor, Demand
from services.auth.use_cases.refuse_passwords import refuse_passwords
from services.auth.use_cases.start_session import StartSession


@dataclass(frozen=True, kw_only=True)
class LogIn:
    """Check a password and begin a session.

    An unknown address takes the same steps as a wrong password, in the platform's own tenant,
    where no user is: neither the words nor the time tell which it was.
    """

    unit_of_work: OpenUnitOfWork
    credentials: Credentials
    hasher: PasswordHasher
    throttle: LoginThrottle
    start_session: StartSession
    check: CheckSecondFactor
    default_mfa: MfaPolicy = MfaPolicy.OPTIONAL
    clock: Clock = utc_now

    async def __call__(
        self, *, email: str, password: str, address: str, device: str | None = None
    ) -> LogInResult | Demand:
        key = email_key(email)
        await self.throttle.check(email_key=key, address=address)

        found = await self.credentials.user_by_email(key)
        tenant_id, user_id = found or (PLATFORM_TENANT, new_id())
        async with self.unit_of_work(tenant_id) as uow:
            user = await uow.users.with_password(user_id)

        # No connection is held while passwords wait their turn.
        right = await self.hasher.verify(password, user.password_hash if user else None)
        now = self.clock()
        if user is None or not right:
            await self._note_failure(tenant_id, user_id, user, address=address, now=now)
            raise WrongCredentials
        new_hash = None
        if self.hasher.is_outdated(user.password_hash):
            new_hash = await self.hasher.hash(password)
        return await self._let_in(user, new_hash=new_hash, address=address, device=device, now=now)

    async def _note_failure(
        self, tenant_id: UUID, user_id: UUID, user: User | None, *, address: str, now: datetime
    ) -> None:
        async with self.unit_of_work(tenant_id) as uow:
            await uow.users.count_failed_login(user_id)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.LOGIN_FAILED,
                    description="Wrong password." if user else "Unknown e-mail address.",
                    risk=Risk.MEDIUM,
                    actor_id=user.id if user else None,
                    actor_role=user.role if user else None,
                    entity_type="user",
                    entity_id=user.id if user else None,
                    address=address,
                ),
                now=now,
            )

    async def _let_in(
        self, known: User, *, new_hash: str | None, address: str, device: str | None, now: datetime
    ) -> LogInResult | Demand:
        async with self.unit_of_work(known.tenant_id) as uow:
            tenant = await uow.tenant.get()
            user = await uow.users.locked(known.id)
            if tenant is None or not tenant.is_active or user is None or not user.is_active:
                raise AccountNotActive
            if await uow.users.password_hash_of(user.id) != known.password_hash:
                # Changed since it was checked; the new one ended all sessions, so must this.
                raise WrongCredentials
            if user.password_reset_required:
                raise PasswordResetRequired
            await refuse_passwords(uow, user)
            if new_hash is not None:
                user.password_hash = new_hash
            policy = await uow.policy.get(default=self.default_mfa)
            if user.two_factor_enabled and policy.mfa is not MfaPolicy.OFF:
                begun = uow.challenges.begin(
                    ChallengePurpose.SECOND_FACTOR, user_id=user.id, now=now
                )
                return await self.check.demand(uow, user.id, token=begun.token, nonce=begun.nonce)
            return await admit(
                uow,
                user,
                tenant,
                self.start_session,
                method=Method.PASSWORD,
                description="Logged in with a password.",
                address=address,
                device=device,
                now=now,
            )
