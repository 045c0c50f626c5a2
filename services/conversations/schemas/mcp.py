"""What the tools of an agent's MCP server take and give."""

from typing import Any, Final
from uuid import UUID

from services.conversations.domain.knowledge import Knowledge
from services.conversations.use_cases.ask_question import AnswerOutcome

_TEXT: Final = {"type": "string", "minLength": 1}

ASK_INPUT: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "question": {**_TEXT, "description": "What to ask, in any language."},
        "conversation_id": {
            "type": "string",
            "format": "uuid",
            "description": "Goes on with an earlier question; from its result.",
        },
    },
    "required": ["question"],
}
SEARCH_INPUT: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "query": {**_TEXT, "description": "What to look for."},
        "limit": {"type": "integer", "minimum": 1, "maximum": 20, "default": 5},
    },
    "required": ["query"],
}


def answer_shape(conversation_id: UUID, outcome: AnswerOutcome) -> dict[str, Any]:
    """Return an answer with its citations."""
    message = outcome.message
    if message is None:
        raise ValueError("only finished answers have a shape")
    return {
        "answer": message.content,
        "conversation_id": str(conversation_id),
        "citations": [
            {
                "source_number": one["source_number"],
                "document_id": str(one["document_id"]),
                "document_name": one["document_name"],
                "page": one["page"],
                "quote": one["quote"],
                "url": one["url"],
            }
            for one in message.citations
        ],
        "warnings": list(message.metadata.get("warnings", [])),
    }


def knowledge_shape(found: Knowledge, *, limit: int) -> dict[str, Any]:
    """Return the best passages; `relevant` is None where nothing could judge them."""
    return {
        "relevant": found.relevant,
        "passages": [
            {
                "document_id": str(one.document_id),
                "document_name": one.name,
                "page": one.page,
                "char_start": one.char_start,
                "char_end": one.char_end,
                "url": one.url,
                "text": one.text,
            }
            for one in found.passages[:limit]
        ],
    }
