"""Webhooks in the shapes of the API."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from services.conversations.domain.questions import storable_text
from services.conversations.domain.webhooks import EVENTS, Delivery, Webhook

EventName = Literal[
    "answer.completed",
    "answer.failed",
    "handoff.changed",
    "lead.deleted",
    "lead.registered",
    "lead.updated",
    "message.posted",
    "message.rated",
]
DeliveryStatus = Literal["pending", "delivered", "failed"]


def _line(value: object) -> object:
    return " ".join(storable_text(value).split()) if isinstance(value, str) else value


def _each_once(names: list[EventName]) -> list[EventName]:
    return sorted(set(names))


Url = Annotated[
    str,
    BeforeValidator(_line),
    Field(min_length=1, max_length=2000, description="Where to; https, and open to the world."),
]
Description = Annotated[str, BeforeValidator(_line), Field(max_length=200)]
Events = Annotated[
    list[EventName],
    Field(min_length=1, max_length=100, description="What it hears of."),
    AfterValidator(_each_once),
]
PersonalData = Annotated[
    bool, Field(description="Whether events of leads come with name, address and telephone.")
]


class WebhookIn(BaseModel):
    """A new webhook."""

    url: Url
    description: Description = ""
    events: Events = Field(default_factory=lambda: list(EVENTS))  # type: ignore[arg-type]
    personal_data: PersonalData = False
    enabled: bool = True


class WebhookPatch(BaseModel):
    """What to change; what is left out stays."""

    url: Url | None = None
    description: Description | None = None
    events: Events | None = None
    personal_data: PersonalData | None = None
    enabled: bool | None = Field(
        default=None, description="True also clears why it was switched off."
    )

    def changes(self) -> dict[str, Any]:
        """Return what was given."""
        given = self.model_dump(exclude_unset=True)
        return {name: value for name, value in given.items() if value is not None}


def webhook_shape(webhook: Webhook) -> dict[str, Any]:
    """Return a webhook as its company sees it."""
    return {
        "id": webhook.id,
        "url": webhook.url,
        "description": webhook.description,
        "events": list(webhook.events),
        "personal_data": webhook.personal_data,
        "enabled": webhook.enabled,
        "failing_since": webhook.failing_since,
        "disabled_because": webhook.disabled_because,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
    }


def delivery_shape(delivery: Delivery) -> dict[str, Any]:
    """Return an entry of the log; `event_id` is what its `webhook-id` header said."""
    return {
        "id": delivery.id,
        "webhook_id": delivery.webhook_id,
        "event_id": delivery.event_id,
        "event": delivery.event,
        "data": delivery.payload,
        "occurred_at": delivery.occurred_at,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "next_attempt_at": delivery.next_attempt_at,
        "last_attempt_at": delivery.last_attempt_at,
        "response_code": delivery.response_code,
        "error": delivery.error,
        "duration_ms": delivery.duration_ms,
        "created_at": delivery.created_at,
    }


def webhooks_shape(webhooks: Sequence[Webhook]) -> dict[str, Any]:
    """Return all webhooks of a company."""
    return {"success": True, "webhooks": [webhook_shape(one) for one in webhooks]}
