"""What the company demands of its users' logins, and how the caller stands to it."""

from dataclasses import dataclass

from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, Risk, by
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import UserNotFound
from services.auth.domain.policies import MfaPolicy, Policy
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.require_admin import require_admin
from services.auth.use_cases.step_up import require_recent_proof


@dataclass(frozen=True, kw_only=True)
class MfaState:
    """A user's second factors."""

    policy: Policy
    required: bool
    enabled: bool
    totp: bool
    passkeys: int
    recovery_codes_left: int


@dataclass(frozen=True, kw_only=True)
class ShowMfa:
    """Return which second factors the caller has, and what the company demands."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    default_mfa: MfaPolicy

    async def __call__(self) -> MfaState:
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            user = await uow.users.get(self.caller.user_id) if self.caller.user_id else None
            if user is None:
                raise UserNotFound
            policy = await uow.policy.get(default=self.default_mfa)
            device = await uow.second_factors.totp(user.id)
            return MfaState(
                policy=policy,
                required=policy.mfa.demands(user.role),
                enabled=user.two_factor_enabled,
                totp=device is not None and device.confirmed_at is not None,
                passkeys=len(await uow.passkeys.of_user(user.id)),
                recovery_codes_left=await uow.second_factors.recovery_codes_left(user.id),
            )


@dataclass(frozen=True, kw_only=True)
class ShowPolicy:
    """Return the company's policy, its own or the platform's default."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    default_mfa: MfaPolicy

    async def __call__(self) -> Policy:
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            return await uow.policy.get(default=self.default_mfa)


@dataclass(frozen=True, kw_only=True)
class SetPolicy:
    """Set the company's policy.

    Whoever must have a second factor and has none can do nothing but set one up, from the next
    refresh of their tokens on.
    """

    caller: Caller
    unit_of_work: OpenUnitOfWork
    default_mfa: MfaPolicy
    clock: Clock = utc_now

    async def __call__(
        self,
        *,
        mfa: MfaPolicy | None,
        step_up_for_api_keys: bool | None,
        address: str | None,
    ) -> Policy:
        caller, now = self.caller, self.clock()
        async with self.unit_of_work(caller.tenant_id) as uow:
            await require_admin(uow, caller)
            await require_recent_proof(uow, caller, now=now)
            # Locked: of two changes at once the second builds on the first.
            await uow.tenant.get(locked=True)
            before = await uow.policy.get(default=self.default_mfa)
            policy = Policy(
                mfa=before.mfa if mfa is None else mfa,
                step_up_for_api_keys=(
                    before.step_up_for_api_keys
                    if step_up_for_api_keys is None
                    else step_up_for_api_keys
                ),
            )
            await uow.policy.put(policy, now=now)
            await uow.audit.append(
                by(
                    caller,
                    AuditEvent.MFA_POLICY_CHANGED,
                    "The company's policy for logins changed.",
                    entity=("company", caller.tenant_id),
                    risk=Risk.HIGH,
                    address=address,
                    details={"before": vars(before), "after": vars(policy)},
                ),
                now=now,
            )
        return policy
