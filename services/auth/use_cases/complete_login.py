"""The second step of a login."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import AccountNotActive, ProofRefused, SecondFactorRefused
from services.auth.domain.mails import SendNotice
from services.auth.domain.ports import LoginThrottle
from services.auth.domain.second_factors import Proof
from services.auth.domain.sessions import Method
from services.auth.domain.tokens import ChallengePurpose, challenge_token_hash
from services.auth.repositories.challenges import Attempt
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.admit_user import LogInResult, admit
from services.auth.use_cases.check_second_factor import CheckSecondFactor
from services.auth.use_cases.start_session import StartSession


@dataclass(frozen=True, kw_only=True)
class CompleteLogIn:
    """Let in who has shown the password before, and the second factor now.

    A login allows five attempts, the account ten in a quarter of an hour; each is counted before
    it is looked at.
    """

    unit_of_work: OpenUnitOfWork
    credentials: Credentials
    throttle: LoginThrottle
    check: CheckSecondFactor
    start_session: StartSession
    clock: Clock = utc_now

    async def __call__(
        self, token: str, proof: Proof, *, address: str, device: str | None
    ) -> LogInResult:
        now = self.clock()
        token_hash = challenge_token_hash(token)
        found = token_hash and await self.credentials.challenge(token_hash)
        if not found:
            raise SecondFactorRefused
        tenant_id, challenge_id = found
        async with self.unit_of_work(tenant_id) as uow:
            attempt = await uow.challenges.attempt(
                challenge_id, purpose=ChallengePurpose.SECOND_FACTOR, now=now
            )
        if attempt is None or attempt.user_id is None:
            raise SecondFactorRefused
        await self.throttle.check_second_factor(attempt.user_id)
        # Its key is fetched on first use, by a connection of its own.
        await self.check.cipher(tenant_id)
        try:
            async with self.unit_of_work(tenant_id) as uow:
                return await self._let_in(
                    uow, attempt, proof, address=address, device=device, now=now
                )
        except ProofRefused as refusal:
            await self._note_failure(tenant_id, attempt.user_id, address=address, now=now)
            raise SecondFactorRefused from refusal

    async def _let_in(
        self,
        uow: AuthUnitOfWork,
        attempt: Attempt,
        proof: Proof,
        *,
        address: str,
        device: str | None,
        now: datetime,
    ) -> LogInResult:
        user = await uow.users.locked(attempt.user_id) if attempt.user_id else None
        tenant = await uow.tenant.get()
        if tenant is None or not tenant.is_active or user is None or not user.is_active:
            raise AccountNotActive
        if user.password_reset_required:
            raise ProofRefused
        method = await self.check(uow, user, proof, nonce=attempt.nonce, now=now)
        if not await uow.challenges.finish(attempt.challenge_id, now=now):
            raise ProofRefused
        if method == "recovery_code":
            uow.jobs.add(SendNotice(user_id=user.id, notice="recovery_code_used"))
        return await admit(
            uow,
            user,
            tenant,
            self.start_session,
            method=Method.SECOND_FACTOR,
            description=f"Logged in with a password and a second factor ({method}).",
            address=address,
            device=device,
            now=now,
        )

    async def _note_failure(
        self, tenant_id: UUID, user_id: UUID, *, address: str, now: datetime
    ) -> None:
        async with self.unit_of_work(tenant_id) as uow:
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.MFA_FAILED,
                    description="Right password, wrong second factor.",
                    risk=Risk.HIGH,
                    actor_id=user_id,
                    entity_type="user",
                    entity_id=user_id,
                    address=address,
                ),
                now=now,
            )
