"""Jobs in: each handler is one call of a use case."""

from collections.abc import Mapping
from dataclasses import dataclass

from libs.common.jobs import Job, JobContext, JobFailed
from libs.common.jobs.runner import Handler
from services.auth.domain.mails import (
    SendInvitation,
    SendNotice,
    SendPasswordReset,
    SendVerification,
)
from services.auth.domain.ports import MailRefused
from services.auth.wiring.people import MailJobs


@dataclass(frozen=True, kw_only=True)
class JobHandlers:
    """Does auth's jobs. A mail that no server will ever take has failed; others wait."""

    mails: MailJobs

    @property
    def by_kind(self) -> Mapping[type[Job], Handler]:
        """The handlers by job class."""
        return {
            SendVerification: self.send_verification,
            SendPasswordReset: self.send_password_reset,
            SendInvitation: self.send_invitation,
            SendNotice: self.send_notice,
        }

    async def send_verification(self, job: SendVerification, context: JobContext) -> None:
        """Send the link that proves an address."""
        try:
            await self.mails.send_verification(context.tenant_id, job.user_id)
        except MailRefused as refusal:
            raise JobFailed(str(refusal)) from refusal

    async def send_password_reset(self, job: SendPasswordReset, context: JobContext) -> None:
        """Send the link that sets a new password."""
        try:
            await self.mails.send_password_reset(context.tenant_id, job.user_id)
        except MailRefused as refusal:
            raise JobFailed(str(refusal)) from refusal

    async def send_invitation(self, job: SendInvitation, context: JobContext) -> None:
        """Send the link of an invitation."""
        try:
            await self.mails.send_invitation(context.tenant_id, job.invitation_id)
        except MailRefused as refusal:
            raise JobFailed(str(refusal)) from refusal

    async def send_notice(self, job: SendNotice, context: JobContext) -> None:
        """Tell a user of a change."""
        try:
            await self.mails.send_notice(context.tenant_id, job.user_id, job.notice)
        except MailRefused as refusal:
            raise JobFailed(str(refusal)) from refusal
