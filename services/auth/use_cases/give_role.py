"""Roles that a provider's or directory's groups give, and sessions that end with the old ones."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from libs.common.events.catalogue.auth import SessionEnded, UserUpdated
from services.auth.domain.accounts import Role
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.errors import RoleNotFound
from services.auth.domain.federation import custom_roles, role_from_groups
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import AuthUnitOfWork


async def give_role(
    uow: AuthUnitOfWork, user: User, role: str, *, origin: str, now: datetime
) -> list[UUID]:
    """Give a user a role, unless it would leave the company without an admin.

    Tokens carry roles, so the user's sessions end.

    Args:
        uow: Has the tenant's row locked, so that two admins do not lose the role at once.
        user: Any but a super admin and the break-glass admin, who stay what they are.
        role: One of `GIVEN_ROLES`.
        origin: Who gave it, for the audit trail.
        now: The present time.

    Returns:
        The sessions that ended, to be announced after the commit.
    """
    if user.role in (role, Role.SUPER_ADMIN):
        return []
    if user.id == (await uow.sso.policy()).break_glass_user_id:
        return []
    if user.role == Role.ADMIN and not await uow.directory.other_admin_exists(user.id):
        return []
    before, user.role = user.role, role
    user.updated_at = now
    uow.outbox.record(UserUpdated(user_id=user.id), aggregate_id=user.id)
    ended = await end_sessions(uow, user.id, now=now)
    await uow.audit.append(
        AuditRecord(
            event=AuditEvent.ROLE_GIVEN,
            description=f"Role changed by {origin}.",
            risk=Risk.HIGH,
            entity_type="user",
            entity_id=user.id,
            details={"before": str(before), "after": str(role), "by": origin},
        ),
        now=now,
    )
    return ended


async def give_custom_roles(
    uow: AuthUnitOfWork,
    user: User,
    groups: Iterable[str],
    group_roles: Mapping[str, str],
    *,
    origin: str,
    now: datetime,
) -> None:
    """Give a user those of the company's own roles that their groups give; it bites in seconds.

    Roles that no group gives are left to the company's admins.
    """
    given_by_groups = custom_roles(group_roles.values())
    if not given_by_groups or user.role == Role.SUPER_ADMIN:
        return
    wanted = custom_roles(group_roles[name] for name in groups if name in group_roles)
    before = await uow.roles.of_user(user.id)
    after = [role for role in before if role.id not in given_by_groups]
    after += await uow.roles.named(wanted)
    if {role.id for role in before} == {role.id for role in after}:
        return
    await uow.roles.assign(user.id, after, now=now)
    uow.outbox.record(UserUpdated(user_id=user.id), aggregate_id=user.id)
    await uow.audit.append(
        AuditRecord(
            event=AuditEvent.USER_ROLES_CHANGED,
            description=f"Roles of a user changed by {origin}.",
            risk=Risk.HIGH,
            entity_type="user",
            entity_id=user.id,
            details={
                "before": sorted(role.name for role in before),
                "after": sorted(role.name for role in after),
                "by": origin,
            },
        ),
        now=now,
    )


async def check_given_roles(uow: AuthUnitOfWork, group_roles: Mapping[str, str]) -> None:
    """Make sure that the roles that groups shall give are there.

    Raises:
        RoleNotFound: One of them is none of the company's.
    """
    wanted = custom_roles(group_roles.values())
    if len(await uow.roles.named(wanted)) != len(wanted):
        raise RoleNotFound


async def give_directory_roles(
    uow: AuthUnitOfWork, user_ids: Iterable[UUID], *, now: datetime
) -> list[UUID]:
    """Give users the roles of the groups that they are in now.

    Returns:
        The sessions that ended, to be announced after the commit.
    """
    policy = await uow.sso.policy()
    if not policy.group_roles:
        return []
    await uow.tenant.get(locked=True)
    wanted = sorted(user_ids)
    groups = await uow.directory.groups_of(wanted)
    ended: list[UUID] = []
    for user_id in wanted:
        user = await uow.users.get(user_id)
        names = [name for _, name in groups.get(user_id, ())]
        role = role_from_groups(names, policy.group_roles, default=policy.default_role)
        if user is not None and role is not None:
            ended += await give_role(uow, user, role, origin="directory", now=now)
            await give_custom_roles(
                uow, user, names, policy.group_roles, origin="directory", now=now
            )
    return ended


async def end_sessions(uow: AuthUnitOfWork, user_id: UUID, *, now: datetime) -> list[UUID]:
    """End all sessions of a user; return them, to be announced after the commit."""
    ended = await uow.directory.end_sessions(user_id, now=now)
    for session_id in ended:
        uow.outbox.record(
            SessionEnded(session_id=session_id, user_id=user_id), aggregate_id=session_id
        )
    return ended
