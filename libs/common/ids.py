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
    """Return a UUIDv7 (RFC 9562): 48 bits of milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76
    value |= (random >> 62 & 0xFFF) << 64
    value |= 0b10 << 62
    value |= random & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=value)


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
