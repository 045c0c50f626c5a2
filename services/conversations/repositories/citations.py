"""Citations of a tenant's answers."""

from collections.abc import Sequence
from uuid import UUID

from libs.common.database import TenantRepository
from services.conversations.models import Citation


class CitationRepository(TenantRepository[Citation]):
    """The tenant's citations."""

    model = Citation

    async def of_messages(self, message_ids: Sequence[UUID]) -> dict[UUID, list[Citation]]:
        """Return the citations of each message, in the order of the text."""
        found: dict[UUID, list[Citation]] = {}
        if not message_ids:
            return found
        rows = await self.session.scalars(
            self.owned()
            .where(Citation.message_id.in_(message_ids))
            .order_by(Citation.message_id, Citation.position)
        )
        for citation in rows:
            found.setdefault(citation.message_id, []).append(citation)
        return found
