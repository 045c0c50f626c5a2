"""The secrets by which webhooks tell that it is us: encrypted for their row."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from libs.common.crypto import KeyRing
from services.conversations.models.encrypted import WEBHOOKS_PURPOSE

Column = Literal["secret", "previous_secret"]


@dataclass(frozen=True)
class WebhookSecrets:
    """Seals and opens secrets."""

    key_ring: KeyRing

    async def seal(
        self, tenant_id: UUID, webhook_id: UUID, secret: str, *, column: Column = "secret"
    ) -> bytes:
        """Encrypt a secret for its row and column."""
        cipher = await self.key_ring.cipher(tenant_id, WEBHOOKS_PURPOSE)
        return cipher.encrypt(secret.encode(), table="webhooks", column=column, row=webhook_id)

    async def open(
        self, tenant_id: UUID, webhook_id: UUID, sealed: bytes, *, column: Column = "secret"
    ) -> str:
        """Decrypt a secret."""
        cipher = await self.key_ring.cipher(tenant_id, WEBHOOKS_PURPOSE)
        plain = cipher.decrypt(sealed, table="webhooks", column=column, row=webhook_id)
        return plain.decode()
