"""Search in the documents service, in one call a question."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

from libs.common.errors import AppError, Invalid
from libs.common.telemetry import get_logger
from services.conversations.domain.knowledge import Knowledge, Passage, Quote

log = get_logger(__name__)

_PASSAGES: Final = 5
_DEADLINE_SECONDS: Final = 15.0
_OUT_OF_REACH: Final = "The knowledge base is out of reach at the moment."


class JsonService(Protocol):
    """Calls another service; `libs.common.http.ServiceClient`."""

    async def request_json(
        self,
        method: str,
        path: str,
        *,
        tenant_id: UUID,
        json: object | None = None,
        params: Mapping[str, str | int] | None = None,
        deadline: float | None = None,
        idempotent: bool | None = None,
    ) -> dict[str, Any]:
        """Return the JSON object that the service answers."""


class DocumentsSearch:
    """The documents service as a knowledge base."""

    def __init__(self, service: JsonService) -> None:
        self._service = service

    async def search(
        self,
        tenant_id: UUID,
        *,
        agent_id: UUID,
        query: str,
        quotes: int,
        groups: Sequence[UUID] = (),
    ) -> Knowledge:
        """Return the passages for a question; `available` is false when search is out of reach."""
        try:
            found = await self._service.request_json(
                "POST",
                "/internal/search",
                tenant_id=tenant_id,
                json={
                    "agent_id": str(agent_id),
                    "query": query,
                    "limit": _PASSAGES,
                    "quotes": quotes,
                    "rerank": True,
                    "groups": [str(group) for group in groups],
                },
                deadline=_DEADLINE_SECONDS,
                idempotent=True,
            )
        except Invalid:
            raise
        except AppError as error:
            log.warning("search_failed", code=error.code)
            return Knowledge(available=False, warnings=[_OUT_OF_REACH])
        return _knowledge(found)


def _knowledge(found: Mapping[str, Any]) -> Knowledge:
    return Knowledge(
        passages=[_passage(passage) for passage in found["passages"]],
        quotes=[
            Quote(
                passage_number=quote["passage_number"],
                char_start=quote["char_start"],
                char_end=quote["char_end"],
                text=quote["text"],
                score=quote["score"],
            )
            for quote in found.get("quotes") or ()
        ],
        relevant=found.get("relevant"),
        available=found.get("knowledge_available", True),
        warnings=found.get("warnings") or (),
    )


def _passage(found: Mapping[str, Any]) -> Passage:
    return Passage(
        number=found["number"],
        document_id=UUID(found["document_id"]),
        document_version=found["document_version"],
        passage_id=UUID(found["passage_id"]),
        name=found["document_name"],
        url=found.get("url"),
        page=found.get("page"),
        char_start=found["char_start"],
        char_end=found["char_end"],
        text=found["text"],
    )
