"""Telling a webhook of an event: one attempt."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from libs.common.telemetry import get_logger
from libs.common.wake import Wake
from services.conversations.adapters.webhook_calls import WebhookCalls
from services.conversations.adapters.webhook_secrets import WebhookSecrets
from services.conversations.domain.ports import LeadVault
from services.conversations.domain.webhooks import (
    GONE,
    TEST_EVENT,
    DeliverWebhook,
    Due,
    body_of,
    pause_after,
    signed,
)
from services.conversations.repositories.unit_of_work import OpenUnitOfWork
from services.conversations.repositories.webhooks import WebhookStore

log = get_logger(__name__)

_OFF: Final = "The webhook is switched off."
_FAILED_LONG: Final = "It has failed for a day."
_SAID_GONE: Final = "It replied that it is gone for good (410)."


@dataclass(frozen=True, kw_only=True)
class SendWebhook:
    """Make one attempt, note how it ended and queue the next; none is noted twice.

    A worker that dies after the call and before the note makes the call again: receivers know it
    by its `webhook-id`.
    """

    store: WebhookStore
    secrets: WebhookSecrets
    call: WebhookCalls
    unit_of_work: OpenUnitOfWork
    vault: LeadVault
    wake: Wake

    async def __call__(self, tenant_id: UUID, job: DeliverWebhook) -> None:
        """Do what a job asks for; nothing, where it has been done."""
        due = await self.store.due(tenant_id, job.delivery_id, attempt=job.attempt)
        if due is None:
            return
        delivery, webhook = due.delivery, due.webhook
        if not webhook.enabled and delivery.event != TEST_EVENT:
            await self.store.give_up(tenant_id, due, because=_OFF)
            return
        body = body_of(delivery, await self._person(tenant_id, due))
        headers = signed(
            body,
            message_id=str(delivery.event_id),
            at=datetime.now(UTC),
            with_secrets=await self._secrets(tenant_id, due),
        )
        outcome = await self.call(webhook.url, body, headers)
        # A test is for somebody who waits for it.
        last = outcome.error is None or delivery.event == TEST_EVENT or outcome.code == GONE
        pause = None if last else pause_after(due.tries + 1)
        if not await self.store.end_attempt(tenant_id, due, outcome, pause=pause):
            return
        if outcome.error is None:
            return
        log.info("webhook_failed", webhook_id=str(webhook.id), code=outcome.code)
        if (
            pause is None
            and delivery.event != TEST_EVENT
            and await self.store.switch_off(
                tenant_id,
                webhook.id,
                because=_SAID_GONE if outcome.code == GONE else _FAILED_LONG,
                at_once=outcome.code == GONE,
            )
        ):
            log.warning("webhook_switched_off", webhook_id=str(webhook.id))
            self.wake.events()

    async def give_up(self, tenant_id: UUID, job: DeliverWebhook, reason: str) -> None:
        """Note that an attempt could not be made at all."""
        due = await self.store.due(tenant_id, job.delivery_id, attempt=job.attempt)
        if due is not None:
            await self.store.give_up(tenant_id, due, because=reason)

    async def _secrets(self, tenant_id: UUID, due: Due) -> list[str]:
        webhook_id = due.webhook.id
        found = [await self.secrets.open(tenant_id, webhook_id, due.secret)]
        if due.previous_secret is not None:
            found.append(
                await self.secrets.open(
                    tenant_id, webhook_id, due.previous_secret, column="previous_secret"
                )
            )
        return found

    async def _person(self, tenant_id: UUID, due: Due) -> Mapping[str, str] | None:
        """Return who a lead is as of now, where that is wanted; a deleted one is nobody."""
        lead_id = due.delivery.payload.get("lead_id")
        if not due.webhook.personal_data or not isinstance(lead_id, str):
            return None
        async with self.unit_of_work(tenant_id, read_only=True) as uow:
            lead = await uow.leads.get(UUID(lead_id))
        if lead is None:
            return None
        person = await self.vault.open(tenant_id, lead.id, lead.personal)
        return {
            "first_name": person.first_name,
            "last_name": person.last_name,
            "email": person.email,
            "phone": person.phone,
            "company": person.company,
        }
