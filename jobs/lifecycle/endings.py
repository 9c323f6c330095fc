"""The ends of an attempt: by its worker, who names the fence, or because the worker is gone."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from jobs import usage
from jobs.clock import database_now
from jobs.failures import TRY_AGAIN
from jobs.lifecycle.attempts import StoredSegment, keep_segments
from jobs.lifecycle.moving import (
    MAX_ATTEMPTS,
    end_attempt,
    end_job,
    fail_job,
    note_error,
    owned,
    queue_again,
    strikes,
)
from jobs.models import Attempt, Job, Outcome, State
from messaging.crashpoints import crash_point

WORKER_LOST = {
    "code": "worker_lost",
    "message": f"The job was begun {MAX_ATTEMPTS} times and its worker was lost each time.",
    "hint": TRY_AGAIN,
}


@transaction.atomic
def succeed(attempt_id: UUID, *, fence: int, result: Mapping[str, Any], output_key: str) -> Job:
    """The result is in the storage under `output_key`: deliver it and record what it used.

    A cancel that came first wins: then nothing is delivered and nothing recorded. Raises
    StaleAttempt.
    """
    attempt, job = owned(attempt_id, fence)
    attempt.processing_seconds = result.get("processing_seconds")
    if job.cancel_requested_at is not None:
        end_attempt(attempt, Outcome.CANCELED)
        return end_job(job, State.CANCELED, "succeed")
    end_attempt(attempt, Outcome.SUCCEEDED)
    _deliver(job, result, output_key)
    end_job(job, State.SUCCEEDED, "succeed")
    usage.record_delivery(job)
    crash_point("succeed.before_commit")
    transaction.on_commit(lambda: crash_point("succeed.committed"))
    return job


def _deliver(job: Job, result: Mapping[str, Any], output_key: str) -> None:
    job.percent, job.phase = 100, ""
    job.result_key = output_key
    job.result_size_bytes = result["size_bytes"]
    job.result_sha256 = result["sha256"]
    job.result_seconds_numerator = result["duration_numerator"]
    job.result_seconds_denominator = result["duration_denominator"]
    job.result_facts = dict(result)
    job.model_label = result["model"]["label"]
    job.model_is_demo = bool(result["model"].get("demo"))


@transaction.atomic
def fail(
    attempt_id: UUID, *, fence: int, code: str, message: str, hint: str = "", retry: bool
) -> Job:
    """This attempt gave no result. With `retry` another is tried, up to MAX_ATTEMPTS.

    Raises StaleAttempt.
    """
    attempt, job = owned(attempt_id, fence)
    note_error(attempt, code, message)
    end_attempt(attempt, Outcome.FAILED)
    if job.cancel_requested_at is not None:
        return end_job(job, State.CANCELED, "fail")
    had = strikes(job)
    if retry and had < MAX_ATTEMPTS:
        # Not at once: a full disk or a storage out of reach would use up all attempts in seconds.
        return queue_again(job, "fail", after_seconds=settings.RETRY_SECONDS * 2 ** (had - 1))
    return fail_job(job, "fail", code=code, message=message, hint=hint)


@transaction.atomic
def release(
    attempt_id: UUID,
    *,
    fence: int,
    segments: Sequence[StoredSegment] = (),
    code: str = "",
    message: str = "",
    after_seconds: float = 0,
) -> Job:
    """Hand the job on, with the pieces made so far: this worker has to go, or has no model.

    It counts as no failure. `code` and `message` tell the operator why it has no model. Raises
    StaleAttempt.
    """
    attempt, job = owned(attempt_id, fence)
    note_error(attempt, code, message)
    keep_segments(attempt, segments)
    end_attempt(attempt, Outcome.RELEASED)
    if job.cancel_requested_at is not None:
        return end_job(job, State.CANCELED, "release")
    queue_again(job, "release", after_seconds=after_seconds)
    crash_point("release.before_commit")
    transaction.on_commit(lambda: crash_point("release.committed"))
    return job


@transaction.atomic
def finish_cancel(attempt_id: UUID, *, fence: int) -> Job:
    """The worker has stopped because of a cancel. Raises StaleAttempt."""
    attempt, job = owned(attempt_id, fence)
    end_attempt(attempt, Outcome.CANCELED)
    return end_job(job, State.CANCELED, "finish_cancel")


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
    end_attempt(attempt, Outcome.LOST)
    if job.cancel_requested_at is not None:
        return end_job(job, State.CANCELED, "give_up_on")
    if strikes(job) < MAX_ATTEMPTS:
        return queue_again(job, "give_up_on")
    return fail_job(job, "give_up_on", **WORKER_LOST)
