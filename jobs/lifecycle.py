"""The states of a job, and the only functions that change them.

    validating -> queued -> processing -> succeeded | failed | canceled

A hand-over or a retry goes back from processing to queued. Each function is whole or not at all,
within the caller's transaction, and takes the job's lock first: a cancel and a success can't both
win. Each write of a worker names its fence: computed twice perhaps, recorded once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from jobs import usage
from jobs.clock import database_now
from jobs.errors import NotCancelable, NotClaimable, StaleAttempt
from jobs.models import TERMINAL, Attempt, Job, Outcome, State
from messaging.outbox import enqueue
from tenants import audit

MAX_ATTEMPTS = 3  # as many as SQS's own receives; a hand-over does not count

TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.VALIDATING: frozenset({State.QUEUED, State.FAILED, State.CANCELED}),
    State.QUEUED: frozenset({State.PROCESSING, State.FAILED, State.CANCELED}),
    State.PROCESSING: frozenset({State.QUEUED, State.SUCCEEDED, State.FAILED, State.CANCELED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELED: frozenset(),
}


@dataclass(frozen=True)
class Beat:
    """What a worker hears back when it says that it lives."""

    cancel_requested: bool


@transaction.atomic
def accept_probe(job_id: UUID) -> Job:
    """The files are what they should be: the job waits for a lane. A no-op later on."""
    job = _locked(job_id)
    if job.state == State.VALIDATING:
        job.queued_at, job.unheard_since = database_now(), None
        _move(job, State.QUEUED, "queued_at", "unheard_since")
    return job


@transaction.atomic
def refuse(job_id: UUID, *, code: str, message: str, hint: str = "") -> Job:
    """The files can't be used: the job has failed before it cost anything. A no-op later on."""
    job = _locked(job_id)
    if job.state == State.VALIDATING:
        _fail_job(job, code, message, hint)
    return job


