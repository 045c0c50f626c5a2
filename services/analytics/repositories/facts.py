"""Writing facts: each is an upsert that any order and number of deliveries leaves the same."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.analytics.models import (
    AgentFact,
    ApiCalls,
    ApiKeyFact,
    ConversationFact,
    DocumentFact,
    LeadFact,
    LedgerEntry,
    QuestionFact,
    RatingFact,
    UserFact,
)


class FactRepository:
    """One tenant's facts."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    async def note_user(self, user_id: UUID, *, role: str, at: datetime) -> None:
        """Remember a user; that they are gone by now stays known."""
        await self._upsert(UserFact, user_id, {"role": role, "created_at": at})

    async def note_user_gone(self, user_id: UUID, *, at: datetime) -> None:
        """Remember that a user was deleted."""
        await self._upsert(UserFact, user_id, {"deleted_at": at})

    async def note_lead(self, lead_id: UUID, *, at: datetime) -> None:
        """Remember when a lead was first heard of; what became of them by now stays known."""
        await self._upsert(LeadFact, lead_id, {"registered_at": at})

    async def note_lead_status(self, lead_id: UUID, *, status: str, at: datetime) -> None:
        """Remember what became of a lead; an older word that comes late changes nothing."""
        values = {"status": status, "status_at": at}
        query = insert(LeadFact).values(tenant_id=self.tenant_id, id=lead_id, **values)
        await self.session.execute(
            query.on_conflict_do_update(
                index_elements=["tenant_id", "id"],
                set_=values,
                where=or_(
                    LeadFact.status_at.is_(None), LeadFact.status_at <= query.excluded.status_at
                ),
            )
        )

    async def note_lead_gone(self, lead_id: UUID, *, at: datetime) -> None:
        """Remember that a lead was deleted."""
        await self._upsert(LeadFact, lead_id, {"deleted_at": at})

    async def note_api_key(
        self,
        key_id: UUID,
        *,
        created_at: datetime | None = None,
        revoked_at: datetime | None = None,
    ) -> None:
        """Remember an API key's making or its end."""
        given = {"created_at": created_at, "revoked_at": revoked_at}
        await self._upsert(ApiKeyFact, key_id, _known(given))

    async def note_new_agent(self, agent_id: UUID, *, at: datetime) -> None:
        """Remember when an agent was made; that it is deleted by now stays known."""
        await self._upsert(AgentFact, agent_id, {"created_at": at})

    async def note_agent(self, agent_id: UUID, *, deleted_at: datetime | None) -> None:
        """Remember whether an agent is deleted."""
        await self._upsert(AgentFact, agent_id, {"deleted_at": deleted_at})

    async def note_document(
        self, document_id: UUID, *, agent_id: UUID, at: datetime, **values: Any
    ) -> None:
        """Remember what is new about a document."""
        first = {"agent_id": agent_id, "state": "pending", "uploaded_at": at}
        zero = {"size_bytes": 0, "passages": 0, "pages": 0, "tokens": 0}
        query = insert(DocumentFact).values(
            tenant_id=self.tenant_id, id=document_id, **{**first, **zero, **values}
        )
        await self.session.execute(
            query.on_conflict_do_update(index_elements=["tenant_id", "id"], set_=values)
            if values
            else query.on_conflict_do_nothing()
        )

    async def note_new_conversation(
        self, conversation_id: UUID, *, agent_id: UUID, at: datetime
    ) -> None:
        """Remember when a conversation began; that it is deleted by now stays known."""
        await self._upsert(
            ConversationFact, conversation_id, {"agent_id": agent_id, "started_at": at}
        )

    async def note_conversation(
        self, conversation_id: UUID, *, agent_id: UUID, at: datetime, deleted_at: datetime | None
    ) -> None:
        """Remember a conversation, and whether it is deleted."""
        values = {"agent_id": agent_id, "started_at": at, "deleted_at": deleted_at}
        await self._upsert(ConversationFact, conversation_id, values, keep=("started_at",))

    async def note_questions(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Remember what somebody asked.

        Args:
            rows: `id`, `conversation_id`, `agent_id` and `asked_at` of each.
        """
        query = insert(QuestionFact)
        changed = {
            name: query.excluded[name] for name in ("conversation_id", "agent_id", "asked_at")
        }
        await self._insert_many(
            query.on_conflict_do_update(index_elements=["tenant_id", "id"], set_=changed), rows
        )

    async def enter(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put answers into the ledger; the first entry of each stands.

        Args:
            rows: All columns of each but the tenant.
        """
        await self._insert_many(insert(LedgerEntry).on_conflict_do_nothing(), rows)

    async def note_rating(self, message_id: UUID, **values: Any) -> None:
        """Remember the rating of an answer; an older one that comes late changes nothing."""
        query = insert(RatingFact).values(tenant_id=self.tenant_id, id=message_id, **values)
        await self.session.execute(
            query.on_conflict_do_update(
                index_elements=["tenant_id", "id"],
                set_=values,
                where=RatingFact.version < query.excluded.version,
            )
        )

    async def count_calls(
        self,
        *,
        at: datetime,
        service: str,
        method: str,
        route: str,
        status_class: str,
        calls: int,
        duration_ms: int,
    ) -> None:
        """Add to the calls of a route in the hour of `at`."""
        query = insert(ApiCalls).values(
            tenant_id=self.tenant_id,
            hour=func.date_trunc("hour", at),
            service=service,
            method=method,
            route=route,
            status_class=status_class,
            calls=calls,
            duration_ms=duration_ms,
        )
        await self.session.execute(
            query.on_conflict_do_update(
                index_elements=[
                    "tenant_id",
                    "hour",
                    "service",
                    "method",
                    "route",
                    "status_class",
                ],
                set_={
                    "calls": ApiCalls.calls + query.excluded.calls,
                    "duration_ms": ApiCalls.duration_ms + query.excluded.duration_ms,
                },
            )
        )

    async def _insert_many(self, query: Insert, rows: Sequence[Mapping[str, Any]]) -> None:
        # By the connection and not the session: without the ORM, in one round trip.
        connection = await self.session.connection()
        await connection.execute(query, [{"tenant_id": self.tenant_id, **row} for row in rows])

    async def _upsert(
        self, model: type[Any], row_id: UUID, values: dict[str, Any], *, keep: tuple[str, ...] = ()
    ) -> None:
        query = insert(model).values(tenant_id=self.tenant_id, id=row_id, **values)
        changed = {name: value for name, value in values.items() if name not in keep}
        await self.session.execute(
            query.on_conflict_do_update(index_elements=["tenant_id", "id"], set_=changed)
            if changed
            else query.on_conflict_do_nothing()
        )


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
