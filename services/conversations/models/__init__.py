"""The tables of conversations."""

from services.conversations.models.answers import Answer, Citation
from services.conversations.models.base import Base
from services.conversations.models.conversations import Channel, Conversation
from services.conversations.models.leads import Lead, LeadVisit
from services.conversations.models.messages import Message

__all__ = [
    "Answer",
    "Base",
    "Channel",
    "Citation",
    "Conversation",
    "Lead",
    "LeadVisit",
    "Message",
]
