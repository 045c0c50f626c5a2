"""Invitations: an admin's way to let people in, who choose their passwords themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.accounts import Role, clean_email, email_key
from services.auth.domain.audit import AuditEvent, by
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import InvitationNotFound, UserNotFound
from services.auth.domain.mails import SendInvitation
from services.auth.domain.ports import LoginThrottle
from services.auth.models.invitations import Invitation
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.require_admin import require_admin
from services.auth.use_cases.step_up import require_recent_proof


@dataclass(frozen=True, kw_only=True)
class InviteUser:
    """Invite an address; an invitation that is open for it is replaced.

    Whether somebody on the platform has the address already is not said.
    """

    caller: Caller
    unit_of_work: OpenUnitOfWork
    throttle: LoginThrottle
    clock: Clock = utc_now

    async def __call__(self, email: str, *, role: Role, address: str | None) -> Invitation:
        cleaned = clean_email(email)
        # Many admins of many companies are no way to flood one address.
        await self.throttle.check_mail(email_key=email_key(cleaned))
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            await require_admin(uow, self.caller)
            await require_recent_proof(uow, self.caller, now=now)
            if self.caller.user_id is None:
                raise UserNotFound
            # Locked: of two at once for one address the second replaces the first.
            await uow.tenant.get(locked=True)
            await uow.invitations.revoke_for(email_key(cleaned), now=now)
            invitation = Invitation.to(cleaned, role=role, invited_by=self.caller.user_id, now=now)
            uow.invitations.add(invitation)
            uow.jobs.add(SendInvitation(invitation_id=invitation.id))
            await uow.audit.append(
                by(
                    self.caller,
                    AuditEvent.USER_INVITED,
                    "Somebody was invited to the company.",
                    entity=("invitation", invitation.id),
                    address=address,
                    details={"role": role},
                ),
                now=now,
            )
        return invitation


@dataclass(frozen=True, kw_only=True)
class ListInvitations:
    """Return the company's open invitations, newest first."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(self) -> Sequence[Invitation]:
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            return await uow.invitations.open(now=self.clock())


@dataclass(frozen=True, kw_only=True)
class RevokeInvitation:
    """Take an open invitation back; its link is worthless at once."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(self, invitation_id: UUID, *, address: str | None) -> None:
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            await require_admin(uow, self.caller)
            if not await uow.invitations.revoke(invitation_id, now=now):
                raise InvitationNotFound
            await uow.audit.append(
                by(
                    self.caller,
                    AuditEvent.INVITATION_REVOKED,
                    "An invitation was taken back.",
                    entity=("invitation", invitation_id),
                    address=address,
                ),
                now=now,
            )
