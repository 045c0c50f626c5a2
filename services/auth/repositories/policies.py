"""What the tenant demands of its users' logins."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.domain.policies import MfaPolicy, Policy
from services.auth.models.security_policies import SecurityPolicy


class PolicyRecord:
    """The one policy of this tenant."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    async def get(self, *, default: MfaPolicy) -> Policy:
        """Return the policy; with the default where the tenant has chosen nothing."""
        found = await self.session.scalar(
            select(SecurityPolicy).where(SecurityPolicy.tenant_id == self.tenant_id)
        )
        if found is None:
            return Policy(mfa=default)
        return Policy(mfa=MfaPolicy(found.mfa), step_up_for_api_keys=found.step_up_for_api_keys)

    async def put(self, policy: Policy, *, now: datetime) -> None:
        """Set the policy."""
        values = {
            "mfa": policy.mfa,
            "step_up_for_api_keys": policy.step_up_for_api_keys,
            "updated_at": now,
        }
        await self.session.execute(
            insert(SecurityPolicy)
            .values(tenant_id=self.tenant_id, **values)
            .on_conflict_do_update(index_elements=[SecurityPolicy.tenant_id], set_=values)
        )
