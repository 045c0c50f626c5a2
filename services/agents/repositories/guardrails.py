"""A company's guardrails."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.agents.domain.guardrails import Guardrails
from services.agents.models.guardrails import GuardrailRow


class GuardrailRepository:
    """One tenant's guardrails."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    async def current(self) -> Guardrails:
        """Return what is set, or the defaults."""
        row = await self.session.scalar(
            select(GuardrailRow).where(GuardrailRow.tenant_id == self.tenant_id)
        )
        if row is None:
            return Guardrails()
        return Guardrails(
            link_hosts=tuple(row.link_hosts),
            mask_personal_data=row.mask_personal_data,
            report_suspicions=row.report_suspicions,
        )

    async def put(self, guardrails: Guardrails) -> None:
        """Set all of it."""
        values = {
            "link_hosts": list(guardrails.link_hosts),
            "mask_personal_data": guardrails.mask_personal_data,
            "report_suspicions": guardrails.report_suspicions,
            "updated_at": func.now(),
        }
        query = insert(GuardrailRow).values(tenant_id=self.tenant_id, **values)
        await self.session.execute(
            query.on_conflict_do_update(index_elements=["tenant_id"], set_=values)
        )
