"""Logging in with a passkey alone: nothing is typed, not even an address."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from libs.common.database import PLATFORM_TENANT
from services.auth.adapters.passkeys import WebAuthn
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import AccountNotActive, ProofRefused, SecondFactorRefused
from services.auth.domain.policies import MfaPolicy
from services.auth.domain.sessions import Method
from services.auth.domain.tokens import ChallengePurpose, challenge_token_hash
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.admit_user import LogInResult, admit
from services.auth.use_cases.check_second_factor import Demand
from services.auth.use_cases.start_session import StartSession


@dataclass(frozen=True, kw_only=True)
class BeginPasskeyLogIn:
    """Say what a browser needs; whose passkey it will be is not known yet."""

    unit_of_work: OpenUnitOfWork
    passkeys: WebAuthn
    clock: Clock = utc_now

    async def __call__(self) -> Demand:
        async with self.unit_of_work(PLATFORM_TENANT) as uow:
            begun = uow.challenges.begin(
                ChallengePurpose.PASSKEY_LOGIN, user_id=None, now=self.clock()
            )
        options = self.passkeys.request_options([], nonce=begun.nonce)
        return Demand(token=begun.token, methods=["passkey"], passkey_options=options)


@dataclass(frozen=True, kw_only=True)
class LogInWithPasskey:
    """Let in whose passkey signed. It has asked for a PIN or a finger: that makes two factors."""

    unit_of_work: OpenUnitOfWork
    credentials: Credentials
    passkeys: WebAuthn
    start_session: StartSession
    default_mfa: MfaPolicy
    clock: Clock = utc_now

    async def __call__(
        self, token: str, credential: Mapping[str, Any], *, address: str, device: str | None
    ) -> LogInResult:
        try:
            return await self._log_in(token, credential, address=address, device=device)
        except ProofRefused as refusal:
            raise SecondFactorRefused from refusal

    async def _log_in(
        self, token: str, credential: Mapping[str, Any], *, address: str, device: str | None
    ) -> LogInResult:
        now = self.clock()
        token_hash = challenge_token_hash(token)
        found = token_hash and await self.credentials.challenge(token_hash)
        credential_id = self.passkeys.credential_id(credential)
        if not found or credential_id is None or found[0] != PLATFORM_TENANT:
            raise ProofRefused
        async with self.unit_of_work(PLATFORM_TENANT) as uow:
            attempt = await uow.challenges.attempt(
                found[1], purpose=ChallengePurpose.PASSKEY_LOGIN, now=now
            )
            # Whoever comes first has it; a failed attempt needs a new one.
            if attempt is None or not await uow.challenges.finish(found[1], now=now):
                raise ProofRefused
        known = await self.credentials.passkey(credential_id)
        if known is None:
            raise ProofRefused
        tenant_id, passkey_id = known
        try:
            return await self._let_in(
                tenant_id, passkey_id, credential, attempt.nonce, address=address, device=device
            )
        except ProofRefused:
            await self._note_failure(tenant_id, passkey_id, address=address)
            raise

    async def _let_in(
        self,
        tenant_id: UUID,
        passkey_id: UUID,
        credential: Mapping[str, Any],
        nonce: bytes,
        *,
        address: str,
        device: str | None,
    ) -> LogInResult:
        now = self.clock()
        async with self.unit_of_work(tenant_id) as uow:
            passkey = await uow.passkeys.get(passkey_id)
            user = await uow.users.locked(passkey.user_id) if passkey else None
            tenant = await uow.tenant.get()
            policy = await uow.policy.get(default=self.default_mfa)
            if passkey is None or user is None or policy.mfa is MfaPolicy.OFF:
                raise ProofRefused
            sign_count = self.passkeys.signed(credential, passkey, nonce=nonce, user_verified=True)
            if not await uow.passkeys.note_use(passkey.id, sign_count=sign_count, now=now):
                raise ProofRefused
            if tenant is None or not tenant.is_active or not user.is_active:
                raise AccountNotActive
            return await admit(
                uow,
                user,
                tenant,
                self.start_session,
                method=Method.PASSKEY,
                description="Logged in with a passkey.",
                address=address,
                device=device,
                now=now,
            )

    async def _note_failure(self, tenant_id: UUID, passkey_id: UUID, *, address: str) -> None:
        async with self.unit_of_work(tenant_id) as uow:
            passkey = await uow.passkeys.get(passkey_id)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.LOGIN_FAILED,
                    description="A passkey was refused.",
                    risk=Risk.HIGH,
                    actor_id=passkey.user_id if passkey else None,
                    entity_type="user",
                    entity_id=passkey.user_id if passkey else None,
                    address=address,
                    details={"passkey_id": str(passkey_id)},
                ),
                now=self.clock(),
            )