@transaction.atomic
def dispatch(job: Job, *, after_seconds: float = 0) -> None:
    """Send a queued job, which holds a lane, to the workers; once more under a new number.

    The number is part of the queue's deduplication id: a second sending within its five minutes
    would be swallowed otherwise.
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


@transaction.atomic
def claim(job_id: UUID, *, worker: str, lease: float) -> Attempt:
    """Start the next attempt at a queued job; it is the worker's for `lease` seconds.

    Raises NotClaimable if it is final or in another worker's hands: acknowledge the message then.
    """
    job = Job.objects.select_for_update().filter(id=job_id).first()
    if job is None or job.state != State.QUEUED or job.lane is None:
        raise NotClaimable(job or Job(id=job_id, state="gone"))
    now = database_now()
    # The fence grows with every claim. A worker that was thought dead comes back with an old one
    # and is refused by succeed() and fail(): computed twice perhaps, billed once.
    job.fence += 1
    job.phase, job.percent, job.unheard_since = "", 0, None
    job.started_at = job.started_at or now
    _move(job, State.PROCESSING, "fence", "phase", "percent", "started_at", "unheard_since")
    return Attempt.objects.create(
        job=job,
        tenant_id=job.tenant_id,
        number=job.attempts.count() + 1,
        fence=job.fence,
        worker=worker,
        started_at=now,
        lease_expires_at=now + timedelta(seconds=lease),
    )


@transaction.atomic
def beat(attempt_id: UUID, *, fence: int, stage: str, percent: float, lease: float) -> Beat:
    """Renew the lease and note the progress. Raises StaleAttempt: stop, write nothing."""
    attempt, job = _owned(attempt_id, fence)
    attempt.stage, attempt.percent = stage, int(percent)
    attempt.lease_expires_at = database_now() + timedelta(seconds=lease)
    attempt.save(update_fields=["stage", "percent", "lease_expires_at"])
    job.phase, job.percent = stage, int(percent)
    job.save(update_fields=["phase", "percent"])
    return Beat(cancel_requested=job.cancel_requested_at is not None)


@transaction.atomic
def succeed(attempt_id: UUID, *, fence: int, result: Mapping[str, Any], output_key: str) -> Job:
    """The result is in the storage under `output_key`: deliver it and record what it used.

    A cancel that came first wins: then nothing is delivered and nothing recorded. Raises
    StaleAttempt.
    """
    attempt, job = _owned(attempt_id, fence)
    attempt.processing_seconds = result.get("processing_seconds")
    if job.cancel_requested_at is not None:
        _end_attempt(attempt, Outcome.CANCELED)
        return _end_job(job, State.CANCELED)
    _end_attempt(attempt, Outcome.SUCCEEDED)
    job.percent, job.phase = 100, ""
    job.result_key = output_key
    job.result_size_bytes = result["size_bytes"]
    job.result_sha256 = result["sha256"]
    job.result_seconds_numerator = result["duration_numerator"]
    job.result_seconds_denominator = result["duration_denominator"]
    job.result_facts = dict(result)
    job.model_label = result["model"]["label"]
    job.model_is_demo = bool(result["model"].get("demo"))
    _end_job(job, State.SUCCEEDED)
    usage.record_delivery(job)
    return job


@transaction.atomic
def fail(
    attempt_id: UUID, *, fence: int, code: str, message: str, hint: str = "", retry: bool
) -> Job:
    """This attempt gave no result. With `retry` another is tried, up to MAX_ATTEMPTS.

    Raises StaleAttempt.
    """
    attempt, job = _owned(attempt_id, fence)
    attempt.error_code, attempt.error_message = code, message
    _end_attempt(attempt, Outcome.FAILED)
    if job.cancel_requested_at is not None:
        return _end_job(job, State.CANCELED)
    strikes = _strikes(job)
    if retry and strikes < MAX_ATTEMPTS:
        # Not at once: a full disk or a storage out of reach would use up all attempts in seconds.
        return _queue_again(job, after_seconds=settings.RETRY_SECONDS * 2 ** (strikes - 1))
    return _fail_job(job, code, message, hint)


@transaction.atomic
def release(attempt_id: UUID, *, fence: int) -> Job:
    """Hand the job on: this worker has to go. It counts as no failure. Raises StaleAttempt."""
    attempt, job = _owned(attempt_id, fence)
    _end_attempt(attempt, Outcome.RELEASED)
    if job.cancel_requested_at is not None:
        return _end_job(job, State.CANCELED)
    return _queue_again(job)


@transaction.atomic
def give_up_on(attempt_id: UUID) -> Job | None:
    """Another's lease has run out: try the job again, or end it after MAX_ATTEMPTS.

    None when the attempt has ended, or was renewed meanwhile.
    """
    job = Job.objects.select_for_update().filter(attempts=attempt_id).first()
    attempt = Attempt.objects.select_for_update().filter(id=attempt_id).first()
    if job is None or attempt is None or attempt.ended_at is not None:
        return None
    if attempt.lease_expires_at > database_now():
        return None
    _end_attempt(attempt, Outcome.LOST)
    if job.cancel_requested_at is not None:
        return _end_job(job, State.CANCELED)
    if _strikes(job) < MAX_ATTEMPTS:
        return _queue_again(job)
    return _fail_job(
        job,
        "worker_lost",
        f"The job was begun {MAX_ATTEMPTS} times and its worker was lost each time.",
        "Send it once more; if it fails again, write to us with the job's id.",
    )


@transaction.atomic
def give_up(job: Job, *, code: str, message: str, hint: str = "") -> Job:
    """End a job that nobody could begin. The caller has its lock and knows that it waits."""
    return _fail_job(job, code, message, hint)


@transaction.atomic
def cancel(job_id: UUID, *, by: str) -> Job:
    """At once before a worker has it, else a request that the worker hears within a step.

    Canceling a canceled job changes nothing. Raises Job.DoesNotExist, NotCancelable.
    """
    job = _locked(job_id)
    if job.state == State.CANCELED:
        return job
    if job.is_final:
        raise NotCancelable(job)
    audit.note("job.cancel_requested", str(job.id), by=by, tenant_id=job.tenant_id)
    if job.state == State.PROCESSING:
        job.cancel_requested_at = job.cancel_requested_at or database_now()
        job.save(update_fields=["cancel_requested_at"])
        return job
    return _end_job(job, State.CANCELED)


@transaction.atomic
def finish_cancel(attempt_id: UUID, *, fence: int) -> Job:
    """The worker has stopped because of a cancel. Raises StaleAttempt."""
    attempt, job = _owned(attempt_id, fence)
    _end_attempt(attempt, Outcome.CANCELED)
    return _end_job(job, State.CANCELED)


def _locked(job_id: UUID) -> Job:
    job: Job = Job.objects.select_for_update().get(id=job_id)
    return job


def _owned(attempt_id: UUID, fence: int) -> tuple[Attempt, Job]:
    """The attempt and its job, both locked, the job first. Raises StaleAttempt."""
    job = Job.objects.select_for_update().filter(attempts=attempt_id).first()
    attempt = Attempt.objects.select_for_update().filter(id=attempt_id).first()
    if job is None or attempt is None:
        raise StaleAttempt(attempt_id)
    if attempt.ended_at is not None or not attempt.fence == job.fence == fence:
        raise StaleAttempt(attempt_id)
    return attempt, job


def _strikes(job: Job) -> int:
    return job.attempts.filter(Q(outcome=Outcome.FAILED) | Q(outcome=Outcome.LOST)).count()


def _end_attempt(attempt: Attempt, outcome: Outcome) -> None:
    now = database_now()
    attempt.ended_at, attempt.outcome = now, outcome
    if attempt.processing_seconds is None:
        attempt.processing_seconds = round((now - attempt.started_at).total_seconds(), 3)
    attempt.save()


def _queue_again(job: Job, *, after_seconds: float = 0) -> Job:
    """Back to queued in the same lane, under a new dispatch number."""
    job.phase, job.percent = "", 0
    _move(job, State.QUEUED, "phase", "percent")
    dispatch(job, after_seconds=after_seconds)
    return job


def _fail_job(job: Job, code: str, message: str, hint: str) -> Job:
    job.error_code, job.error_message, job.error_hint = code, message, hint
    return _end_job(job, State.FAILED)


def _end_job(job: Job, state: State) -> Job:
    """The last word on a job: its lane is free, and the tenant can read of it in the audit log."""
    job.finished_at, job.lane = database_now(), None
    _check(job, state)
    job.state = state
    job.save()
    told = {"code": job.error_code} if job.error_code else {}
    audit.note(f"job.{state}", str(job.id), by="viseme", tenant_id=job.tenant_id, **told)
    return job


def _move(job: Job, state: State, *also: str) -> None:
    _check(job, state)
    job.state = state
    job.save(update_fields=["state", *also])


def _check(job: Job, state: State) -> None:
    assert state in TRANSITIONS[State(job.state)], f"{job.state} -> {state}"
    assert job.state not in TERMINAL
