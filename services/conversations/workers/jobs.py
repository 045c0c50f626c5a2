"""Jobs in: each handler is one call of a use case."""

from dataclasses import dataclass

from libs.common.errors import Invalid
from libs.common.jobs import JobContext, JobFailed
from libs.common.jobs.runner import Handler
from services.conversations.domain.leads import SendLeadLink
from services.conversations.wiring import Wiring


@dataclass(frozen=True)
class JobHandlers:
    """Does this service's jobs."""

    wiring: Wiring

    @property
    def by_kind(self) -> dict[type, Handler]:
        """The handlers by job class."""
        return {SendLeadLink: self.send_lead_link}

    async def send_lead_link(self, job: SendLeadLink, context: JobContext) -> None:
        """Mail a lead the link to their earlier chats."""
        try:
            await self.wiring.leads.mail_link(context.tenant_id, job)
        except Invalid as refusal:
            raise JobFailed(refusal.message) from refusal
