"""How an agent behaves, as clients send it: checked here, stored as it is."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from services.agents.schemas.common import Input, ShortText

_Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class Grounding(StrEnum):
    """Where answers may come from."""

    DOCUMENTS = "documents"
    GENERAL = "general"


class CitationStyle(StrEnum):
    """How citations look in a stored answer."""

    SOURCES = "sources"
    NUMBERS = "numbers"
    NONE = "none"


class OutsideHours(StrEnum):
    """What happens outside the operating hours."""

    ANSWER = "answer"
    SAY_SO = "say_so"


class Behaviour(Input):
    """What is left out stays as it is; null takes a setting back."""

    tone: ShortText | None = Field(default=None, examples=["friendly and brief"])
    grounding: Grounding | None = Field(
        default=None,
        description="`documents`: only from the documents. `general`: what they do not hold may be"
        " answered from general knowledge, which the answer then says.",
    )
    citation_style: CitationStyle | None = Field(
        default=None, description="`sources`: [Source 1]. `numbers`: [1]. `none`: beside the text."
    )
    max_words: Annotated[int, Field(ge=10, le=5000)] | None = None
    opening_message: Annotated[str, StringConstraints(max_length=2000)] | None = None
    suggested_questions: Annotated[list[_Line], Field(max_length=10)] | None = None
    outside_hours: OutsideHours | None = Field(
        default=None, description="`say_so`: outside the hours the agent says when it is back."
    )
    outside_hours_message: Annotated[str, StringConstraints(max_length=2000)] | None = None

    def change(self) -> dict[str, Any]:
        """Return what was given, as JSON."""
        return self.model_dump(exclude_unset=True, mode="json")
