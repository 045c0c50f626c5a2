"""The sites on which an agent's widget may be used, in the form in which browsers name them."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from services.agents.domain.errors import SiteInvalid

MAX_SITES: Final = 100
_HOST: Final = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9])?")
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


def site_of(text: str) -> str:
    """Return a site as an origin: scheme, host and, where it is not the scheme's own, port.

    A bare host means https; `*.` before a host stands for all names below it. What comes after
    the host is dropped, so that a page's address can be pasted.

    Raises:
        SiteInvalid: It is none.
    """
    given = text.strip().lower()
    try:
        parts = urlsplit(given if "://" in given else f"https://{given}")
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode() if parts.hostname else ""
    except (ValueError, UnicodeError):
        raise SiteInvalid(details={"site": text}) from None
    if parts.scheme not in _DEFAULT_PORTS or parts.username is not None or len(host) > 253:
        raise SiteInvalid(details={"site": text})
    if _HOST.fullmatch(host) is None:
        raise SiteInvalid(details={"site": text})
    shown = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


def sites_of(texts: Iterable[str]) -> list[str]:
    """Return sites, each once, in order.

    Raises:
        SiteInvalid: One of them is none, or there are too many.
    """
    sites = list(dict.fromkeys(site_of(text) for text in texts))
    if len(sites) > MAX_SITES:
        raise SiteInvalid(f"An agent may have at most {MAX_SITES} sites.")
    return sites
