"""JSON of a client's own making, as far as PostgreSQL and the chat models can take it."""

from typing import Annotated, Any

import orjson
from pydantic import AfterValidator


def _plain(value: Any) -> Any:
    try:
        written = orjson.dumps(value)
    except TypeError:
        raise ValueError(
            "must be plain JSON: whole characters, integers of 64 bits, not too deep"
        ) from None
    if b"\\u0000" in written:
        raise ValueError("must not hold the character NUL")
    # NaN and infinity, which JSON does not know, come back as null.
    return orjson.loads(written)


JsonObject = Annotated[dict[str, Any], AfterValidator(_plain)]
JsonTexts = Annotated[str | list[str], AfterValidator(_plain)]
