"""Jobs: work a service gives itself, owned by PostgreSQL, taken by tenants in turn."""

from libs.common.jobs.job import Job, JobFailed, LeaseLost
from libs.common.jobs.queue import JobQueue, JobStatus, QueuedJob, add_jobs

__all__ = ["Job", "JobFailed", "JobQueue", "JobStatus", "LeaseLost", "QueuedJob", "add_jobs"]
