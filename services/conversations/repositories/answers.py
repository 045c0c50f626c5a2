"""The SQL of the answer engine: asking, taking, finishing; lean, since each question runs it.

The steps that each question takes are functions of the schema (migration 0002), a round trip each;
every statement names the tenant, and runs in a transaction of that tenant. Times come from the
database's clock alone, so that workers with skewed clocks agree on who holds a lease.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from libs.common.database import Database
from libs.common.database.connection import Record
from libs.common.events.catalogue.conversations import AnswerCompleted, AnswerFailed
from libs.common.ids import new_id
from services.conversations.domain.answers import (
    Answer,
    AnswerKind,
    AnswerState,
    AnswerStatus,
    AskedQuestion,
    Citation,
    QuestionIds,
    Source,
    StoredMessage,
    TakenAnswer,
    Turn,
)
from services.conversations.domain.errors import AnswerCancelled
from services.conversations.repositories import answer_statements as sql

_HISTORY_TURNS: Final = 20
# Beside the options of a question, which are for the model: this one is not.
GROUPS: Final = "asker_groups"


@dataclass(frozen=True, slots=True)
class Finished:
    """A stored answer; and whether other answers of the tenant wait for their turn, and whether
    others of the same conversation are pending. One that was cancelled before its first word has no
    message."""

    message: StoredMessage | None
    tenant_waits: bool
    conversation_waits: bool


@dataclass(frozen=True)
class AnswerStore:
    """Answers in PostgreSQL.

    Args:
        database: Where.
        owner: Names this process as the holder of leases.
        lease_seconds: How long an answer stays taken without a renewal.
        per_tenant: How many answers of a tenant may be in flight.
    """

    database: Database
    owner: str = ""
    lease_seconds: float = 10
    per_tenant: int = 8

    async def ask(
        self,
        ids: QuestionIds,
        *,
        entity_id: UUID | None,
        text: str,
        kind: AnswerKind,
        options: dict[str, Any],
        history: Sequence[Turn],
        traceparent: str | None,
        groups: Sequence[UUID] = (),
    ) -> tuple[AskedQuestion, bool] | None:
        """Store a question and queue its answer; None if there is no such conversation.

        Args:
            ids: Where, and what the new rows are called.
            entity_id: The conversation must be this one's; None for any.
            text: What is asked.
            kind: Which route asked.
            options: For the model call; often empty.
            groups: Those of the one who asks, whose documents the answer may draw on.
            history: Turns to store before the question; mostly none.
            traceparent: The trace that the answer continues.

        Returns:
            The question, and whether its answer is the only one that the conversation waits for.
        """
        ((agent_id, alone),) = await self.database.call(
            "post_question",
            ids.tenant_id,
            ids.conversation_id,
            entity_id,
            ids.message_id,
            text,
            ids.answer_id,
            ids.task_id,
            kind.value,
            _json(options | {GROUPS: list(map(str, groups))} if groups else options),
            traceparent,
            new_id(),
            [new_id() for _ in history],
            [turn.role for turn in history],
            [turn.content for turn in history],
        )
        if agent_id is None:
            return None
        return ids.asked(agent_id), alone

    async def take(self, tenant_id: UUID, answer_ids: Sequence[UUID]) -> list[TakenAnswer]:
        """Take those of the listed answers that are free, as far as the tenant's share goes."""
        return await self._take(tenant_id, list(answer_ids))

    async def take_waiting(self, tenant_id: UUID) -> list[TakenAnswer]:
        """Take the tenant's oldest waiting answers, as far as its share goes."""
        return await self._take(tenant_id, None)

    async def finish(
        self, taken: TakenAnswer, answer: Answer, *, message_id: UUID, seconds: float
    ) -> Finished | None:
        """Store an answer with its message, citations and event, once.

        Args:
            taken: The attempt that made it.
            answer: What to store.
            message_id: Of the assistant's message.
            seconds: How long this attempt took.

        Returns:
            None when the attempt has lost its lease; then nothing was written.
        """
        sources = [_columns(source) for source in answer.sources]
        citations = [_columns(citation) for citation in answer.citations]
        metadata = {
            **answer.metadata,
            "agent_name": answer.agent_name,
            "llm_config": {"provider": answer.provider, "model": answer.model},
        }
        told: AnswerCompleted | AnswerFailed = AnswerCompleted(
            answer_id=taken.answer_id,
            conversation_id=taken.conversation_id,
            agent_id=taken.agent_id,
            mode=answer.mode.value,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            cost_micros=answer.cost_micros,
            # By the database's clock, which saw the question come in.
            duration_ms=0,
            citation_count=len(citations),
            agent_version=answer.agent_version,
        )
        if not answer.text:
            told = AnswerFailed(
                answer_id=taken.answer_id,
                conversation_id=taken.conversation_id,
                agent_id=taken.agent_id,
                code=AnswerCancelled.code,
                prompt_tokens=answer.prompt_tokens,
                completion_tokens=answer.completion_tokens,
                cost_micros=answer.cost_micros,
            )
        cited = [
            {**citation, "id": new_id(), "position": position}
            for position, citation in enumerate(citations)
        ]
        rows = await self.database.call(
            "end_cancelled_answer" if answer.cancelled else "finish_answer",
            taken.tenant_id,
            taken.answer_id,
            taken.attempt,
            self.owner,
            message_id,
            answer.mode.value,
            answer.prompt_tokens,
            answer.completion_tokens,
            answer.cost_micros,
            answer.text,
            answer.model,
            round(seconds, 3),
            _json(sources),
            _json(metadata),
            _json(cited),
            new_id(),
            taken.traceparent,
            told.model_dump_json(),
        )
        if not rows:
            return None
        ((created_at, tenant_waits, conversation_waits),) = rows
        if not answer.text:
            return Finished(None, tenant_waits, conversation_waits)
        message = StoredMessage(
            id=message_id,
            conversation_id=taken.conversation_id,
            role="assistant",
            content=answer.text,
            created_at=created_at,
            sources=orjson.loads(_json(sources)),
            citations=[_citation_shape(citation) for citation in orjson.loads(_json(citations))],
            metadata=metadata,
            model_used=answer.model,
            processing_time=round(seconds, 3),
            tokens_used=answer.prompt_tokens + answer.completion_tokens,
        )
        return Finished(message, tenant_waits, conversation_waits)

    async def fail(self, taken: TakenAnswer, *, code: str, error: str) -> bool | None:
        """Store that there will be no answer; None when the lease was lost.

        Returns:
            Whether other answers of the tenant wait for their turn.
        """
        event = AnswerFailed(
            answer_id=taken.answer_id,
            conversation_id=taken.conversation_id,
            agent_id=taken.agent_id,
            code=code,
        )
        ((waits,),) = await self.database.call(
            "fail_answer",
            taken.tenant_id,
            taken.answer_id,
            taken.attempt,
            self.owner,
            code,
            error,
            new_id(),
            taken.traceparent,
            event.model_dump_json(),
        )
        waiting: bool | None = waits
        return waiting

    async def cancel_requested(self, tenant_id: UUID, answer_id: UUID) -> bool:
        """Return whether somebody wants an answer to be cancelled."""
        async with self.database.lean(tenant_id) as connection:
            found = await connection.fetchval(sql.CANCEL_REQUESTED, tenant_id, answer_id)
        return bool(found)

    async def cancelled_of(self, answer_ids: Collection[UUID]) -> set[UUID]:
        """Return those of some answers, over all tenants, that are to be cancelled."""
        async with self.database.lean_cross_tenant() as connection:
            rows = await connection.fetch(sql.CANCELLED_OF, list(answer_ids))
        return {row["id"] for row in rows}

    async def renew_leases(self, answer_ids: Collection[UUID]) -> dict[UUID, bool]:
        """Prolong this process's leases of some answers; returns those that it still holds.

        Of each it tells whether the answer is to be cancelled.

        Not of all that it is said to hold: what was taken by a call that was cut short, and that
        nobody here knows of, must become free.
        """
        async with self.database.lean_cross_tenant() as connection:
            rows = await connection.fetch(
                sql.RENEW, self.owner, self.lease_seconds, list(answer_ids)
            )
        return {row["id"]: row["cancelled"] for row in rows}

    async def release_leases(self) -> None:
        """Put the answers of this process back, for other workers to take at once."""
        async with self.database.lean_cross_tenant() as connection:
            await connection.execute(sql.RELEASE, self.owner)

    async def due(self, *, waited_seconds: float, limit: int) -> list[tuple[UUID, UUID]]:
        """Return (tenant, answer) of what nobody works on, the tenants in turn.

        Args:
            waited_seconds: Leave out what was queued more recently: its entry is on its way.
            limit: The most to return.
        """
        async with self.database.lean_cross_tenant() as connection:
            rows = await connection.fetch(sql.DUE, waited_seconds, self.per_tenant, limit)
        return [(row["tenant_id"], row["id"]) for row in rows]

    async def latest(
        self,
        tenant_id: UUID,
        conversation_id: UUID,
        *,
        entity_id: UUID | None,
        since: UUID | None = None,
    ) -> list[AnswerStatus] | None:
        """Return a conversation's newest answer and those pending, oldest first.

        Args:
            tenant_id: Whose.
            conversation_id: Which.
            entity_id: The conversation must be this one's; None for anybody's.
            since: This answer and all later ones too, pending or not.

        Returns:
            None when there is no such conversation.
        """
        rows = await self.database.call(
            "latest_answers", tenant_id, conversation_id, entity_id, since
        )
        if not rows:
            return None
        return [_status(tenant_id, row) for row in rows if row["id"] is not None]

    async def status(self, tenant_id: UUID, answer_id: UUID) -> AnswerStatus | None:
        """Return how an answer stands; None when there is no such."""
        rows = await self.database.call("answer_status", tenant_id, answer_id)
        return _status(tenant_id, rows[0]) if rows else None

    async def message(self, tenant_id: UUID, message_id: UUID) -> StoredMessage | None:
        """Return a message with its citations; None when there is no such, or it is deleted."""
        async with self.database.lean(tenant_id) as connection:
            row = await connection.fetchrow(sql.MESSAGE, tenant_id, message_id)
        return _message(row) if row is not None else None

    async def find_task(self, task_id: UUID) -> tuple[UUID, UUID] | None:
        """Return (tenant, answer) of a task, before any tenant is known."""
        async with self.database.platform() as connection:
            row = await connection.fetchrow("SELECT * FROM find_task($1)", task_id)
        return (row["tenant_id"], row["answer_id"]) if row is not None else None

    async def _take(self, tenant_id: UUID, listed: list[UUID] | None) -> list[TakenAnswer]:
        rows = await self.database.call(
            "take_answers",
            tenant_id,
            listed,
            self.per_tenant,
            self.owner,
            timedelta(seconds=self.lease_seconds),
            _HISTORY_TURNS,
        )
        return [_taken(tenant_id, row) for row in rows]


