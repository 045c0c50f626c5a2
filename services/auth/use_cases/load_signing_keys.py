"""The keys that sign access tokens; the first process to need one makes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.crypto import Cipher, KeyRing
from libs.common.database import PLATFORM_TENANT
from libs.common.ids import new_id
from libs.common.security import SigningKey
from services.auth.domain.clock import Clock, utc_now
from services.auth.models.signing_keys import SigningKeyRow
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class LoadSigningKeys:
    """Return the keys in use, newest first; there is at least one afterwards."""

    unit_of_work: OpenUnitOfWork
    key_ring: KeyRing
    clock: Clock = utc_now

    async def __call__(self) -> Sequence[SigningKey]:
        cipher = await self.key_ring.cipher(PLATFORM_TENANT, "signing-keys")
        async with self.unit_of_work(PLATFORM_TENANT) as uow:
            rows = await uow.signing_keys.in_use()
            if not rows:
                # Replicas start together: one makes the key, the others then find it.
                await uow.signing_keys.lock()
                rows = await uow.signing_keys.in_use()
            if not rows:
                row_id = new_id()
                key = SigningKey.generate(str(row_id))
                uow.signing_keys.add(self._sealed(key, row_id, cipher))
                return [key]
        return [_opened(row, cipher) for row in rows]

    def _sealed(self, key: SigningKey, row_id: UUID, cipher: Cipher) -> SigningKeyRow:
        return SigningKeyRow(
            id=row_id,
            algorithm="ES256",
            private_key=cipher.encrypt(
                key.pem.encode(), table="signing_keys", column="private_key", row=row_id
            ),
            public_jwk=key.public_jwk,
            created_at=self.clock(),
        )


def _opened(row: SigningKeyRow, cipher: Cipher) -> SigningKey:
    pem = cipher.decrypt(
        row.private_key, table="signing_keys", column="private_key", row=row.id
    ).decode()
    return SigningKey(str(row.id), pem)
