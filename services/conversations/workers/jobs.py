"""Jobs in: each handler is one call of a use case."""

from dataclasses import dataclass

from libs.common.errors import Invalid
from libs.common.jobs import JobContext, JobFailed
from libs.common.jobs.runner import Handler, OnFailed
from services.conversations.domain.leads import SendLeadLink
from services.conversations.domain.webhooks import DeliverWebhook
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


@dataclass(frozen=True)
class WebhookJobs:
    """Tells webhooks; with hands of its own, since some of them are slow to take it."""

    wiring: Wiring

    @property
    def by_kind(self) -> dict[type, Handler]:
        """The handlers by job class."""
        return {DeliverWebhook: self.deliver}

    @property
    def on_failed(self) -> dict[type, OnFailed]:
        """What is noted when a job cannot be done."""
        return {DeliverWebhook: self.give_up}

    async def deliver(self, job: DeliverWebhook, context: JobContext) -> None:
        """Make one attempt."""
        await self.wiring.send_webhook(context.tenant_id, job)

    async def give_up(self, job: DeliverWebhook, context: JobContext, reason: str) -> None:
        """Note that there was none."""
        await self.wiring.send_webhook.give_up(context.tenant_id, job, reason)
