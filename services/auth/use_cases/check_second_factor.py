"""Whether what somebody shows is their second factor; each proof is good once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.common.crypto import Cipher, KeyRing
from services.auth.adapters.passkeys import WebAuthn
from services.auth.domain.errors import ProofRefused
from services.auth.domain.second_factors import Proof, matching_step
from services.auth.models.second_factors import TotpDevice
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import AuthUnitOfWork

PURPOSE = "second-factors"


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What somebody is asked for: a token that joins the answer to this question."""

    token: str = field(repr=False)
    methods: Sequence[str]
    passkey_options: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class CheckSecondFactor:
    """Use a proof up, in the unit of work of what it lets through.

    Which of two equal proofs comes first is decided by the row that both want to change.
    """

    key_ring: KeyRing
    passkeys: WebAuthn

    async def cipher(self, tenant_id: UUID) -> Cipher:
        """Return what secrets are encrypted with; before the unit of work is opened."""
        return await self.key_ring.cipher(tenant_id, PURPOSE)

    async def __call__(
        self,
        uow: AuthUnitOfWork,
        user: User,
        proof: Proof,
        *,
        nonce: bytes | None,
        now: datetime,
    ) -> str:
        """Return the kind of proof that held.

        Raises:
            ProofRefused: It is wrong, was used before, or the user has no such factor.
        """
        cipher = await self.cipher(user.tenant_id)
        if proof.code is not None:
            device = await uow.second_factors.totp(user.id)
            if device is None or device.confirmed_at is None:
                raise ProofRefused
            step = matching_step(opened(device, cipher), proof.code, now=now)
            if step is None or not await uow.second_factors.accept_step(user.id, step=step):
                raise ProofRefused
            return "totp"
        if proof.recovery_code is not None:
            if not await uow.second_factors.use_recovery_code(
                user.id, proof.recovery_code, now=now
            ):
                raise ProofRefused
            return "recovery_code"
        if proof.passkey is None or nonce is None:
            raise ProofRefused
        credential_id = self.passkeys.credential_id(proof.passkey)
        passkey = credential_id and await uow.passkeys.of_user_by_credential(user.id, credential_id)
        if not passkey:
            raise ProofRefused
        sign_count = self.passkeys.signed(proof.passkey, passkey, nonce=nonce)
        if not await uow.passkeys.note_use(passkey.id, sign_count=sign_count, now=now):
            raise ProofRefused
        return "passkey"

    async def demand(
        self, uow: AuthUnitOfWork, user_id: UUID, *, token: str, nonce: bytes
    ) -> Demand:
        """Say what a user may show."""
        methods = []
        device = await uow.second_factors.totp(user_id)
        if device is not None and device.confirmed_at is not None:
            methods.append("totp")
        known = await uow.passkeys.of_user(user_id)
        if known:
            methods.append("passkey")
        if await uow.second_factors.recovery_codes_left(user_id):
            methods.append("recovery_code")
        options = self.passkeys.request_options(known, nonce=nonce) if known else None
        return Demand(token=token, methods=methods, passkey_options=options)


def opened(device: TotpDevice, cipher: Cipher) -> str:
    """Return the secret of an authenticator app."""
    return cipher.decrypt(
        device.secret, table="totp_devices", column="secret", row=device.user_id
    ).decode()


def sealed(secret: str, user_id: UUID, cipher: Cipher) -> bytes:
    """Encrypt the secret of an authenticator app for its row."""
    return cipher.encrypt(secret.encode(), table="totp_devices", column="secret", row=user_id)
