from uuid import UUID

from django.db import transaction

from jobs.clock import database_now
from jobs.lifecycle.moving import fail_job, locked, move
from jobs.models import Job, State
from messaging.crashpoints import crash_point
from messaging.outbox import notify


@transaction.atomic
def accept_probe(job_id: UUID) -> Job:
    """The files are what they should be: the job waits for a lane. A no-op later on."""
    job = locked(job_id)
    if job.state == State.VALIDATING:
        job.queued_at, job.unheard_since, job.dead_letters = database_now(), None, 0
        heard = ("unheard_since", "dead_letters")
        move(job, State.QUEUED, "accept_probe", "queued_at", *heard)
        notify("admission")
        crash_point("probe.before_commit")
        transaction.on_commit(lambda: crash_point("probe.committed"))
    return job


@transaction.atomic
def refuse(job_id: UUID, *, code: str, message: str, hint: str = "") -> Job:
    """The files can't be used: the job has failed before it cost anything. A no-op later on."""
    job = locked(job_id)
    if job.state == State.VALIDATING:
        fail_job(job, "refuse", code=code, message=message, hint=hint)
    return job
