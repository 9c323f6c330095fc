"""Messages that died: received three times, and nobody came as far as looking at the job.

That says more of us than of the job: a database or a storage that is away for a minute kills every
message in flight. So the job's message is sent again, later each time, until nobody could begin the
job for PATIENCE, and LEAST messages of it have died in that time: two outages hours apart, each of
a minute, end nothing. An attempt that was begun leaves no dead letter that counts: its lease runs
out, and lifecycle counts its strikes.
"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from jobs import dispatches, lifecycle, metrics, submission
from jobs.clock import database_now
from jobs.models import Job, State

log = structlog.get_logger(__name__)

PATIENCE = timedelta(hours=3)
LEAST = 5
LONGEST_PAUSE_SECONDS = 900
TOO_MANY_ATTEMPTS = {
    "code": "too_many_attempts",
    "message": "For hours, nothing on our side could begin the job.",
    "hint": "Send it once more; if it fails again, write to us with the job's id.",
}


@transaction.atomic
def read(job_id: UUID, *, dispatch: int | None, now: datetime | None = None) -> Job | None:
    """Ask again for what the message stood for, or end its job; None when neither is to be done.

    dispatch: the message's number, None for the message that asked for a probe.
    """
    job = Job.objects.select_for_update().filter(id=job_id).first()
    if job is None or _has_moved_on(job, dispatch):
        return None
    now = now or database_now()
    _count(job, now)
    silence = now - (job.unheard_since or now)
    if silence >= PATIENCE and job.dead_letters >= LEAST:
        return _end(job, silence)
    if _another_is_on_its_way(job, dispatch):
        return None
    pause = max(settings.RETRY_SECONDS, silence.total_seconds())
    return _ask_again(job, min(pause, LONGEST_PAUSE_SECONDS))


def _has_moved_on(job: Job, dispatch: int | None) -> bool:
    """It waits no more for what the message asked, or somebody has begun it since; or its lane was
    taken back, and admission asks anew."""
    if dispatch is None:
        return job.state != State.VALIDATING
    if job.state != State.QUEUED or job.lane is None:
        return True
    earlier = dispatch != job.dispatch_number
    return earlier and dispatches.was_begun_since(job, dispatch)


def _another_is_on_its_way(job: Job, dispatch: int | None) -> bool:
    """The reconciler sends messages as well: if each of them asked for one more when it died, they
    would become more and more."""
    return dispatches.is_unsent(job) if dispatch is None else dispatch != job.dispatch_number


def _count(job: Job, now: datetime) -> None:
    job.unheard_since = job.unheard_since or now
    job.dead_letters += 1
    job.save(update_fields=["unheard_since", "dead_letters"])
    transaction.on_commit(metrics.dead_letters.inc)


def _end(job: Job, silence: timedelta) -> Job:
    told = {"job_id": str(job.id), "tenant_id": str(job.tenant_id)}
    log.error("job_dead_lettered", **told, letters=job.dead_letters, unheard_for=str(silence))
    transaction.on_commit(metrics.dead_lettered_jobs.inc)
    transaction.on_commit(metrics.failed_jobs.labels(TOO_MANY_ATTEMPTS["code"]).inc)
    return lifecycle.give_up(job, **TOO_MANY_ATTEMPTS)


def _ask_again(job: Job, after_seconds: float) -> Job:
    if job.state == State.VALIDATING:
        submission.ask_for_probe(job, after_seconds=after_seconds)
    else:
        lifecycle.dispatch(job, after_seconds=after_seconds)
    return job
