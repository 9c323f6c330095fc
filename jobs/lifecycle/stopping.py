"""The ends that no worker brings: the owner's cancel, a deadline, messages that nobody hears."""

from uuid import UUID

from django.db import transaction

from jobs.clock import database_now
from jobs.errors import NotCancelable
from jobs.lifecycle.moving import end_attempt, end_job, fail_job, locked
from jobs.models import Attempt, Job, Outcome, State
from tenants import audit

DEADLINE_PASSED = {
    "code": "deadline_passed",
    "message": "The job had not ended by its deadline.",
    "hint": "Send it once more with a later deadline, or without one.",
}


@transaction.atomic
def cancel(job_id: UUID, *, by: str) -> Job:
    """At once before a worker has it, else a request that the worker hears within a step.

    A second cancel changes nothing. Raises Job.DoesNotExist, NotCancelable.
    """
    job = locked(job_id)
    if job.state == State.CANCELED or job.cancel_requested_at is not None:
        return job
    if job.is_final:
        raise NotCancelable(job)
    audit.note("job.cancel_requested", str(job.id), by=by, tenant_id=job.tenant_id)
    if job.state == State.PROCESSING:
        job.cancel_requested_at = database_now()
        job.save(update_fields=["cancel_requested_at"])
        return job
    return end_job(job, State.CANCELED, "cancel")


@transaction.atomic
def expire(job_id: UUID) -> Job | None:
    """Its deadline has passed: it has failed, in whosever hands it is. None when it has not.

    A worker that is at it hears StaleAttempt at its next beat. A success that committed first
    stands, and a cancel that was asked for before is what the job ends by.
    """
    job = Job.objects.select_for_update().filter(id=job_id).first()
    if job is None or job.is_final or job.deadline is None or job.deadline > database_now():
        return None
    canceled = job.cancel_requested_at is not None
    live = Attempt.objects.select_for_update().filter(job=job, ended_at=None).first()
    if live is not None:
        end_attempt(live, Outcome.CANCELED if canceled else Outcome.EXPIRED)
    if canceled:
        return end_job(job, State.CANCELED, "expire")
    return fail_job(job, "expire", **DEADLINE_PASSED)


@transaction.atomic
def give_up(job: Job, *, code: str, message: str, hint: str = "") -> Job:
    """End a job that nobody could begin. The caller has its lock and knows that it waits."""
    return fail_job(job, "give_up", code=code, message=message, hint=hint)
