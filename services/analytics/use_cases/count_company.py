"""What a company has and did lately, in one handful of numbers."""

from dataclasses import dataclass
from datetime import datetime

from services.analytics.domain.periods import Period
from services.analytics.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class CountCompany:
    """Count a tenant's things, and its conversations, answers and leads of some days."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, *, days: int, now: datetime) -> dict[str, int]:
        period = Period.last_days(days, now=now)
        async with self.unit_of_work() as uow:
            totals = await uow.reports.totals()
            documents = await uow.reports.documents_by_state()
            answers = await uow.reports.answers(period=period)
            active = await uow.reports.active_conversations(period)
            leads = await uow.reports.leads(period)
        return {
            "agents": totals["agents"],
            "conversations": totals["conversations"],
            "questions": totals["questions"],
            "documents": sum(row["documents"] for row in documents),
            "storage_bytes": sum(row["size_bytes"] for row in documents),
            "recent_answers": answers["answers"],
            "recent_tokens": answers["prompt_tokens"] + answers["completion_tokens"],
            "active_conversations": active,
            "recent_leads": leads["leads"],
            "recent_qualified_leads": leads["qualified_leads"],
            "recent_converted_leads": leads["converted_leads"],
        }
