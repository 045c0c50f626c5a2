"""The caller's own user and company."""

from dataclasses import dataclass

from libs.common.security import Caller
from services.auth.domain.errors import UserNotFound
from services.auth.models.api_keys import ApiKey
from services.auth.models.tenants import Tenant
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class Account:
    """Who is calling."""

    user: User
    tenant: Tenant
    api_key: ApiKey | None


@dataclass(frozen=True, kw_only=True)
class ShowAccount:
    """Return the user behind the caller's credentials, the company, and the key if it is one."""

    caller: Caller
    unit_of_work: OpenUnitOfWork

    async def __call__(self) -> Account:
        caller = self.caller
        async with self.unit_of_work(caller.tenant_id) as uow:
            user = await uow.users.get(caller.user_id) if caller.user_id else None
            tenant = await uow.tenant.get()
            if user is None or tenant is None:
                raise UserNotFound
            # The id of a caller that is not a key is no key's.
            key = await uow.api_keys.get(caller.id) if caller.id else None
        return Account(user=user, tenant=tenant, api_key=key)
