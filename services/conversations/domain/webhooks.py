"""Webhooks: what a company's own systems are told, and how they can tell that it was us.

Headers, signature and body are those of the Standard Webhooks specification 1.0.0
(https://www.standardwebhooks.com).
"""

import base64
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from libs.common.jobs import Job
from libs.common.periodic import jittered

EVENTS: Final = (
    "answer.completed",
    "answer.failed",
    "handoff.changed",
    "lead.deleted",
    "lead.registered",
    "lead.updated",
    "message.posted",
    "message.rated",
)
TEST_EVENT: Final = "webhook.test"
MAX_WEBHOOKS: Final = 20
TIMEOUT_SECONDS: Final = 15.0
# What was signed with the secret of before is still signed with it, too, for so long.
OVERLAP: Final = timedelta(hours=24)
# A little more than a day in all.
_PAUSES_SECONDS: Final = (
    5,
    30,
    2 * 60,
    10 * 60,
    30 * 60,
    3600,
    2 * 3600,
    4 * 3600,
    8 * 3600,
    9 * 3600,
)
MAX_TRIES: Final = len(_PAUSES_SECONDS) + 1
# One that has taken nothing for so long, though it was tried again and again, is switched off.
GIVEN_UP_AFTER: Final = timedelta(hours=20)
_SECRET_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32
GONE: Final = 410


class DeliverWebhook(Job, kind="deliver_webhook", max_seconds=60):
    """Tell a webhook of one event.

    Args:
        delivery_id: Which delivery.
        attempt: How many attempts there were before; a job of an earlier one does nothing.
    """

    delivery_id: UUID
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An address of a company that hears of events.

    Attributes:
        events: Their names.
        personal_data: Whether events of leads come with who the lead is.
        failing_since: When it last stopped taking what it is told; None while it takes it.
        disabled_because: Why it was switched off, where the company did not do it.
    """

    id: UUID
    url: str
    description: str
    events: Sequence[str]
    personal_data: bool
    enabled: bool
    failing_since: datetime | None
    disabled_because: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event that a webhook is told of, and how far that has come."""

    id: UUID
    webhook_id: UUID
    event_id: UUID
    event: str
    payload: Mapping[str, Any]
    occurred_at: datetime
    status: str
    attempts: int
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    response_code: int | None
    error: str | None
    duration_ms: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What one attempt needs to know.

    Attributes:
        tries: How many there were since it was last asked for.
        secret: Encrypted, as is `previous_secret`, which is None once it counts no more.
    """

    delivery: Delivery
    webhook: Webhook
    tries: int
    secret: bytes = field(repr=False)
    previous_secret: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        code: Of the reply; None where none came.
        error: Why it counts as failed, for people; None where it does not.
    """

    code: int | None
    error: str | None
    duration_ms: int


def new_secret() -> str:
    """Return a secret in the specification's form."""
    return _SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed(
    body: bytes, *, message_id: str, at: datetime, with_secrets: Sequence[str]
) -> dict[str, str]:
    """Return the headers that show where a body comes from, and when it was sent.

    Args:
        body: What is sent, byte by byte.
        message_id: The same however often it is sent.
        at: Now.
        with_secrets: One signature for each.
    """
    timestamp = str(int(at.timestamp()))
    content = f"{message_id}.{timestamp}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.digest(_key(one), content, "sha256")).decode()
        for one in with_secrets
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def body_of(delivery: Delivery, person: Mapping[str, str] | None) -> bytes:
    """Return what a webhook is sent.

    Args:
        delivery: The event.
        person: Who the lead is, where the company wants that to be told.
    """
    data = dict(delivery.payload)
    if person is not None:
        data["lead"] = dict(person)
    return orjson.dumps(
        {
            "id": str(delivery.event_id),
            "type": delivery.event,
            "timestamp": delivery.occurred_at.isoformat(),
            "data": data,
        }
    )


def pause_after(tries: int) -> timedelta | None:
    """Return how long to wait after so many attempts; None when they were enough."""
    if tries >= MAX_TRIES:
        return None
    return timedelta(seconds=jittered(_PAUSES_SECONDS[tries - 1], 0.9, 1.1))


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_SECRET_PREFIX))
