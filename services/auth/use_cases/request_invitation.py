"""Asking to join the company whose proven e-mail domain one's address is of."""

from dataclasses import dataclass
from uuid import UUID

from services.auth.domain.accounts import Role, clean_email, email_key
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.mails import SendInvitation
from services.auth.domain.ports import DomainAdmission, LoginThrottle
from services.auth.models.invitations import Invitation
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class RequestInvitation:
    """Invite an address that its domain admits.

    The link goes to the address, so that whoever joins by it has proven to own it; that somebody
    typed it proves nothing. What an admin has invited it to already is sent again, as it is.
    """

    unit_of_work: OpenUnitOfWork
    admission: DomainAdmission
    throttle: LoginThrottle
    clock: Clock = utc_now

    async def __call__(self, email: str, *, company_id: UUID | None, address: str | None) -> None:
        cleaned = clean_email(email)
        await self.throttle.check_mail(email_key=email_key(cleaned))
        tenant_id = await self.admission(cleaned, tenant_id=company_id)
        if tenant_id is None:
            return
        now = self.clock()
        async with self.unit_of_work(tenant_id) as uow:
            # Locked: of two at once for one address the second finds the first one's.
            await uow.tenant.get(locked=True)
            invitation = await uow.invitations.open_for(email_key(cleaned), now=now)
            if invitation is None:
                await uow.invitations.revoke_for(email_key(cleaned), now=now)
                invitation = Invitation.to(cleaned, role=Role.USER, invited_by=None, now=now)
                uow.invitations.add(invitation)
            uow.jobs.add(SendInvitation(invitation_id=invitation.id))
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.USER_INVITED,
                    description="An address of a proven domain asked to join.",
                    risk=Risk.MEDIUM,
                    entity_type="invitation",
                    entity_id=invitation.id,
                    address=address,
                    details={"role": invitation.role},
                ),
                now=now,
            )
