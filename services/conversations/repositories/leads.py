"""Leads of a tenant, their visits and their links."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Select, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from libs.common.database import TenantRepository
from services.conversations.models import Conversation, Lead, LeadVisit

_ADD_LINK: Final = text(
    "INSERT INTO lead_links (tenant_id, token_hash, lead_id, agent_id, expires_at)"
    " VALUES (:tenant_id, :token_hash, :lead_id, :agent_id, :expires_at)"
)
# Used up by looking at it: of two who come at once, one finds it.
_USE_LINK: Final = text(
    "DELETE FROM lead_links WHERE tenant_id = :tenant_id AND token_hash = :token_hash"
    " AND agent_id = :agent_id AND expires_at > :now RETURNING lead_id"
)
_OF_LINK: Final = text(
    "SELECT lead_id FROM lead_links WHERE tenant_id = :tenant_id AND token_hash = :token_hash"
    " AND agent_id = :agent_id AND expires_at > :now"
)
_PUT_INSTEAD: Final = text(
    "INSERT INTO lead_continuations (tenant_id, visit_id, conversation_id, replacement_id)"
    " VALUES (:tenant_id, :visit_id, :conversation_id, :replacement_id) ON CONFLICT DO NOTHING"
)
_FIND_INSTEAD: Final = text(
    "SELECT replacement_id FROM lead_continuations WHERE tenant_id = :tenant_id"
    " AND visit_id = :visit_id AND conversation_id = :conversation_id"
)


@dataclass(frozen=True, kw_only=True)
class LeadFilter:
    """Which leads to list; what is None does not narrow."""

    status: str | None = None
    email_hash: bytes | None = None
    created_before: datetime | None = None
    created_after: datetime | None = None


class LeadRepository(TenantRepository[Lead]):
    """The tenant's leads."""

    model = Lead

    async def locked(self, lead_id: UUID) -> Lead | None:
        """Return a lead that nobody else changes until the end."""
        found: Lead | None = await self.session.scalar(
            self.owned().where(Lead.id == lead_id).with_for_update()
        )
        return found

    async def by_index(self, email_hash: bytes) -> Lead | None:
        """Return the lead of an address."""
        found: Lead | None = await self.session.scalar(
            self.owned().where(Lead.email_hash == email_hash)
        )
        return found

    async def add_new(self, lead: Lead) -> bool:
        """Add a lead; False, and nothing is changed, when its address is another's by now."""
        columns = {
            column.key: getattr(lead, column.key)
            for column in Lead.__mapper__.column_attrs
            if getattr(lead, column.key) is not None
        }
        added = await self.session.execute(
            insert(Lead)
            .values({**columns, "tenant_id": self.tenant_id})
            .on_conflict_do_nothing(index_elements=["tenant_id", "email_hash"])
            .returning(Lead.id)
        )
        return added.first() is not None

    async def page(
        self, wanted: LeadFilter, *, page: int, per_page: int
    ) -> tuple[Sequence[Lead], int]:
        """Return a page of leads, newest first, and how many there are in all."""
        query = self._matching(wanted)
        total = await self.session.scalar(select(func.count()).select_from(query.subquery()))
        rows = await self.session.scalars(
            query.order_by(Lead.created_at.desc(), Lead.id.desc())
            .limit(per_page)
            .offset((page - 1) * per_page)
        )
        return rows.all(), total or 0

    def _matching(self, wanted: LeadFilter) -> Select[Lead]:
        query = self.owned()
        if wanted.status is not None:
            query = query.where(Lead.status == wanted.status)
        if wanted.email_hash is not None:
            query = query.where(Lead.email_hash == wanted.email_hash)
        if wanted.created_before is not None:
            query = query.where(Lead.created_at < wanted.created_before)
        if wanted.created_after is not None:
            query = query.where(Lead.created_at > wanted.created_after)
        return query