def _taken(tenant_id: UUID, row: Record) -> TakenAnswer:
    history = orjson.loads(row["history"]) if row["history"] else []
    options = orjson.loads(row["options"])
    groups = tuple(UUID(group) for group in options.pop(GROUPS, ()))
    return TakenAnswer(
        tenant_id=tenant_id,
        answer_id=row["id"],
        attempt=row["attempt"],
        task_id=row["task_id"],
        conversation_id=row["conversation_id"],
        agent_id=row["agent_id"],
        message_id=row["message_id"],
        question=row["content"],
        history=[Turn(role, content) for role, content in history],
        options=options,
        groups=groups,
        max_context_tokens=row["max_context_length"],
        queued_at=row["queued_at"],
        traceparent=row["traceparent"],
    )


def _status(tenant_id: UUID, row: Record) -> AnswerStatus:
    return AnswerStatus(
        answer_id=row["id"],
        task_id=row["task_id"],
        tenant_id=tenant_id,
        conversation_id=row["conversation_id"],
        message_id=row["message_id"],
        answer_message_id=row["answer_message_id"],
        state=AnswerState(row["state"]),
        attempt=row["attempt"],
        kind=AnswerKind(row["kind"]),
        error=row["error"],
        error_code=row["error_code"],
        queued_at=row["queued_at"],
        completed_at=row["completed_at"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
    )


def _message(row: Record) -> StoredMessage:
    return StoredMessage(
        id=row["id"],
        conversation_id=row["conversation_id"],
        role=row["role"],
        content=row["content"],
        created_at=row["created_at"],
        sources=orjson.loads(row["sources"]),
        citations=orjson.loads(row["citations"]) if row["citations"] else [],
        metadata=orjson.loads(row["metadata"]),
        model_used=row["model_used"],
        processing_time=row["processing_time"],
        tokens_used=row["tokens_used"],
    )


def _citation_shape(citation: dict[str, Any]) -> dict[str, Any]:
    return {**citation, "document_name": citation.pop("name"), "cited": True}


def _columns(value: Source | Citation) -> dict[str, Any]:
    """Return a flat value's fields; `asdict` copies deeply, which costs more than the rest."""
    return {name: getattr(value, name) for name in value.__slots__}


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
