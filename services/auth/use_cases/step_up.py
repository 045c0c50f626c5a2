"""Proving once more that it is oneself, before something that would help a thief."""

from dataclasses import dataclass
from datetime import datetime

from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, Risk, by
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import ProofRefused, StepUpRequired, UserNotFound, WrongPassword
from services.auth.domain.policies import MfaPolicy, is_recent
from services.auth.domain.ports import LoginThrottle, PasswordHasher
from services.auth.domain.second_factors import Proof
from services.auth.domain.tokens import ChallengePurpose, challenge_token_hash
from services.auth.models.users import User
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.check_second_factor import CheckSecondFactor, Demand


async def require_recent_proof(uow: AuthUnitOfWork, caller: Caller, *, now: datetime) -> None:
    """Let through only sessions whose user proved themselves within ten minutes.

    Raises:
        StepUpRequired: It is longer ago, or this is no session of the user's own.
    """
    session = await uow.sessions.get(caller.session_id) if caller.session_id else None
    if session is None or not is_recent(session.proven_at, now):
        raise StepUpRequired


async def require_proof_for_keys(uow: AuthUnitOfWork, caller: Caller, *, now: datetime) -> None:
    """Let through, where the company wants it, only who proved themselves within ten minutes.

    Raises:
        StepUpRequired: It is longer ago, or this is no session of the user's own.
    """
    if (await uow.policy.get(default=MfaPolicy.OPTIONAL)).step_up_for_api_keys:
        await require_recent_proof(uow, caller, now=now)


@dataclass(frozen=True, kw_only=True)
class BeginStepUp:
    """Say what the caller may show, and begin a challenge for a passkey to sign."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    check: CheckSecondFactor
    clock: Clock = utc_now

    async def __call__(self) -> Demand:
        user_id = self.caller.user_id
        if user_id is None:
            raise UserNotFound
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            begun = uow.challenges.begin(
                ChallengePurpose.STEP_UP, user_id=user_id, now=self.clock()
            )
            return await self.check.demand(uow, user_id, token=begun.token, nonce=begun.nonce)


@dataclass(frozen=True, kw_only=True)
class StepUp:
    """Check a second factor, or the password of somebody who has none."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    credentials: Credentials
    hasher: PasswordHasher
    throttle: LoginThrottle
    check: CheckSecondFactor
    default_mfa: MfaPolicy
    clock: Clock = utc_now

    async def __call__(
        self,
        proof: Proof,
        *,
        password: str | None,
        challenge_token: str | None,
        address: str,
    ) -> None:
        caller = self.caller
        async with self.unit_of_work(caller.tenant_id) as uow:
            user = await uow.users.with_password(caller.user_id) if caller.user_id else None
            policy = await uow.policy.get(default=self.default_mfa)
        if user is None or caller.session_id is None:
            raise UserNotFound
        now = self.clock()
        by_factor = user.two_factor_enabled and policy.mfa is not MfaPolicy.OFF
        if by_factor:
            await self.throttle.check_second_factor(user.id)
        else:
            await self.throttle.check(email_key=user.email_key, address=address)
            if not await self.hasher.verify(password or "", user.password_hash):
                await self._note_failure("password", address=address, now=now)
                raise WrongPassword
        # Its key is fetched on first use, by a connection of its own.
        await self.check.cipher(caller.tenant_id)
        try:
            await self._confirm(
                user, proof, challenge_token, by_factor=by_factor, address=address, now=now
            )
        except ProofRefused:
            await self._note_failure("second factor", address=address, now=now)
            raise

    async def _confirm(
        self,
        user: User,
        proof: Proof,
        challenge_token: str | None,
        *,
        by_factor: bool,
        address: str,
        now: datetime,
    ) -> None:
        caller = self.caller
        if caller.session_id is None:
            raise UserNotFound
        nonce = await self._nonce(challenge_token, now=now) if proof.passkey else None
        async with self.unit_of_work(caller.tenant_id) as uow:
            method = "password"
            if by_factor:
                method = await self.check(uow, user, proof, nonce=nonce, now=now)
            await uow.sessions.note_proof(caller.session_id, now=now)
            await uow.audit.append(
                by(
                    caller,
                    AuditEvent.STEPPED_UP,
                    "Confirmed to be themselves.",
                    entity=("session", caller.session_id),
                    risk=Risk.LOW,
                    address=address,
                    details={"method": method},
                ),
                now=now,
            )

    async def _note_failure(self, method: str, *, address: str, now: datetime) -> None:
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            await uow.audit.append(
                by(
                    self.caller,
                    AuditEvent.MFA_FAILED,
                    "Did not confirm to be themselves.",
                    entity=("session", self.caller.session_id),
                    risk=Risk.HIGH,
                    address=address,
                    details={"method": method, "step_up": True},
                ),
                now=now,
            )

    async def _nonce(self, challenge_token: str | None, *, now: datetime) -> bytes:
        """Use a challenge up, and return what was to be signed."""
        token_hash = challenge_token_hash(challenge_token or "")
        found = token_hash and await self.credentials.challenge(token_hash)
        if not found or found[0] != self.caller.tenant_id:
            raise ProofRefused
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            attempt = await uow.challenges.attempt(
                found[1], purpose=ChallengePurpose.STEP_UP, now=now
            )
            if attempt is None or attempt.user_id != self.caller.user_id:
                raise ProofRefused
            await uow.challenges.finish(found[1], now=now)
        return attempt.nonce