class LeadVisitRepository(TenantRepository[LeadVisit]):
    """The visits of the tenant's leads."""

    model = LeadVisit

    async def by_token(self, token_hash: bytes, *, now: datetime) -> LeadVisit | None:
        """Return the visit that a token brings back, unless it has run out."""
        found: LeadVisit | None = await self.session.scalar(
            self.owned().where(LeadVisit.token_hash == token_hash, LeadVisit.expires_at > now)
        )
        return found

    async def keep(self, visit: LeadVisit) -> None:
        """Add a visit, or prolong it with the token that it has now."""
        values = {
            "tenant_id": self.tenant_id,
            "id": visit.id,
            "lead_id": visit.lead_id,
            "agent_id": visit.agent_id,
            "token_hash": visit.token_hash,
            "proven_at": visit.proven_at,
            "created_at": visit.created_at,
            "expires_at": visit.expires_at,
        }
        again = {"token_hash": visit.token_hash, "expires_at": visit.expires_at}
        await self.session.execute(
            insert(LeadVisit)
            .values(values)
            .on_conflict_do_update(index_elements=["tenant_id", "id"], set_=again)
        )

    async def put_instead(
        self, visit_id: UUID, conversation_id: UUID, *, replacement_id: UUID
    ) -> UUID:
        """Have a visit find another conversation under an id; returns the one that it finds."""
        place = {
            "tenant_id": self.tenant_id,
            "visit_id": visit_id,
            "conversation_id": conversation_id,
        }
        await self.session.execute(_PUT_INSTEAD, {**place, "replacement_id": replacement_id})
        found: UUID = (await self.session.execute(_FIND_INSTEAD, place)).scalar_one()
        return found

    async def take_over(self, lead_id: UUID, *, visit_id: UUID) -> int:
        """Give a visit all conversations of a lead; returns how many.

        They leave the visits that they were begun in, whoever those are.
        """
        moved = await self.session.execute(
            update(Conversation)
            .where(
                Conversation.tenant_id == self.tenant_id,
                Conversation.lead_id == lead_id,
                Conversation.deleted_at.is_(None),
            )
            .values(entity_id=visit_id)
            .returning(Conversation.id)
        )
        return len(moved.all())

    async def newest_conversation(self, visit_id: UUID, *, agent_id: UUID) -> UUID | None:
        """Return the conversation in which a visit last said something to an agent."""
        found: UUID | None = await self.session.scalar(
            select(Conversation.id)
            .where(
                Conversation.tenant_id == self.tenant_id,
                Conversation.entity_id == visit_id,
                Conversation.agent_id == agent_id,
                Conversation.deleted_at.is_(None),
            )
            .order_by(Conversation.last_activity.desc())
            .limit(1)
        )
        return found

    async def add_link(
        self, token_hash: bytes, *, lead_id: UUID, agent_id: UUID, expires_at: datetime
    ) -> None:
        """Keep a link's hash."""
        await self.session.execute(
            _ADD_LINK,
            {
                "tenant_id": self.tenant_id,
                "token_hash": token_hash,
                "lead_id": lead_id,
                "agent_id": agent_id,
                "expires_at": expires_at,
            },
        )

    async def of_link(self, token_hash: bytes, *, agent_id: UUID, now: datetime) -> UUID | None:
        """Return whose a link is, and leave it as it is."""
        found: UUID | None = await self.session.scalar(
            _OF_LINK,
            {
                "tenant_id": self.tenant_id,
                "token_hash": token_hash,
                "agent_id": agent_id,
                "now": now,
            },
        )
        return found

    async def use_link(self, token_hash: bytes, *, agent_id: UUID, now: datetime) -> UUID | None:
        """Use a link up; returns whose it was, None when it is none."""
        found: UUID | None = await self.session.scalar(
            _USE_LINK,
            {
                "tenant_id": self.tenant_id,
                "token_hash": token_hash,
                "agent_id": agent_id,
                "now": now,
            },
        )
        return found
