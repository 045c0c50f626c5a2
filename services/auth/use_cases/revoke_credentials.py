"""All that opens an account besides its password, when somebody else may have put it there."""

from collections.abc import Sequence
from datetime import datetime

from libs.common.events.catalogue.auth import ApiKeyRevoked
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import AuthUnitOfWork


async def revoke_keys(uow: AuthUnitOfWork, user: User, *, now: datetime) -> Sequence[bytes]:
    """Revoke a user's API keys; return their hashes, for `Revocations` after the commit."""
    revoked = await uow.api_keys.revoke_all(user.id, now=now)
    for key_id, _ in revoked:
        uow.outbox.record(ApiKeyRevoked(key_id=key_id), aggregate_id=key_id)
    return [pair_hash for _, pair_hash in revoked]


async def remove_factors(uow: AuthUnitOfWork, user: User, *, now: datetime) -> tuple[bool, int]:
    """Take a user's second factors away.

    Returns:
        Whether there was an authenticator app, and how many passkeys.
    """
    had_app = await uow.second_factors.remove_totp(user.id)
    passkeys = await uow.passkeys.delete_of(user.id)
    await uow.second_factors.replace_recovery_codes(user.id, [], now=now)
    user.two_factor_enabled = False
    return had_app, passkeys
