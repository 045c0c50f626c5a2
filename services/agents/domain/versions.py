"""What a version of an agent holds, and in what two of them differ.

A version is plain JSON: the agent's own fields, and its LLM settings by value, with the names of
what they refer to and without any key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

Content = Mapping[str, Any]

# Whether an agent answers at all is no part of how it answers: going back must not switch it off.
AGENT_FIELDS: Final = (
    "name",
    "description",
    "avatar_url",
    "instructions",
    "personality_traits",
    "capabilities",
    "operating_hours",
    "languages",
    "behaviour",
    "fallback_settings_ids",
)
SETTINGS_IDS: Final = (
    "llm_provider_id",
    "llm_model_id",
    "embedding_provider_id",
    "embedding_model_id",
)
SETTINGS_FIELDS: Final = (
    *SETTINGS_IDS,
    "llm_api_base_url",
    "llm_temperature",
    "llm_max_tokens",
    "llm_additional_params",
    "embedding_api_base_url",
    "embedding_dimension",
    "embedding_additional_params",
    "widget_script_url",
    "widget_config",
    "is_active",
)


class Action(StrEnum):
    """How a version came about."""

    FOUND = "found"
    """The agent was like this before its versions were kept."""
    CREATED = "created"
    UPDATED = "updated"
    SETTINGS = "settings"
    """Settings that the agent shares were changed."""
    DRAFTED = "drafted"
    """Made to be published later, if at all."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: a user, or an API key."""

    kind: str
    id: UUID | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that two versions do not share; `None` where one has no such field."""

    field: str
    before: Any
    after: Any


def same_content(one: Content, other: Content) -> bool:
    """Say whether two versions are the same, whatever record their settings stand in."""
    return _comparable(one) == _comparable(other)


def differences(before: Content, after: Content) -> list[Difference]:
    """Return what changed from one version to another, field by field in a fixed order."""
    found = []
    for part in ("agent", "settings"):
        old, new = _part(before, part), _part(after, part)
        for name in dict.fromkeys([*old, *new]):
            if old.get(name) != new.get(name):
                field = name if part == "agent" else f"{part}.{name}"
                found.append(Difference(field, old.get(name), new.get(name)))
    return found


def without_settings(content: Content) -> Content:
    """Return what may be read without the right to read settings."""
    return {**content, "settings": None}


def _comparable(content: Content) -> tuple[Content, Content]:
    return _part(content, "agent"), _part(content, "settings")


def _part(content: Content, name: str) -> dict[str, Any]:
    part = dict(content.get(name) or {})
    part.pop("id", None)
    # Names may be given anew in the catalogue; the ids are what was chosen.
    part.pop("names", None)
    return part
