"""What every operation is made of: the locks, the move, the end. Nobody else calls these."""

from uuid import UUID

from django.db.models import Q

from jobs.clock import database_now
from jobs.errors import StaleAttempt
from jobs.failures import LONGEST_CODE, plain
from jobs.lifecycle.dispatching import dispatch
from jobs.lifecycle.transitions import allows
from jobs.models import Attempt, Job, Outcome, Segment, State
from messaging.outbox import notify
from tenants import audit

MAX_ATTEMPTS = 3  # as many as SQS's own receives; a hand-over does not count


def locked(job_id: UUID) -> Job:
    """Raises Job.DoesNotExist."""
    job: Job = Job.objects.select_for_update().get(id=job_id)
    return job


def owned(attempt_id: UUID, fence: int) -> tuple[Attempt, Job]:
    """The attempt and its job, both locked, the job first. Raises StaleAttempt."""
    job = Job.objects.select_for_update().filter(attempts=attempt_id).first()
    attempt = Attempt.objects.select_for_update().filter(id=attempt_id).first()
    if job is None or attempt is None:
        raise StaleAttempt(attempt_id)
    if attempt.ended_at is not None or not attempt.fence == job.fence == fence:
        raise StaleAttempt(attempt_id)
    return attempt, job


def strikes(job: Job) -> int:
    return job.attempts.filter(Q(outcome=Outcome.FAILED) | Q(outcome=Outcome.LOST)).count()


def move(job: Job, state: State, operation: str, *also: str) -> None:
    """Save the state and the fields named beside it."""
    _check(job, state, operation)
    job.state = state
    job.save(update_fields=["state", *also])


def note_error(attempt: Attempt, code: str, message: str) -> None:
    attempt.error_code, attempt.error_message = plain(code, LONGEST_CODE), plain(message)


def end_attempt(attempt: Attempt, outcome: Outcome) -> None:
    now = database_now()
    attempt.ended_at, attempt.outcome = now, outcome
    if attempt.processing_seconds is None:
        attempt.processing_seconds = round((now - attempt.started_at).total_seconds(), 3)
    attempt.save()


def queue_again(job: Job, operation: str, *, after_seconds: float = 0) -> Job:
    """Back to queued in the same lane, under a new dispatch number."""
    job.phase, job.percent = "", 0
    move(job, State.QUEUED, operation, "phase", "percent")
    dispatch(job, after_seconds=after_seconds)
    return job


def fail_job(job: Job, operation: str, *, code: str, message: str, hint: str) -> Job:
    job.error_code = plain(code, LONGEST_CODE)
    job.error_message, job.error_hint = plain(message), plain(hint)
    return end_job(job, State.FAILED, operation)


def end_job(job: Job, state: State, operation: str) -> Job:
    """The last word on a job: its lane is free, and the tenant can read of it in the audit log.

    Its pieces are nobody's from now on: the worker and the sweeper take their files away.
    """
    _check(job, state, operation)
    if job.lane is not None:
        notify("admission")  # the next one need not wait for the dispatcher's second
    job.finished_at, job.lane, job.state = database_now(), None, state
    job.save()
    Segment.objects.filter(job=job).delete()
    told = {"code": job.error_code} if job.error_code else {}
    audit.note(f"job.{state}", str(job.id), by="viseme", tenant_id=job.tenant_id, **told)
    return job


def _check(job: Job, state: State, operation: str) -> None:
    assert allows(job.state, state, operation), f"{operation}: {job.state} -> {state}"
