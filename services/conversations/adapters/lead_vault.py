"""Leads' personal data: encrypted for their row, and found by a keyed hash of the address.

The hash's key is a random one of the tenant, itself encrypted: so it outlives the rotation of what
encrypts, and dies with the tenant's key.
"""

import hmac
import os
from collections import OrderedDict
from dataclasses import asdict
from typing import Final
from uuid import UUID

import orjson

from libs.common.crypto import Cipher, KeyRing
from libs.common.database import Database
from services.conversations.domain.leads import LeadPerson, email_key
from services.conversations.models.encrypted import LEADS_PURPOSE

_KEY_BYTES: Final = 32
_MAX_KEYS: Final = 10_000
_READ: Final = "SELECT key FROM lead_index_keys WHERE tenant_id = $1"
_ADD: Final = "INSERT INTO lead_index_keys (tenant_id, key) VALUES ($1, $2) ON CONFLICT DO NOTHING"


class LeadVault:
    """Seals and opens what identifies leads."""

    def __init__(self, key_ring: KeyRing, database: Database) -> None:
        self._key_ring = key_ring
        self._database = database
        self._index_keys: OrderedDict[UUID, bytes] = OrderedDict()

    async def index(self, tenant_id: UUID, email: str) -> bytes:
        """Return what an address is found by: the same however it is typed."""
        key = await self._index_key(tenant_id)
        return hmac.digest(key, email_key(email).encode(), "sha256")

    async def seal(self, tenant_id: UUID, lead_id: UUID, person: LeadPerson) -> bytes:
        """Encrypt a person for their row."""
        cipher = await self._cipher(tenant_id)
        plain = orjson.dumps(asdict(person))
        return cipher.encrypt(plain, table="leads", column="personal", row=lead_id)

    async def open(self, tenant_id: UUID, lead_id: UUID, sealed: bytes) -> LeadPerson:
        """Decrypt a person of a row."""
        cipher = await self._cipher(tenant_id)
        plain = cipher.decrypt(sealed, table="leads", column="personal", row=lead_id)
        return LeadPerson(**orjson.loads(plain))

    async def _index_key(self, tenant_id: UUID) -> bytes:
        known = self._index_keys.get(tenant_id)
        if known is not None:
            return known
        cipher = await self._cipher(tenant_id)
        new = os.urandom(_KEY_BYTES)
        sealed = cipher.encrypt(new, table="lead_index_keys", column="key", row=tenant_id)
        async with self._database.lean(tenant_id) as connection:
            stored = await connection.fetchval(_READ, tenant_id)
            if stored is None:
                # Two may be first at once: both go on with what was stored.
                await connection.execute(_ADD, tenant_id, sealed)
                stored = await connection.fetchval(_READ, tenant_id)
        key = cipher.decrypt(stored, table="lead_index_keys", column="key", row=tenant_id)
        self._index_keys[tenant_id] = key
        if len(self._index_keys) > _MAX_KEYS:
            self._index_keys.popitem(last=False)
        return key

    async def _cipher(self, tenant_id: UUID) -> Cipher:
        return await self._key_ring.cipher(tenant_id, LEADS_PURPOSE)
