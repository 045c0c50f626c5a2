"""The single sign-on connections of a company."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.federation_errors import ConnectionNotFound
from services.auth.models.federation import SsoConnection
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ShowConnections:
    """Return all connections, or one; secrets are not read."""

    caller: Caller
    unit_of_work: OpenUnitOfWork

    async def __call__(self) -> Sequence[SsoConnection]:
        async with self.unit_of_work(self.caller.tenant_id, read_only=True) as uow:
            return await uow.sso.all()

    async def one(self, connection_id: UUID) -> SsoConnection:
        """Return one of them.

        Raises:
            ConnectionNotFound: It is none of the company's.
        """
        async with self.unit_of_work(self.caller.tenant_id, read_only=True) as uow:
            connection = await uow.sso.get(connection_id)
        if connection is None:
            raise ConnectionNotFound
        return connection
