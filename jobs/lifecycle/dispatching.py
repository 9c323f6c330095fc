from datetime import timedelta

from django.db import transaction

from jobs.clock import database_now
from jobs.models import Job
from messaging.outbox import enqueue


@transaction.atomic
def dispatch(job: Job, *, after_seconds: float = 0) -> None:
    """Send a queued job, which holds a lane, to the workers; once more under a new number.

    The caller has the job's lock. The number is part of the queue's deduplication id: a second
    sending within its five minutes would be swallowed otherwise.
    """
    job.dispatch_number += 1
    job.dispatched_at = database_now()
    job.save(update_fields=["dispatch_number", "dispatched_at"])
    ids = {"job_id": job.id, "tenant_id": job.tenant_id, "dispatch": job.dispatch_number}
    enqueue(
        "lipsync",
        ids,
        queue="lipsync",
        tenant_id=job.tenant_id,
        group=f"{job.tenant_id}/{job.lane}",
        dedup=f"{job.id}/{job.dispatch_number}",
        not_before=job.dispatched_at + timedelta(seconds=after_seconds) if after_seconds else None,
    )
