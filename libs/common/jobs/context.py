"""What a handler knows of the job it does, and how it tells how far it has come."""

from __future__ import annotations

import time
from typing import Final
from uuid import UUID

from libs.common.database import Database
from libs.common.jobs.job import LeaseLost

PROGRESS_SECONDS: Final = 0.5

_PROGRESS: Final = """
UPDATE jobs
SET progress = $4, stage = coalesce($5, stage), updated_at = now(),
    lease_until = now() + make_interval(secs => $6)
WHERE tenant_id = $1 AND id = $2 AND lease_owner = $3 AND state = 'running'
"""


class JobContext:
    """The job being done.

    Attributes:
        attempt: 1 at first. Attempts that a deploy cut short do not count.
        max_attempts: After so many it has failed.
    """

    def __init__(
        self,
        database: Database,
        *,
        tenant_id: UUID,
        job_id: UUID,
        attempt: int,
        max_attempts: int,
        owner: str,
        lease_seconds: float,
    ) -> None:
        self.tenant_id = tenant_id
        self.job_id = job_id
        self.attempt = attempt
        self.max_attempts = max_attempts
        self._database = database
        self._owner = owner
        self._lease_seconds = lease_seconds
        self._stage: str | None = None
        self._written_at = 0.0

    @property
    def is_last_attempt(self) -> bool:
        """Whether the job has failed for good when this attempt does."""
        return self.attempt >= self.max_attempts

    async def progress(self, fraction: float, stage: str | None = None) -> None:
        """Tell how far the work has come; written twice a second at most, and at a new stage.

        Args:
            fraction: 0 to 1.
            stage: What is being done, for people.

        Raises:
            LeaseLost: The job was cancelled, or another worker has it now: stop.
        """
        now = time.monotonic()
        if stage in (None, self._stage) and now - self._written_at < PROGRESS_SECONDS:
            return
        async with self._database.lean(self.tenant_id) as connection:
            done = await connection.execute(
                _PROGRESS,
                self.tenant_id,
                self.job_id,
                self._owner,
                min(max(fraction, 0.0), 1.0),
                stage,
                self._lease_seconds,
            )
        if done == "UPDATE 0":
            raise LeaseLost
        self._stage, self._written_at = stage or self._stage, now
