"""Whether a browser's page is one of an agent's sites."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from services.conversations.domain.errors import SiteNotAllowed


def check_origin(origin: str | None, allowed: Sequence[str]) -> None:
    """Refuse pages of other sites than the agent's; no list allows all.

    Browsers send `Origin` with every call that is not a plain GET, and scripts cannot forge it.
    Who sends none is no browser, and no list of sites could hold them.

    Raises:
        SiteNotAllowed: The page is of another site, or hides which.
    """
    if origin is None or not allowed or is_allowed(origin, allowed):
        return
    raise SiteNotAllowed(details={"origin": origin[:200]})


def is_allowed(url: str, allowed: Sequence[str]) -> bool:
    """Say whether a page's address or origin is of one of the sites."""
    wanted = _origin(url)
    return wanted is not None and any(_fits(wanted, site) for site in allowed)


def _origin(url: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(url.strip().lower())
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
        return None
    own = {"http": 80, "https": 443}[parts.scheme]
    return parts.scheme, host if port in (None, own) else f"{host}:{port}"


def _fits(origin: tuple[str, str], site: str) -> bool:
    scheme, _, host = site.partition("://")
    if origin[0] != scheme:
        return False
    if host.startswith("*."):
        # Any name below, at any depth, but not the bare domain.
        return origin[1].endswith(host[1:])
    return origin[1] == host
