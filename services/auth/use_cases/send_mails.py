"""Mails with links: the token is made when the mail is, and stored as its hash only."""

from dataclasses import dataclass
from uuid import UUID

from services.auth.domain.accounts import is_nobodys
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.mails import (
    invitation_mail,
    link,
    notice_mail,
    reset_mail,
    verification_mail,
)
from services.auth.domain.ports import MailSender
from services.auth.domain.tokens import Purpose
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class SendVerificationMail:
    """Send a user the link that proves their address, unless it is proven."""

    unit_of_work: OpenUnitOfWork
    sender: MailSender
    public_url: str
    clock: Clock = utc_now

    async def __call__(self, tenant_id: UUID, user_id: UUID) -> None:
        async with self.unit_of_work(tenant_id) as uow:
            # Locked: a link never goes to an address that is being replaced.
            user = await uow.users.locked(user_id)
            # Nobody behind it: somebody asked for an address that we do not know.
            if user is None or user.email_verified or is_nobodys(user.email):
                return
            token = uow.one_time_tokens.issue(
                Purpose.VERIFY_EMAIL, user_id=user.id, now=self.clock()
            )
        address = link(self.public_url, Purpose.VERIFY_EMAIL, token)
        await self.sender.send(verification_mail(recipient=user.email, address=address))


@dataclass(frozen=True, kw_only=True)
class SendPasswordResetMail:
    """Send a user the link that sets a new password."""

    unit_of_work: OpenUnitOfWork
    sender: MailSender
    public_url: str
    clock: Clock = utc_now

    async def __call__(self, tenant_id: UUID, user_id: UUID) -> None:
        async with self.unit_of_work(tenant_id) as uow:
            # Locked: a link never goes to an address that is being replaced.
            user = await uow.users.locked(user_id)
            if user is None or not user.is_active or is_nobodys(user.email):
                return
            token = uow.one_time_tokens.issue(
                Purpose.RESET_PASSWORD, user_id=user.id, now=self.clock()
            )
        address = link(self.public_url, Purpose.RESET_PASSWORD, token)
        await self.sender.send(reset_mail(recipient=user.email, address=address))


@dataclass(frozen=True, kw_only=True)
class SendInvitationMail:
    """Send the link by which somebody joins, unless the invitation was taken back since."""

    unit_of_work: OpenUnitOfWork
    sender: MailSender
    public_url: str
    clock: Clock = utc_now

    async def __call__(self, tenant_id: UUID, invitation_id: UUID) -> None:
        now = self.clock()
        async with self.unit_of_work(tenant_id) as uow:
            invitation = await uow.invitations.get(invitation_id)
            tenant = await uow.tenant.get()
            if invitation is None or tenant is None or not invitation.is_open(now):
                return
            token = uow.one_time_tokens.issue(
                Purpose.INVITATION, invitation_id=invitation.id, now=now
            )
        address = link(self.public_url, Purpose.INVITATION, token)
        await self.sender.send(
            invitation_mail(recipient=invitation.email, address=address, company=tenant.name)
        )


@dataclass(frozen=True, kw_only=True)
class SendNoticeMail:
    """Tell a user that something about their account has changed."""

    unit_of_work: OpenUnitOfWork
    sender: MailSender

    async def __call__(self, tenant_id: UUID, user_id: UUID, notice: str) -> None:
        async with self.unit_of_work(tenant_id, read_only=True) as uow:
            user = await uow.users.get(user_id)
        if user is not None and not is_nobodys(user.email):
            await self.sender.send(notice_mail(recipient=user.email, notice=notice))
