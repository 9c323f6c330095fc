from uuid import UUID

from django.db import transaction

from jobs import submission
from jobs.errors import NotRetryable
from jobs.lifecycle.moving import locked
from jobs.models import Job, State
from tenants import audit


@transaction.atomic
def retry(job_id: UUID, *, by: str) -> tuple[Job, bool]:
    """A new job in the place of one that has failed, with the same files and choices.

    A job is retried once; its retry may be retried in turn. The second value is True when that has
    been done before: then the job is the one that was made. The failed one stays as it is. Raises
    Job.DoesNotExist, NotRetryable, UploadGone, TooManyWaiting.
    """
    failed = locked(job_id)
    if (made := failed.retried_by) is not None:
        return made, True
    if failed.state != State.FAILED:
        raise NotRetryable(failed)
    job = submission.repeat(failed, by=by)
    audit.note("job.retried", str(failed.id), by=by, tenant_id=job.tenant_id, as_job=str(job.id))
    return job, False
