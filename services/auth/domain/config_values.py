"""Settings: what they may be, and how they are read from what clients send."""

import math
from enum import StrEnum
from typing import Any, Final

import orjson

from libs.common.errors import Invalid

CONFIG_PURPOSE: Final = "config"
MAX_KEYS: Final = 200
MAX_BYTES: Final = 8192
# Shown in place of a sensitive value.
HIDDEN: Final = "********"


class ConfigType(StrEnum):
    """What a value is."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"


class WrongConfigType(Invalid):
    """The value is not of the type that was named."""

    code = "wrong_config_type"
    message = "The value does not fit its type."


class ConfigTooLarge(Invalid):
    """There is a bound on what is kept here."""

    code = "config_too_large"
    message = "A value may have 8 KiB, and a company 200 of them."


def type_of(value: object) -> ConfigType:
    """Return the type that a value has when none is named."""
    match value:
        case bool():
            return ConfigType.BOOLEAN
        case int():
            return ConfigType.INTEGER
        case float():
            return ConfigType.NUMBER
        case str():
            return ConfigType.STRING
        case _:
            return ConfigType.JSON


def read_value(value: object, wanted: ConfigType) -> Any:
    """Return a value as its type; texts are read, since some clients send nothing else.

    Raises:
        WrongConfigType: It is none of these.
    """
    found: Any = None
    if wanted is ConfigType.JSON:
        return value
    if wanted is ConfigType.STRING:
        found = value if isinstance(value, str) else None
    elif wanted is ConfigType.BOOLEAN:
        known = {"true": True, "false": False}
        found = known.get(value.strip().lower()) if isinstance(value, str) else value
        found = found if isinstance(found, bool) else None
    elif not isinstance(value, bool) and isinstance(value, int | float | str):
        try:
            whole = wanted is ConfigType.INTEGER
            found = int(str(value)) if whole else float(value)
        except (ValueError, OverflowError):
            found = None
        # Neither JSON nor anybody's arithmetic knows what they are.
        if isinstance(found, float) and not math.isfinite(found):
            found = None
    if found is None:
        raise WrongConfigType(details={"type": wanted})
    return found


def as_bytes(value: object) -> bytes:
    """Return a value as it is encrypted.

    Raises:
        ConfigTooLarge: It is.
        WrongConfigType: It has numbers that no JSON has room for.
    """
    try:
        content = orjson.dumps(value)
    except orjson.JSONEncodeError:
        raise WrongConfigType from None
    if len(content) > MAX_BYTES:
        raise ConfigTooLarge
    return content
