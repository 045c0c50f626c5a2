"""A company's webhooks: setting them up, and looking at what they were told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from libs.common.ids import new_id
from libs.common.outbound import OutboundPolicy, host_of
from libs.common.wake import Wake
from services.conversations.adapters.webhook_secrets import WebhookSecrets
from services.conversations.domain.errors import (
    DeliveryNotFound,
    DeliveryUnderWay,
    TooManyWebhooks,
    WebhookNotFound,
    WebhookSecretChanged,
    WebhookUrlRefused,
)
from services.conversations.domain.webhooks import OVERLAP, Delivery, Webhook, new_secret
from services.conversations.repositories.webhooks import WebhookStore


@dataclass(frozen=True, kw_only=True)
class Webhooks:
    """Webhooks as a company sets them; who did what is told, for the audit trail."""

    store: WebhookStore
    secrets: WebhookSecrets
    policy: OutboundPolicy
    wake: Wake

    async def create(
        self, tenant_id: UUID, values: Mapping[str, Any], *, by: UUID | None
    ) -> tuple[Webhook, str]:
        """Add a webhook; return it, and its secret, which is not shown again.

        Raises:
            WebhookUrlRefused: Nothing is sent to such an address.
            TooManyWebhooks: The company has as many as it may.
        """
        self._check(values["url"])
        webhook_id, secret = new_id(), new_secret()
        sealed = await self.secrets.seal(tenant_id, webhook_id, secret)
        webhook = await self.store.add(tenant_id, webhook_id, values, secret=sealed, by=by)
        if webhook is None:
            raise TooManyWebhooks
        self.wake.events()
        return webhook, secret

    async def all(self, tenant_id: UUID) -> Sequence[Webhook]:
        """Return the company's webhooks, oldest first."""
        return await self.store.all(tenant_id)

    async def show(self, tenant_id: UUID, webhook_id: UUID) -> Webhook:
        """Return a webhook; raises `WebhookNotFound`."""
        webhook = await self.store.show(tenant_id, webhook_id)
        if webhook is None:
            raise WebhookNotFound
        return webhook

    async def update(
        self, tenant_id: UUID, webhook_id: UUID, changes: Mapping[str, Any], *, by: UUID | None
    ) -> Webhook:
        """Change a webhook; what is not named stays as it is.

        Raises:
            WebhookNotFound: There is no such webhook.
            WebhookUrlRefused: Nothing is sent to such an address.
        """
        if "url" in changes:
            self._check(changes["url"])
        webhook = await self.store.update(tenant_id, webhook_id, changes, by=by)
        if webhook is None:
            raise WebhookNotFound
        self.wake.events()
        return webhook

    async def delete(self, tenant_id: UUID, webhook_id: UUID, *, by: UUID | None) -> None:
        """Delete a webhook with its log; raises `WebhookNotFound`."""
        if not await self.store.delete(tenant_id, webhook_id, by=by):
            raise WebhookNotFound
        self.wake.events()

    async def rotate(self, tenant_id: UUID, webhook_id: UUID, *, by: UUID | None) -> str:
        """Return a new secret; for a day what is sent is signed with the old one, too.

        Raises:
            WebhookNotFound: There is no such webhook.
            WebhookSecretChanged: Somebody else has just done the same.
        """
        known = await self.store.secret(tenant_id, webhook_id)
        if known is None:
            raise WebhookNotFound
        before = await self.secrets.open(tenant_id, webhook_id, known)
        secret = new_secret()
        changed = await self.store.rotate(
            tenant_id,
            webhook_id,
            known=known,
            secret=await self.secrets.seal(tenant_id, webhook_id, secret),
            previous=await self.secrets.seal(
                tenant_id, webhook_id, before, column="previous_secret"
            ),
            overlap=OVERLAP,
            by=by,
        )
        if not changed:
            raise WebhookSecretChanged
        self.wake.events()
        return secret

    async def test(self, tenant_id: UUID, webhook_id: UUID) -> Delivery:
        """Have a test delivered, to one that is switched off, too; raises `WebhookNotFound`."""
        delivery = await self.store.note_test(tenant_id, webhook_id)
        if delivery is None:
            raise WebhookNotFound
        self.wake.jobs()
        return delivery

    async def deliveries(
        self, tenant_id: UUID, webhook_id: UUID, *, status: str | None, page: int, per_page: int
    ) -> tuple[Sequence[Delivery], int]:
        """Return a page of what a webhook was told, and how much it is; `WebhookNotFound`."""
        await self.show(tenant_id, webhook_id)
        return await self.store.log(
            tenant_id, webhook_id, status=status, limit=per_page, offset=(page - 1) * per_page
        )

    async def redeliver(self, tenant_id: UUID, webhook_id: UUID, delivery_id: UUID) -> Delivery:
        """Have an event delivered again, under the same id.

        Raises:
            WebhookNotFound: There is no such webhook.
            DeliveryNotFound: It was never told of such an event.
            DeliveryUnderWay: It is being tried anyway.
        """
        await self.show(tenant_id, webhook_id)
        found = await self.store.again(tenant_id, webhook_id, delivery_id)
        if isinstance(found, Delivery):
            self.wake.jobs()
            return found
        raise DeliveryUnderWay if found else DeliveryNotFound

    def _check(self, url: str) -> None:
        fault = self.policy.why_not(url)
        if fault is not None:
            raise WebhookUrlRefused(f"The address {fault}.")
        open_here = self.policy.allow_private or host_of(url) in self.policy.trusted_hosts
        if not url.lower().startswith("https:") and not open_here:
            raise WebhookUrlRefused("The address must begin with https://.")
