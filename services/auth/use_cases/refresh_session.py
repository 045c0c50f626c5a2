"""A new pair of tokens for an old refresh token."""

from dataclasses import dataclass
from datetime import datetime

from libs.common.crypto import Cipher, KeyRing
from libs.common.events.catalogue.auth import SessionEnded
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import RefreshRefused
from services.auth.domain.policies import ENROLLING_SCOPES, MfaPolicy, must_enroll
from services.auth.domain.ports import AccessTokens, Revocations
from services.auth.domain.sessions import (
    ACCESS_TOKEN_LIFETIME,
    PREDECESSOR_GRACE,
    EndReason,
    IssuedTokens,
    hash_of_new,
    new_refresh_token,
    refresh_token_hash,
)
from services.auth.models.sessions import RefreshToken, Session
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class RefreshSession:
    """Replace a refresh token, once.

    Presented again within a few seconds, the token gives the same successor, so that a client
    whose answer was lost may repeat; later it ends the session, as somebody has a copy.
    """

    unit_of_work: OpenUnitOfWork
    credentials: Credentials
    key_ring: KeyRing
    access_tokens: AccessTokens
    revocations: Revocations
    default_mfa: MfaPolicy = MfaPolicy.OPTIONAL
    clock: Clock = utc_now

    async def __call__(self, refresh_token: str, *, address: str | None) -> IssuedTokens:
        token_hash = refresh_token_hash(refresh_token)
        found = token_hash and await self.credentials.session_by_refresh_token(token_hash)
        if not token_hash or not found:
            raise RefreshRefused
        tenant_id, session_id = found
        cipher = await self.key_ring.cipher(tenant_id, "refresh-tokens")
        now = self.clock()
        async with self.unit_of_work(tenant_id) as uow:
            # Locked: parallel refreshes of a session go one after another.
            session = await uow.sessions.locked(session_id)
            token = await uow.sessions.token(token_hash)
            if session is None or token is None or not session.is_live(now):
                raise RefreshRefused
            user = await uow.users.get(session.user_id)
            tenant = await uow.tenant.get()
            if user is None or not user.is_active or tenant is None or not tenant.is_active:
                raise RefreshRefused
            enrolling = must_enroll(
                await uow.policy.get(default=self.default_mfa),
                role=user.role,
                enrolled=user.two_factor_enabled,
                method=session.method,
            )
            if token.replaced_at is None:
                successor = await _replaced(uow, session, token, cipher=cipher, now=now)
            elif _is_repeat(token, session, now):
                successor = _opened(token, cipher)
            else:
                successor = None
                await _end_family(uow, session, role=user.role, address=address, now=now)
        if successor is None:
            await self.revocations.session_ended(session_id)
            raise RefreshRefused
        return IssuedTokens(
            access_token=self.access_tokens.sign(
                user_id=user.id,
                tenant_id=tenant_id,
                role=user.role,
                session_id=session_id,
                now=now,
                only=ENROLLING_SCOPES if enrolling else None,
            ),
            refresh_token=successor,
            expires_at=now + ACCESS_TOKEN_LIFETIME,
            enrolling=enrolling,
        )


async def _replaced(
    uow: AuthUnitOfWork, session: Session, token: RefreshToken, *, cipher: Cipher, now: datetime
) -> str:
    successor = new_refresh_token()
    replaced = await uow.sessions.replace_token(
        session,
        token_hash=token.token_hash,
        successor_hash=hash_of_new(successor),
        successor=cipher.encrypt(
            successor.encode(),
            table="refresh_tokens",
            column="successor",
            row=token.token_hash.hex(),
        ),
        now=now,
    )
    if not replaced:
        raise RefreshRefused
    return successor


def _is_repeat(token: RefreshToken, session: Session, now: datetime) -> bool:
    return (
        token.replaced_at is not None
        and token.successor is not None
        and token.generation == session.generation - 1
        and now - token.replaced_at <= PREDECESSOR_GRACE
    )


def _opened(token: RefreshToken, cipher: Cipher) -> str:
    return cipher.decrypt(
        token.successor or b"",
        table="refresh_tokens",
        column="successor",
        row=token.token_hash.hex(),
    ).decode()


async def _end_family(
    uow: AuthUnitOfWork, session: Session, *, role: str, address: str | None, now: datetime
) -> None:
    session.end(EndReason.REUSED, now)
    uow.outbox.record(
        SessionEnded(session_id=session.id, user_id=session.user_id), aggregate_id=session.id
    )
    await uow.audit.append(
        AuditRecord(
            event=AuditEvent.REFRESH_REUSED,
            description="An old refresh token was presented again; the session was ended.",
            risk=Risk.HIGH,
            actor_id=session.user_id,
            actor_role=role,
            entity_type="session",
            entity_id=session.id,
            address=address,
        ),
        now=now,
    )
