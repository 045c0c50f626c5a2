"""Analytics' tables: facts kept from other services' events."""

from services.analytics.models.facts import (
    AgentFact,
    ApiCalls,
    ApiKeyFact,
    Base,
    ConversationFact,
    DocumentFact,
    LeadFact,
    LedgerEntry,
    QuestionFact,
    RatingFact,
    UserFact,
)

__all__ = [
    "AgentFact",
    "ApiCalls",
    "ApiKeyFact",
    "Base",
    "ConversationFact",
    "DocumentFact",
    "LeadFact",
    "LedgerEntry",
    "QuestionFact",
    "RatingFact",
    "UserFact",
]
