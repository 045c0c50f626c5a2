"""Whose directory a token belongs to."""

from dataclasses import dataclass
from uuid import UUID

from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.directory import LAST_USED_RESOLUTION, scim_token_hash
from services.auth.domain.federation_errors import ScimUnauthenticated
from services.auth.repositories.federation import FederationLookups
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class VerifiedDirectory:
    """A directory that may speak for its company."""

    tenant_id: UUID
    token_id: UUID


@dataclass(frozen=True, kw_only=True)
class VerifyScimToken:
    """Find the company of a token. Looked up at each request, so a revoked one is out at once."""

    unit_of_work: OpenUnitOfWork
    lookups: FederationLookups
    clock: Clock = utc_now

    async def __call__(self, token: str) -> VerifiedDirectory:
        """Return whom the token speaks for.

        Raises:
            ScimUnauthenticated: It is unknown, revoked or run out, or the company is closed.
        """
        hashed = scim_token_hash(token)
        found = await self.lookups.scim_token(hashed) if hashed is not None else None
        if found is None:
            raise ScimUnauthenticated
        tenant_id, token_id = found
        now = self.clock()
        async with self.unit_of_work(tenant_id) as uow:
            known = await uow.directory.token(token_id)
            tenant = await uow.tenant.get()
            if known is None or not known.is_usable(now) or tenant is None or not tenant.is_active:
                raise ScimUnauthenticated
            # Once a minute: writing at each request would turn reads into writes.
            if known.last_used_at is None or known.last_used_at < now - LAST_USED_RESOLUTION:
                known.last_used_at = now
        return VerifiedDirectory(tenant_id=tenant_id, token_id=token_id)
