"""The platform's people delete a user of any company."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.events.catalogue.auth import UserDeleted
from services.auth.domain.accounts import Role
from services.auth.domain.audit import AuditEvent, Risk, by
from services.auth.domain.errors import LastAdmin, RoleNotAllowed
from services.auth.domain.federation_errors import ProtectedUser
from services.auth.domain.sessions import EndReason
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import AuthUnitOfWork
from services.auth.use_cases.end_sessions import end_sessions
from services.auth.use_cases.manage_users import ManageUser
from services.auth.use_cases.reach_company import note, note_in_own_trail
from services.auth.use_cases.revoke_credentials import revoke_keys


@dataclass(frozen=True, kw_only=True)
class DeleteUser(ManageUser):
    """Delete a user for good: their address is free, their work stays with the company.

    The last admin stays, too: a company without users lets in whoever knows its id.
    """

    async def __call__(self, user_id: UUID, *, address: str | None) -> User:
        """Return who was deleted.

        Raises:
            UserNotFound: There is none.
            OwnAccount: It is the caller.
            RoleNotAllowed: It is a super admin.
            ProtectedUser: It is who gets in when single sign-on fails.
            LastAdmin: No active admin would be left, or nobody at all.
            StepUpRequired: The caller must prove who they are.
        """
        await self._require_proof()
        tenant_id, now = await self._tenant_of(user_id), self.clock()
        async with self.unit_of_work(tenant_id) as uow:
            await self._deletable(uow, user_id)
        record = by(
            self.caller,
            AuditEvent.USER_DELETED,
            "User deleted by the platform.",
            entity=("user", user_id),
            risk=Risk.CRITICAL,
            address=address,
            details={"company_id": str(tenant_id)},
        )
        await note_in_own_trail(self.unit_of_work, self.caller, tenant_id, record, now=now)
        async with self.unit_of_work(tenant_id) as uow:
            user = await self._deletable(uow, user_id)
            pair_hashes = await revoke_keys(uow, user, now=now)
            ended = await end_sessions(uow, user_id, reason=EndReason.CHANGED, now=now)
            await uow.users.remove(user)
            uow.outbox.record(UserDeleted(user_id=user_id), aggregate_id=user_id)
            await note(uow, self.caller, record, now=now)
        await self._announce(ended)
        for pair_hash in pair_hashes:
            await self.revocations.api_key_revoked(pair_hash)
        return user

    async def _deletable(self, uow: AuthUnitOfWork, user_id: UUID) -> User:
        user = await self._managed(uow, user_id)
        if user.role == Role.SUPER_ADMIN:
            raise RoleNotAllowed
        if user.id == (await uow.sso.policy()).break_glass_user_id:
            raise ProtectedUser
        if user.role == Role.ADMIN and not await uow.directory.other_admin_exists(user_id):
            raise LastAdmin
        if not await uow.users.any(but=user_id):
            raise LastAdmin
        return user
