"""Which jobs are done next: SQL, run by one worker of a service at a time.

Tenants take turns by start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996). Each tenant
has a virtual time that moves on by 1/weight with each of its jobs, and the tenant that is furthest
behind comes next. One that was idle starts at the clock, which is the virtual time of the job taken
last: it neither waits behind another's ten thousand jobs nor has saved up turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from libs.common.database.connection import Connection, Record

# The clock is a row of nobody's; locking it makes workers of a service claim one after another.
_CLOCK: Final = UUID(int=2**128 - 1)
_LOCK_CLOCK: Final = "SELECT virtual_time FROM job_turns WHERE tenant_id = $1 FOR UPDATE"
_MAKE_CLOCK: Final = "INSERT INTO job_turns (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING"

# `waiting` hops from tenant to tenant through the index of due jobs, so that it costs as much as
# there are tenants with work, however long their queues are. The rows chosen are found again by
# their place (a planner that knows little of a busy queue would scan it); one that was changed in
# between, by a cancellation, has another place and is left alone.
_CLAIM: Final = """
WITH RECURSIVE waiting (tenant_id) AS (
    (SELECT tenant_id FROM jobs WHERE state = 'queued' AND run_at <= now()
     ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT jobs.tenant_id FROM jobs
            WHERE state = 'queued' AND run_at <= now() AND jobs.tenant_id > waiting.tenant_id
            ORDER BY jobs.tenant_id LIMIT 1)
    FROM waiting WHERE waiting.tenant_id IS NOT NULL
),
candidates AS (
    SELECT waiting.tenant_id, job.id, job.place,
           greatest(coalesce(turn.virtual_time, 0), $2)
           + (row_number() OVER (PARTITION BY waiting.tenant_id ORDER BY job.run_at, job.id) - 1)
             / coalesce(turn.weight, 1) AS starts_at,
           coalesce(turn.weight, 1) AS weight
    FROM waiting
    LEFT JOIN job_turns AS turn ON turn.tenant_id = waiting.tenant_id
    LEFT JOIN unnest($5::uuid[], $6::int[]) AS busy (tenant_id, slots)
        ON busy.tenant_id = waiting.tenant_id
    CROSS JOIN LATERAL (
        SELECT id, run_at, ctid AS place FROM jobs
        WHERE jobs.tenant_id = waiting.tenant_id AND state = 'queued' AND run_at <= now()
          AND kind = ANY($4)
        ORDER BY run_at, id
        LIMIT greatest(least($3, $7 - coalesce(busy.slots, 0)), 0)
    ) AS job
    WHERE waiting.tenant_id IS NOT NULL
),
chosen AS (
    SELECT * FROM candidates ORDER BY starts_at, tenant_id LIMIT $3
),
turns AS (
    INSERT INTO job_turns AS turn (tenant_id, virtual_time)
    SELECT tenant_id, max(starts_at) + 1 / min(weight) FROM chosen GROUP BY tenant_id
    UNION ALL SELECT $1, max(starts_at) FROM chosen HAVING count(*) > 0
    ON CONFLICT (tenant_id) DO UPDATE SET virtual_time = excluded.virtual_time
)
UPDATE jobs
SET state = 'running', attempts = attempts + 1, lease_owner = $8, updated_at = now(),
    lease_until = now() + make_interval(secs => $9)
FROM chosen
WHERE jobs.ctid = chosen.place
RETURNING jobs.tenant_id, jobs.id, kind, payload::text AS payload, attempts, max_attempts,
          traceparent, error, extract(epoch FROM now() - jobs.created_at)::float8 AS age_seconds
"""

_RENEW: Final = """
UPDATE jobs SET lease_until = now() + make_interval(secs => $2)
FROM unnest($3::uuid[], $4::uuid[]) AS own (tenant_id, id)
WHERE jobs.tenant_id = own.tenant_id AND jobs.id = own.id
  AND state = 'running' AND lease_owner = $1
RETURNING jobs.id
"""

_GIVE_BACK: Final = """
UPDATE jobs
SET state = 'queued', attempts = greatest(attempts - 1, 0), run_at = least(run_at, now()),
    lease_owner = NULL, lease_until = NULL, updated_at = now()
WHERE state = 'running' AND lease_owner = $1
"""

# A worker that died has used up an attempt, so that a job which kills its workers comes to an end.
_FREE_EXPIRED: Final = """
UPDATE jobs
SET state = 'queued', run_at = now(), lease_owner = NULL, lease_until = NULL, updated_at = now(),
    error = 'The worker stopped in the middle of this.'
WHERE state = 'running' AND lease_until < now()
"""

_ANY_DUE: Final = "SELECT EXISTS (SELECT FROM jobs WHERE state = 'queued' AND run_at <= now())"


async def claim_jobs(
    connection: Connection,
    *,
    owner: str,
    kinds: Sequence[str],
    limit: int,
    busy: Mapping[UUID, int],
    tenant_limit: int,
    lease_seconds: float,
) -> list[Record]:
    """Take the next jobs, by tenants in turn.

    Args:
        connection: In a cross-tenant transaction, which should end at once.
        owner: Names the runner in the leases.
        kinds: Those the runner has handlers for.
        limit: How many it has hands free for.
        busy: How many jobs of each tenant it is doing already.
        tenant_limit: How many of one tenant's it may do at a time.
        lease_seconds: Until others may take them over, unless renewed.

    Returns:
        tenant_id, id, kind, payload (JSON text), attempts, max_attempts, traceparent, error,
        age_seconds.
    """
    if not await connection.fetchval(_ANY_DUE):
        return []
    clock = await connection.fetchval(_LOCK_CLOCK, _CLOCK)
    if clock is None:
        await connection.execute(_MAKE_CLOCK, _CLOCK)
        clock = await connection.fetchval(_LOCK_CLOCK, _CLOCK)
    return await connection.fetch(
        _CLAIM,
        _CLOCK,
        clock,
        limit,
        list(kinds),
        list(busy),
        list(busy.values()),
        tenant_limit,
        owner,
        lease_seconds,
    )


async def renew_leases(
    connection: Connection, jobs: Mapping[UUID, UUID], *, owner: str, lease_seconds: float
) -> set[UUID]:
    """Prolong the leases of jobs whose handlers run.

    Args:
        connection: In a cross-tenant transaction.
        jobs: Their tenants by job id. Others that carry the runner's name are left to expire: it
            could not note how they ended, or never learnt that it had claimed them.
        owner: Names the runner.
        lease_seconds: From now on.

    Returns:
        The ids of those that are still the runner's own.
    """
    rows = await connection.fetch(_RENEW, owner, lease_seconds, list(jobs.values()), list(jobs))
    return {row["id"] for row in rows}


async def give_back(connection: Connection, *, owner: str) -> None:
    """Queue a runner's unfinished jobs again as if they had not been begun."""
    await connection.execute(_GIVE_BACK, owner)


async def free_expired(connection: Connection) -> int:
    """Queue jobs again whose runner died; return how many there were."""
    return int((await connection.execute(_FREE_EXPIRED)).split()[-1])
