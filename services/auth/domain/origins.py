"""Whose pages may use a company's credentials."""

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

from libs.common.http.cross_origin import origin_of
from services.auth.domain.company_errors import InvalidOrigin, OriginNotOffered

EVERYBODY: Final = "*"


def read_origins(given: Iterable[str], *, platform: Sequence[str]) -> list[str]:
    """Return origins as browsers write them, each once, in order.

    Args:
        given: As people write them: a slash at the end is forgiven.
        platform: The platform's own list, which a company can only narrow.

    Raises:
        InvalidOrigin: One of them is none.
        OriginNotOffered: The platform does not allow one of them.
    """
    origins: list[str] = []
    for text in given:
        origin = origin_of(text)
        parts = urlsplit(text.strip()) if origin else None
        if origin is None or parts is None or "@" in parts.netloc or "*" in parts.netloc:
            raise InvalidOrigin(details={"origin": text})
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise InvalidOrigin(details={"origin": text})
        origins.append(origin)
    if EVERYBODY not in platform and (outside := sorted(set(origins) - set(platform))):
        raise OriginNotOffered(details={"origins": outside})
    return sorted(set(origins))
