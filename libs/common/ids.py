"""Identifiers: time-ordered ones for rows, random ones for tasks.

A task id is a capability (whoever holds it may poll the task), so it is random; its first hex
digit names the service that owns the task, by which the gateway routes.
"""

import os
import time
from uuid import UUID, uuid4

_TASK_DIGITS = {
    "auth": 0xA,
    "agents": 0xB,
    "conversations": 0xC,
    "documents": 0xD,
    "analytics": 0xE,
}
_SERVICES_BY_DIGIT = {digit: service for service, digit in _TASK_DIGITS.items()}
_FIRST_DIGIT_SHIFT = 124


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562), greater than all that this process has made before.

    Milliseconds in 48 bits, 4096ths of them in the next twelve (method 3 of section 6.2), then 62
    random bits: what is recorded in one go can be read back in its order.
    """
    _Clock.ticks = max(time.time_ns() * 4096 // 1_000_000, _Clock.ticks + 1)
    value = (_Clock.ticks >> 12 & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76
    value |= (_Clock.ticks & 0xFFF) << 64
    value |= 0b10 << 62
    value |= int.from_bytes(os.urandom(8), "big") & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=value)


class _Clock:
    """The time in the last id, in 4096ths of a millisecond since 1970."""

    ticks = 0


def new_task_id(service: str) -> UUID:
    """Return a random UUIDv4 whose first hex digit names `service`.

    Raises:
        KeyError: `service` is none of the platform's.
    """
    digit = _TASK_DIGITS[service]
    random = uuid4().int & ~(0xF << _FIRST_DIGIT_SHIFT)
    return UUID(int=random | digit << _FIRST_DIGIT_SHIFT)


def service_of_task(task_id: UUID) -> str | None:
    """Name the service that owns a task; None when no service makes such ids."""
    return _SERVICES_BY_DIGIT.get(task_id.int >> _FIRST_DIGIT_SHIFT)
