"""The keys that sign access tokens; the first process to need one makes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.common.crypto import Cipher, KeyRing
from libs.common.database import PLATFORM_TENANT, Database
from libs.common.ids import new_id
from libs.common.security import SigningKey
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.signing import DatedKey
from services.auth.models.signing_keys import SigningKeyRow
from services.auth.repositories.signing_keys import SigningKeyRepository

PURPOSE = "signing-keys"


@dataclass(frozen=True, kw_only=True)
class LoadSigningKeys:
    """Return the keys in use, the one that signs last first; there is at least one afterwards."""

    database: Database
    key_ring: KeyRing
    clock: Clock = utc_now

    async def __call__(self) -> Sequence[DatedKey]:
        cipher = await self.key_ring.cipher(PLATFORM_TENANT, PURPOSE)
        now = self.clock()
        async with self.database.session(PLATFORM_TENANT) as session:
            keys = SigningKeyRepository(session, PLATFORM_TENANT)
            rows = await keys.in_use(now=now)
            if not rows:
                # Replicas start together: one makes the key, the others then find it.
                await keys.lock()
                rows = await keys.in_use(now=now)
            if not rows:
                rows = [new_row(cipher, signs_from=now, now=now)]
                keys.add(rows[0])
        return [DatedKey(key=_opened(row, cipher), signs_from=row.signs_from) for row in rows]


def new_row(cipher: Cipher, *, signs_from: datetime, now: datetime) -> SigningKeyRow:
    """Make a key, sealed."""
    row_id: UUID = new_id()
    key = SigningKey.generate(str(row_id))
    return SigningKeyRow(
        id=row_id,
        algorithm="ES256",
        private_key=cipher.encrypt(
            key.pem.encode(), table="signing_keys", column="private_key", row=row_id
        ),
        public_jwk=key.public_jwk,
        signs_from=signs_from,
        created_at=now,
    )


def _opened(row: SigningKeyRow, cipher: Cipher) -> SigningKey:
    pem = cipher.decrypt(
        row.private_key, table="signing_keys", column="private_key", row=row.id
    ).decode()
    return SigningKey(str(row.id), pem)
