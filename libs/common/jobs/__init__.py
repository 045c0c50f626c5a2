"""Jobs: work a service gives itself, owned by PostgreSQL, taken by tenants in turn.

The worker's side stands in `runner` and `sweeper`, which HTTP processes need not import.
"""

from libs.common.jobs.context import JobContext
from libs.common.jobs.job import HandOver, Job, JobFailed, LeaseLost
from libs.common.jobs.queue import JobQueue, JobStatus, QueuedJob, add_jobs

__all__ = [
    "HandOver",
    "Job",
    "JobContext",
    "JobFailed",
    "JobQueue",
    "JobStatus",
    "LeaseLost",
    "QueuedJob",
    "add_jobs",
]
