"""Messages that died: received three times, and nobody came as far as looking at the job.

That says more of us than of the job: a database or a storage that is away for a minute kills every
message in flight. So the job's message is sent again, later each time, until the job was out of
everybody's reach for hours. An attempt that was begun leaves no dead letter that counts: its lease
runs out, and lifecycle counts its strikes.
"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from jobs import lifecycle, metrics, submission
from jobs.clock import database_now
from jobs.models import Job, State

log = structlog.get_logger(__name__)

PATIENCE = timedelta(hours=3)
LONGEST_PAUSE_SECONDS = 900
TOO_MANY_ATTEMPTS = {
    "code": "too_many_attempts",
    "message": "For hours, nothing on our side could begin the job.",
    "hint": "Send it once more; if it fails again, write to us with the job's id.",
}


@transaction.atomic
def read(job_id: UUID, *, dispatch: int | None, now: datetime | None = None) -> Job | None:
    """Ask again for what the message stood for, or end its job; None when the job has moved on.

    dispatch: the message's number, None for the message that asked for a probe.
    """
    job = Job.objects.select_for_update().filter(id=job_id).first()
    if job is None or _has_moved_on(job, dispatch):
        return None
    now = now or database_now()
    job.unheard_since = job.unheard_since or now
    job.save(update_fields=["unheard_since"])
    silence = now - job.unheard_since
    if silence >= PATIENCE:
        metrics.failed_jobs.labels(TOO_MANY_ATTEMPTS["code"]).inc()
        return lifecycle.give_up(job, **TOO_MANY_ATTEMPTS)
    pause = min(max(settings.RETRY_SECONDS, silence.total_seconds()), LONGEST_PAUSE_SECONDS)
    if dispatch is None:
        submission.ask_for_probe(job, after_seconds=pause)
    else:
        lifecycle.dispatch(job, after_seconds=pause)
    return job


def _has_moved_on(job: Job, dispatch: int | None) -> bool:
    if dispatch is None:
        return job.state != State.VALIDATING
    return job.state != State.QUEUED or job.dispatch_number != dispatch
