"""Settings of a company, over those of the platform: shown and set."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from libs.common.crypto import KeyRing
from libs.common.database import PLATFORM_TENANT
from libs.common.errors import Forbidden
from libs.common.security import Caller, Scope
from services.auth.domain.audit import AuditEvent, Risk, by
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.config_values import (
    CONFIG_PURPOSE,
    MAX_KEYS,
    ConfigTooLarge,
    ConfigType,
    as_bytes,
    read_value,
    type_of,
)
from services.auth.models.config_values import ConfigValue
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting as its readers may see it; `value` is None when it is sensitive."""

    key: str
    value: Any
    type: str
    description: str | None
    is_sensitive: bool
    is_platform: bool
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class ShowConfig:
    """Return the company's settings, and those of the platform that it has none for."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    key_ring: KeyRing

    async def __call__(self) -> Sequence[Setting]:
        found = {one.key: one for one in await self._of(PLATFORM_TENANT)}
        found |= {one.key: one for one in await self._of(self.caller.tenant_id)}
        return [found[key] for key in sorted(found)]

    async def _of(self, tenant_id: UUID) -> Sequence[Setting]:
        # Its key is fetched on first use, by a connection of its own.
        cipher = await self.key_ring.cipher(tenant_id, CONFIG_PURPOSE)
        async with self.unit_of_work(tenant_id, read_only=True) as uow:
            values = await uow.config.all()
        return [
            _setting(
                value,
                None
                if value.is_sensitive
                else orjson.loads(
                    cipher.decrypt(
                        value.sealed, table="config_values", column="sealed", row=value.key
                    )
                ),
            )
            for value in values
        ]


@dataclass(frozen=True, kw_only=True)
class SetConfig:
    """Keep a value under a key; what is not said of it stays as it was."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    key_ring: KeyRing
    clock: Clock = utc_now

    async def __call__(
        self,
        key: str,
        given: object,
        *,
        type: ConfigType | None,  # noqa: A002 - what it is
        description: str | None,
        is_sensitive: bool | None,
        for_platform: bool,
        address: str | None,
    ) -> Setting:
        """Return the setting.

        Raises:
            Forbidden: It is the platform's, and the caller is not of its people.
            WrongConfigType: Or ConfigTooLarge: it cannot be kept like this.
        """
        if for_platform and not self.caller.may(Scope.PLATFORM_ADMIN):
            raise Forbidden(details={"required_scope": str(Scope.PLATFORM_ADMIN)})
        tenant_id = PLATFORM_TENANT if for_platform else self.caller.tenant_id
        cipher, now = await self.key_ring.cipher(tenant_id, CONFIG_PURPOSE), self.clock()
        record = by(
            self.caller,
            AuditEvent.CONFIG_CHANGED,
            f"Setting changed{' for the whole platform' if for_platform else ''}.",
            entity=("config", None),
            risk=Risk.HIGH if for_platform else Risk.MEDIUM,
            address=address,
            details={"key": key},
        )
        if for_platform:
            # The platform's tenant has nobody to read a trail; first, so that it is never unseen.
            async with self.unit_of_work(self.caller.tenant_id) as uow:
                await uow.audit.append(record, now=now)
        async with self.unit_of_work(tenant_id) as uow:
            stored = await uow.config.locked(key)
            wanted = type or (ConfigType(stored.type) if stored else type_of(given))
            value = read_value(given, wanted)
            sealed = cipher.encrypt(
                as_bytes(value), table="config_values", column="sealed", row=key
            )
            if stored is None:
                if await uow.config.count() >= MAX_KEYS:
                    raise ConfigTooLarge
                stored = ConfigValue(key=key, is_sensitive=False, created_at=now)
                uow.config.add(stored)
            stored.type, stored.sealed, stored.updated_at = wanted, sealed, now
            if description is not None:
                stored.description = description
            if is_sensitive is not None:
                stored.is_sensitive = is_sensitive
            if not for_platform:
                await uow.audit.append(record, now=now)
        return _setting(stored, None if stored.is_sensitive else value)


def _setting(value: ConfigValue, shown: object) -> Setting:
    return Setting(
        key=value.key,
        value=shown,
        type=value.type,
        description=value.description,
        is_sensitive=value.is_sensitive,
        is_platform=value.tenant_id == PLATFORM_TENANT,
        updated_at=value.updated_at,
    )
