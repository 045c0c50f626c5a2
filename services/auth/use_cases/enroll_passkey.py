"""The caller's passkeys: making one, seeing them, taking one away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from libs.common.events.catalogue.auth import UserUpdated
from libs.common.ids import new_id
from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, Risk, by
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import (
    MfaConflict,
    MfaIsOff,
    MfaIsRequired,
    PasskeyNotFound,
    ProofRefused,
    UserNotFound,
)
from services.auth.domain.mails import SendNotice
from services.auth.domain.policies import MfaPolicy
from services.auth.domain.second_factors import MAX_PASSKEYS, new_recovery_codes
from services.auth.domain.tokens import ChallengePurpose, challenge_token_hash
from services.auth.models.second_factors import Passkey
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.check_second_factor import CheckSecondFactor, Demand
from services.auth.use_cases.step_up import require_recent_proof


@dataclass(frozen=True, kw_only=True)
class BeginPasskey:
    """Say what a browser needs to make a passkey."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    check: CheckSecondFactor
    default_mfa: MfaPolicy
    clock: Clock = utc_now

    async def __call__(self) -> Demand:
        caller, now = self.caller, self.clock()
        async with self.unit_of_work(caller.tenant_id) as uow:
            user = await uow.users.get(caller.user_id) if caller.user_id else None
            if user is None:
                raise UserNotFound
            if (await uow.policy.get(default=self.default_mfa)).mfa is MfaPolicy.OFF:
                raise MfaIsOff
            await require_recent_proof(uow, caller, now=now)
            known = await uow.passkeys.of_user(user.id)
            if len(known) >= MAX_PASSKEYS:
                raise MfaConflict(f"One user may have {MAX_PASSKEYS} passkeys. Remove one first.")
            begun = uow.challenges.begin(ChallengePurpose.PASSKEY_NEW, user_id=user.id, now=now)
            options = self.check.passkeys.creation_options(user, known=known, nonce=begun.nonce)
        return Demand(token=begun.token, methods=["passkey"], passkey_options=options)


@dataclass(frozen=True, kw_only=True)
class AddPasskey:
    """Keep the passkey that the caller's authenticator made.

    Returns ten recovery codes with a user's first second factor, and none later.
    """

    caller: Caller
    unit_of_work: OpenUnitOfWork
    credentials: Credentials
    check: CheckSecondFactor
    clock: Clock = utc_now

    async def __call__(
        self, token: str, credential: Mapping[str, Any], *, name: str, address: str | None
    ) -> tuple[Passkey, Sequence[str]]:
        caller, now = self.caller, self.clock()
        token_hash = challenge_token_hash(token)
        found = token_hash and await self.credentials.challenge(token_hash)
        if not found or found[0] != caller.tenant_id or caller.user_id is None:
            raise ProofRefused
        async with self.unit_of_work(caller.tenant_id) as uow:
            attempt = await uow.challenges.attempt(
                found[1], purpose=ChallengePurpose.PASSKEY_NEW, now=now
            )
        if attempt is None or attempt.user_id != caller.user_id:
            raise ProofRefused
        made = self.check.passkeys.created(credential, nonce=attempt.nonce)
        async with self.unit_of_work(caller.tenant_id) as uow:
            user = await uow.users.locked(caller.user_id)
            if user is None:
                raise UserNotFound
            await require_recent_proof(uow, caller, now=now)
            if not await uow.challenges.finish(attempt.challenge_id, now=now):
                raise ProofRefused
            passkey = Passkey(
                id=new_id(),
                user_id=user.id,
                credential_id=made.credential_id,
                public_key=made.public_key,
                sign_count=made.sign_count,
                name=name,
                created_at=now,
            )
            await uow.passkeys.enroll(passkey)
            codes = [] if user.two_factor_enabled else new_recovery_codes()
            if codes:
                await uow.second_factors.replace_recovery_codes(user.id, codes, now=now)
            user.two_factor_enabled = True
            user.updated_at = now
            uow.jobs.add(SendNotice(user_id=user.id, notice="passkey_added"))
            uow.outbox.record(UserUpdated(user_id=user.id), aggregate_id=user.id)
            await uow.audit.append(
                by(
                    caller,
                    AuditEvent.PASSKEY_ADDED,
                    "Passkey added.",
                    entity=("passkey", passkey.id),
                    address=address,
                ),
                now=now,
            )
        return passkey, codes


@dataclass(frozen=True, kw_only=True)
class ListPasskeys:
    """Return the caller's passkeys, oldest first."""

    caller: Caller
    unit_of_work: OpenUnitOfWork

    async def __call__(self) -> Sequence[Passkey]:
        if self.caller.user_id is None:
            return []
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            return await uow.passkeys.of_user(self.caller.user_id)


@dataclass(frozen=True, kw_only=True)
class RemovePasskey:
    """Take one of the caller's passkeys away."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    default_mfa: MfaPolicy
    clock: Clock = utc_now

    async def __call__(self, passkey_id: UUID, *, address: str | None) -> None:
        caller, now = self.caller, self.clock()
        async with self.unit_of_work(caller.tenant_id) as uow:
            user = await uow.users.locked(caller.user_id) if caller.user_id else None
            if user is None:
                raise UserNotFound
            await require_recent_proof(uow, caller, now=now)
            if not await uow.passkeys.delete_of(user.id, passkey_id):
                raise PasskeyNotFound
            device = await uow.second_factors.totp(user.id)
            has_app = device is not None and device.confirmed_at is not None
            if not has_app and not await uow.passkeys.of_user(user.id):
                policy = await uow.policy.get(default=self.default_mfa)
                if policy.mfa.demands(user.role):
                    raise MfaIsRequired
                user.two_factor_enabled = False
                await uow.second_factors.replace_recovery_codes(user.id, [], now=now)
                uow.jobs.add(SendNotice(user_id=user.id, notice="mfa_disabled"))
            user.updated_at = now
            uow.outbox.record(UserUpdated(user_id=user.id), aggregate_id=user.id)
            await uow.audit.append(
                by(
                    caller,
                    AuditEvent.PASSKEY_REMOVED,
                    "Passkey removed.",
                    entity=("passkey", passkey_id),
                    risk=Risk.HIGH,
                    address=address,
                ),
                now=now,
            )
