"""Report on one conversation."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.analytics.domain.errors import ConversationNotFound
from services.analytics.domain.periods import Period
from services.analytics.domain.reports import ConversationReport
from services.analytics.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ReportConversation:
    """Sum up a conversation from its beginning.

    Raises:
        ConversationNotFound: Nothing was heard of it in this tenant, or it is deleted.
    """

    unit_of_work: OpenUnitOfWork

    async def __call__(self, conversation_id: UUID, *, now: datetime) -> ConversationReport:
        async with self.unit_of_work() as uow:
            conversation = await uow.reports.conversation(conversation_id)
            if conversation is None:
                raise ConversationNotFound
            return ConversationReport(
                conversation=conversation,
                answers=await uow.reports.answers(
                    subject="conversation_id", subject_id=conversation_id
                ),
                activity=await uow.reports.activity(
                    Period(conversation["started_at"], now),
                    step="hour",
                    subject="conversation_id",
                    subject_id=conversation_id,
                ),
            )
