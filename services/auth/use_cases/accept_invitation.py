"""Joining a company by the link of an invitation."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.events.catalogue.auth import UserCreated
from services.auth.domain.accounts import Role, email_key, username_from
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import EmailTaken, LinkRefused
from services.auth.domain.ports import PasswordHasher
from services.auth.domain.sessions import Method
from services.auth.domain.tokens import Purpose, link_token_hash
from services.auth.models.users import User
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.refuse_passwords import refuse_passwords
from services.auth.use_cases.register_user import Registered
from services.auth.use_cases.release_address import ReleaseAddress
from services.auth.use_cases.start_session import StartSession


@dataclass(frozen=True, kw_only=True)
class Joining:
    """What somebody fills in who was invited; the address is the invitation's.

    An address that is given nevertheless must be that one.
    """

    token: str
    password: str
    first_name: str
    last_name: str
    username: str | None = None
    phone: str | None = None
    email: str | None = None


class _Taken(EmailTaken):
    """Somebody has the address of an invitation whose link is good."""

    def __init__(self, email: str) -> None:
        super().__init__()
        self.email = email


@dataclass(frozen=True, kw_only=True)
class AcceptInvitation:
    """Make the user whom an invitation is for. The link came by mail, so the address is proven.

    Whoever registered with it elsewhere, and never proved it, loses it.
    """

    unit_of_work: OpenUnitOfWork
    credentials: Credentials
    hasher: PasswordHasher
    start_session: StartSession
    release: ReleaseAddress
    clock: Clock = utc_now

    async def __call__(
        self, joining: Joining, *, address: str | None, device: str | None
    ) -> Registered:
        token_hash = link_token_hash(joining.token)
        tenant_id = token_hash and await self.credentials.tenant_of_link(token_hash)
        if not token_hash or not tenant_id:
            raise LinkRefused
        password_hash = await self.hasher.hash(joining.password)

        async def join() -> Registered:
            return await self._join(
                tenant_id,
                token_hash,
                joining,
                password_hash=password_hash,
                address=address,
                device=device,
            )

        try:
            return await join()
        except _Taken as taken:
            # Nothing has happened but that the link was seen to be good.
            if not await self.release(taken.email, proven_in=tenant_id):
                raise
        return await join()

    async def _join(
        self,
        tenant_id: UUID,
        token_hash: bytes,
        joining: Joining,
        *,
        password_hash: str,
        address: str | None,
        device: str | None,
    ) -> Registered:
        now = self.clock()
        async with self.unit_of_work(tenant_id) as uow:
            used = await uow.one_time_tokens.use(token_hash, purpose=Purpose.INVITATION, now=now)
            tenant = await uow.tenant.get()
            invitation_id = used.invitation_id if used else None
            if invitation_id is None or tenant is None or not tenant.is_active:
                raise LinkRefused
            if not await uow.invitations.accept(invitation_id, now=now):
                raise LinkRefused
            invitation = await uow.invitations.get(invitation_id)
            if invitation is None or not _is_for(invitation.email_key, joining.email):
                raise LinkRefused
            user = User.enrolled(
                email=invitation.email,
                username=joining.username or username_from(invitation.email),
                first_name=joining.first_name,
                last_name=joining.last_name,
                phone=joining.phone,
                password_hash=password_hash,
                role=Role(invitation.role),
                now=now,
                email_verified=True,
            )
            user.last_login_at = now
            try:
                await uow.users.enroll(user)
            except EmailTaken as error:
                raise _Taken(invitation.email) from error
            await refuse_passwords(uow, user)
            tokens = await self.start_session(
                uow, user, address=address, now=now, device=device, method=Method.PASSWORD
            )
            uow.outbox.record(UserCreated(user_id=user.id, role=user.role), aggregate_id=user.id)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.USER_JOINED,
                    description="Joined the company by an invitation.",
                    risk=Risk.MEDIUM,
                    actor_id=user.id,
                    actor_role=user.role,
                    entity_type="user",
                    entity_id=user.id,
                    address=address,
                    details={"invitation_id": str(invitation_id)},
                ),
                now=now,
            )
        return Registered(user=user, tenant=tenant, tokens=tokens)


def _is_for(invited_key: str, given: str | None) -> bool:
    return given is None or email_key(given) == invited_key
