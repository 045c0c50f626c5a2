"""Whether a provider can be reached and says what it must."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.federation import ProviderMetadata
from services.auth.domain.federation_errors import ConnectionNotFound
from services.auth.domain.federation_ports import IdentityProviders
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.require_admin import require_admin


@dataclass(frozen=True, kw_only=True)
class ProviderFound:
    """A provider that answers as it should."""

    metadata: ProviderMetadata
    keys: int


@dataclass(frozen=True, kw_only=True)
class TryConnection:
    """Read a provider's discovery document and keys afresh, as they are at this moment."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    providers: IdentityProviders

    async def __call__(self, connection_id: UUID) -> ProviderFound:
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            await require_admin(uow, self.caller)
            connection = await uow.sso.get(connection_id)
        if connection is None:
            raise ConnectionNotFound
        metadata = await self.providers.metadata(connection.issuer, fresh=True)
        return ProviderFound(metadata=metadata, keys=await self.providers.check_keys(metadata))
