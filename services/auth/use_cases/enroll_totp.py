"""Setting up an authenticator app, and taking it away."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from libs.common.events.catalogue.auth import UserUpdated
from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, Risk, by
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import (
    MfaConflict,
    MfaIsOff,
    MfaIsRequired,
    ProofRefused,
    UserNotFound,
)
from services.auth.domain.mails import SendNotice
from services.auth.domain.policies import MfaPolicy
from services.auth.domain.ports import LoginThrottle
from services.auth.domain.second_factors import (
    matching_step,
    new_recovery_codes,
    new_secret,
    provisioning_uri,
)
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.check_second_factor import CheckSecondFactor, opened, sealed
from services.auth.use_cases.step_up import require_recent_proof


@dataclass(frozen=True, kw_only=True)
class NewTotp:
    """What an authenticator app needs; shown once."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class BeginTotp:
    """Make a secret for an authenticator app; it counts once a code has proved it."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    check: CheckSecondFactor
    default_mfa: MfaPolicy
    clock: Clock = utc_now

    async def __call__(self) -> NewTotp:
        caller, now = self.caller, self.clock()
        cipher = await self.check.cipher(caller.tenant_id)
        async with self.unit_of_work(caller.tenant_id) as uow:
            user = await uow.users.get(caller.user_id) if caller.user_id else None
            if user is None:
                raise UserNotFound
            if (await uow.policy.get(default=self.default_mfa)).mfa is MfaPolicy.OFF:
                raise MfaIsOff
            await require_recent_proof(uow, caller, now=now)
            secret = new_secret()
            begun = await uow.second_factors.begin_totp(
                user.id, secret=sealed(secret, user.id, cipher), now=now
            )
            if not begun:
                raise MfaConflict
        return NewTotp(secret=secret, uri=provisioning_uri(secret, email=user.email))


@dataclass(frozen=True, kw_only=True)
class ConfirmTotp:
    """Check the first code of an app: from then on logins ask for one.

    Returns ten recovery codes with a user's first second factor, and none later.
    """

    caller: Caller
    unit_of_work: OpenUnitOfWork
    check: CheckSecondFactor
    throttle: LoginThrottle
    clock: Clock = utc_now

    async def __call__(self, code: str, *, address: str | None) -> Sequence[str]:
        caller, now = self.caller, self.clock()
        if caller.user_id is None:
            raise UserNotFound
        await self.throttle.check_second_factor(caller.user_id)
        cipher = await self.check.cipher(caller.tenant_id)
        async with self.unit_of_work(caller.tenant_id) as uow:
            user = await uow.users.locked(caller.user_id)
            if user is None:
                raise UserNotFound
            await require_recent_proof(uow, caller, now=now)
            device = await uow.second_factors.totp(user.id)
            if device is None or device.confirmed_at is not None:
                raise MfaConflict
            step = matching_step(opened(device, cipher), code, now=now)
            if step is None:
                raise ProofRefused
            if not await uow.second_factors.confirm_totp(
                user.id, secret=device.secret, step=step, now=now
            ):
                raise MfaConflict
            codes = [] if user.two_factor_enabled else new_recovery_codes()
            if codes:
                await uow.second_factors.replace_recovery_codes(user.id, codes, now=now)
            user.two_factor_enabled = True
            user.updated_at = now
            uow.jobs.add(SendNotice(user_id=user.id, notice="mfa_enabled"))
            uow.outbox.record(UserUpdated(user_id=user.id), aggregate_id=user.id)
            await uow.audit.append(
                by(
                    caller,
                    AuditEvent.MFA_ENABLED,
                    "Authenticator app set up.",
                    entity=("user", user.id),
                    address=address,
                    details={"method": "totp"},
                ),
                now=now,
            )
        return codes


@dataclass(frozen=True, kw_only=True)
class DisableTotp:
    """Take the authenticator app away; with the last second factor go the recovery codes."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    default_mfa: MfaPolicy
    clock: Clock = utc_now

    async def __call__(self, *, address: str | None) -> None:
        caller, now = self.caller, self.clock()
        async with self.unit_of_work(caller.tenant_id) as uow:
            user = await uow.users.locked(caller.user_id) if caller.user_id else None
            if user is None:
                raise UserNotFound
            await require_recent_proof(uow, caller, now=now)
            if not await uow.second_factors.remove_totp(user.id):
                raise MfaConflict
            if not await uow.passkeys.of_user(user.id):
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
                    AuditEvent.MFA_DISABLED,
                    "Authenticator app taken away.",
                    entity=("user", user.id),
                    risk=Risk.HIGH,
                    address=address,
                    details={"method": "totp"},
                ),
                now=now,
            )


@dataclass(frozen=True, kw_only=True)
class RenewRecoveryCodes:
    """Put ten new codes in place of the old ones."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(self, *, address: str | None) -> Sequence[str]:
        caller, now = self.caller, self.clock()
        codes = new_recovery_codes()
        async with self.unit_of_work(caller.tenant_id) as uow:
            user = await uow.users.locked(caller.user_id) if caller.user_id else None
            if user is None:
                raise UserNotFound
            await require_recent_proof(uow, caller, now=now)
            if not user.two_factor_enabled:
                raise MfaConflict
            await uow.second_factors.replace_recovery_codes(user.id, codes, now=now)
            await uow.audit.append(
                by(
                    caller,
                    AuditEvent.RECOVERY_CODES_RENEWED,
                    "New recovery codes.",
                    entity=("user", user.id),
                    risk=Risk.HIGH,
                    address=address,
                ),
                now=now,
            )
        return codes
