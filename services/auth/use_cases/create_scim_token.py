"""A credential for a company's directory."""

from dataclasses import dataclass, field
from datetime import timedelta

from libs.common.ids import new_id
from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.directory import (
    MAX_TOKENS,
    new_scim_token,
    scim_token_hash,
    shown_token,
)
from services.auth.domain.federation_errors import TooManyOfThem
from services.auth.models.directory import ScimToken
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.require_admin import require_admin
from services.auth.use_cases.step_up import require_recent_proof


@dataclass(frozen=True, kw_only=True)
class IssuedScimToken:
    """A new token, with the only copy of it that there will ever be."""

    token: ScimToken
    secret: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class CreateScimToken:
    """Make a token; to rotate, give the directory a new one and revoke the old one after."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(
        self, *, name: str, expires_in_days: int | None, address: str | None
    ) -> IssuedScimToken:
        now = self.clock()
        secret = new_scim_token()
        token = ScimToken(
            id=new_id(),
            name=name,
            prefix=shown_token(secret),
            token_hash=scim_token_hash(secret) or b"",
            created_at=now,
            expires_at=now + timedelta(days=expires_in_days) if expires_in_days else None,
        )
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            await require_admin(uow, self.caller)
            await require_recent_proof(uow, self.caller, now=now)
            usable = [known for known in await uow.directory.tokens() if known.is_usable(now)]
            if len(usable) >= MAX_TOKENS:
                raise TooManyOfThem
            uow.directory.add_token(token)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.SCIM_TOKEN_CREATED,
                    description=f"SCIM token {token.prefix}… created.",
                    risk=Risk.HIGH,
                    actor_id=self.caller.user_id,
                    actor_role=self.caller.role,
                    entity_type="scim_token",
                    entity_id=token.id,
                    address=address,
                ),
                now=now,
            )
        return IssuedScimToken(token=token, secret=secret)
