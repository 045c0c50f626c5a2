"""Changing how a company's people may come in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.accounts import Role
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import CompanyNotFound
from services.auth.domain.federation import GIVEN_ROLES
from services.auth.domain.federation_errors import InvalidPolicy
from services.auth.domain.ports import Revocations
from services.auth.models.federation import FederationPolicy
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.give_role import check_given_roles, give_directory_roles
from services.auth.use_cases.require_admin import require_admin


@dataclass(frozen=True, kw_only=True)
class WantedPolicy:
    """The whole policy as it shall be."""

    sso_only: bool = False
    break_glass_user_id: UUID | None = None
    group_roles: Mapping[str, str] = field(default_factory=dict)
    default_role: str = Role.USER


@dataclass(frozen=True, kw_only=True)
class UpdatePolicy:
    """Replace the policy. Who is logged in stays so, unless groups now give another role."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    revocations: Revocations
    clock: Clock = utc_now

    async def __call__(self, wanted: WantedPolicy, *, address: str | None) -> FederationPolicy:
        if wanted.default_role not in GIVEN_ROLES:
            raise InvalidPolicy(f"A role must be one of: {', '.join(GIVEN_ROLES)}.")
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            await require_admin(uow, self.caller)
            # Locked: a connection taken away at the same moment would lock everybody out.
            if await uow.tenant.get(locked=True) is None:
                raise CompanyNotFound
            await _check(uow, wanted)
            await check_given_roles(uow, wanted.group_roles)
            before = await uow.sso.policy()
            facts = _facts(before)
            policy = FederationPolicy(
                tenant_id=uow.tenant_id,
                sso_only=wanted.sso_only,
                break_glass_user_id=wanted.break_glass_user_id,
                group_roles=dict(wanted.group_roles),
                default_role=wanted.default_role,
                updated_at=now,
            )
            await uow.sso.save_policy(policy)
            ended = await self._roles(uow, facts["group_roles"] != policy.group_roles, now=now)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.SSO_POLICY_CHANGED,
                    description="Single sign-on policy changed.",
                    risk=Risk.HIGH,
                    actor_id=self.caller.user_id,
                    actor_role=self.caller.role,
                    entity_type="company",
                    entity_id=uow.tenant_id,
                    address=address,
                    details={"before": facts, "after": _facts(policy)},
                ),
                now=now,
            )
        for session_id in ended:
            await self.revocations.session_ended(session_id)
        return policy

    async def _roles(self, uow: AuthUnitOfWork, changed: bool, *, now: datetime) -> list[UUID]:
        if not changed:
            return []
        return await give_directory_roles(uow, await uow.directory.grouped_users(), now=now)


async def _check(uow: AuthUnitOfWork, wanted: WantedPolicy) -> None:
    if wanted.break_glass_user_id is not None:
        user = await uow.users.get(wanted.break_glass_user_id)
        if user is None or not user.is_active or user.role != Role.ADMIN:
            raise InvalidPolicy(details={"break_glass_user_id": str(wanted.break_glass_user_id)})
    if wanted.sso_only and (
        wanted.break_glass_user_id is None or not await uow.sso.count(enabled=True)
    ):
        raise InvalidPolicy


def _facts(policy: FederationPolicy) -> dict[str, object]:
    return {
        "sso_only": policy.sso_only,
        "break_glass_user_id": str(policy.break_glass_user_id or ""),
        "group_roles": dict(policy.group_roles),
        "default_role": str(policy.default_role),
    }
