"""The caller changes what is known of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from libs.common.events.catalogue.auth import UserUpdated
from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import UserNotFound
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ProfileChanges:
    """What a user may change alone; None leaves a field as it is."""

    first_name: str | None = None
    last_name: str | None = None
    timezone: str | None = None
    language: str | None = None
    preferences: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class UpdateProfile:
    """Change the caller's own profile, and nothing else of the user."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(self, changes: ProfileChanges, *, address: str | None) -> User:
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            user = await uow.users.get(self.caller.user_id) if self.caller.user_id else None
            if user is None:
                raise UserNotFound
            changed = {name: value for name, value in vars(changes).items() if value is not None}
            for name, value in changed.items():
                setattr(user, name, dict(value) if name == "preferences" else value)
            if changed:
                user.updated_at = now
                uow.outbox.record(UserUpdated(user_id=user.id), aggregate_id=user.id)
                await uow.audit.append(
                    AuditRecord(
                        event=AuditEvent.USER_UPDATED,
                        description="Profile changed.",
                        actor_id=self.caller.user_id,
                        actor_role=self.caller.role,
                        entity_type="user",
                        entity_id=user.id,
                        address=address,
                        details={"fields": sorted(changed)},
                    ),
                    now=now,
                )
        return user
