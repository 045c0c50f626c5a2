"""Whether a process is ready to be sent requests.

Liveness looks at the event loop only: a dependency's outage must not restart us. Readiness looks
at our own database and migrations.
"""

import asyncio
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from libs.common.errors import AppError
from libs.common.health import CHECK_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from libs.common.resources import Resources

_REVISION: Final = re.compile(r"^(down_)?revision\b[^=]*=\s*(.+)$", re.MULTILINE)
_NAMES: Final = re.compile(r"[\"']([^\"']+)[\"']")


class Readiness:
    """Whether this process should be sent requests."""

    def __init__(self, resources: "Resources") -> None:
        self._resources = resources
        self._migrated = False

    async def reason_against(self) -> str | None:
        """Return why not, or None when ready."""
        if self._resources.not_ready:
            return "draining"
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                if self._migrated:
                    await self._resources.database.ping()
                    return None
                current = await self._current_revision()
        except (AppError, TimeoutError):
            return "database_unavailable"
        behind = revisions_behind_head(self._resources.settings.service)
        if current is None or current in behind:
            return "migrations_pending"
        # At our head, or past it: the next version's migrations run before we are replaced.
        self._migrated = True
        return None

    async def _current_revision(self) -> str | None:
        async with self._resources.database.platform() as connection:
            if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
                return None
            revision: str | None = await connection.fetchval(
                "SELECT version_num FROM alembic_version"
            )
            return revision


@cache
def revisions_behind_head(service: str, root: Path | None = None) -> frozenset[str]:
    """Return a service's revisions that have a successor, read from the files' headers.

    Reading a few lines takes the place of importing Alembic, which a running service needs for
    nothing else.
    """
    base = root or Path(__file__).resolve().parents[2] / "services"
    behind: set[str] = set()
    for path in (base / service / "migrations" / "versions").glob("*.py"):
        for down, value in _REVISION.findall(path.read_text(encoding="utf-8")):
            if down:
                behind.update(_NAMES.findall(value))
    return frozenset(behind)
