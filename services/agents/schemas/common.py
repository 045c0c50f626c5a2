"""Kinds of values that several shapes share."""

from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from services.agents.domain.profiles import REDACTED

MAX_JSON_BYTES = 16 * 1024


def _without_nul(text: str) -> str:
    # PostgreSQL's text cannot hold it.
    if "\x00" in text:
        raise ValueError("the text contains a NUL character")
    return text


def _small(value: Any) -> Any:
    try:
        written = orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise ValueError("the value cannot be stored") from error
    if len(written) > MAX_JSON_BYTES:
        raise ValueError(f"the value is larger than {MAX_JSON_BYTES // 1024} KiB")
    if b"\\u0000" in written:
        raise ValueError("the value contains a NUL character")
    return value


def _sendable(text: str) -> str:
    # It goes into a header one day; what `redact` made may come back.
    if not (text.removeprefix(REDACTED).isascii() and text.isprintable()):
        raise ValueError("a key consists of printable ASCII characters")
    return text


def _web_address(text: str) -> str:
    if text and not text.lower().startswith(("https://", "http://")):
        raise ValueError("the address must begin with https:// or http://")
    return text


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_without_nul),
]
LongText = Annotated[str, StringConstraints(max_length=32_000), AfterValidator(_without_nul)]
ShortText = Annotated[str, StringConstraints(max_length=500), AfterValidator(_without_nul)]
Secret = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=4000),
    AfterValidator(_sendable),
]
WebAddress = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=2000),
    AfterValidator(_without_nul),
    AfterValidator(_web_address),
]
JsonObject = Annotated[dict[str, Any], AfterValidator(_small)]
JsonList = Annotated[list[Any], AfterValidator(_small)]


class Input(BaseModel):
    """A request's body; fields we do not know are ignored, as clients send some."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())


class Output(BaseModel):
    """A reply's body."""

    model_config = ConfigDict(protected_namespaces=())


class MessageOut(Output):
    """That something was done."""

    message: str
