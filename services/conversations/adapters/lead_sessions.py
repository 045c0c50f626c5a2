"""What auth does for leads: it signs their tokens, ends them, and sends mail."""

from datetime import datetime
from uuid import UUID

from libs.common.errors import Conflict
from services.conversations.adapters.documents import JsonService
from services.conversations.domain.errors import LeadNotFound


class AuthLeadSessions:
    """Lead sessions of the auth service."""

    def __init__(self, auth: JsonService) -> None:
        self._auth = auth

    async def keep(
        self, tenant_id: UUID, session_id: UUID, *, lead_id: UUID
    ) -> tuple[str, datetime]:
        """Begin a session or prolong it; return its token, and until when that is good.

        Raises:
            LeadNotFound: The session is over, or the company closed.
        """
        try:
            found = await self._auth.request_json(
                "PUT",
                f"/internal/lead-sessions/{session_id}",
                tenant_id=tenant_id,
                json={"lead_id": str(lead_id)},
            )
        except Conflict as error:
            raise LeadNotFound from error
        return found["access_token"], datetime.fromisoformat(found["expires_at"])

    async def end_all(self, tenant_id: UUID, lead_id: UUID) -> None:
        """End all sessions of a lead."""
        await self._auth.request_json(
            "DELETE", f"/internal/leads/{lead_id}/sessions", tenant_id=tenant_id
        )

    async def mail_link(
        self, tenant_id: UUID, *, recipient: str, address: str, agent_name: str
    ) -> None:
        """Send the link to earlier chats.

        Raises:
            Invalid: No mail server will ever take it.
            Unavailable: Try again later.
        """
        await self._auth.request_json(
            "POST",
            "/internal/mails/lead-link",
            tenant_id=tenant_id,
            json={"recipient": recipient, "address": address, "agent_name": agent_name},
            deadline=30,
        )
