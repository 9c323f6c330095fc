"""Jobs: what is refused when one is submitted, worked on, ended, or asked for its result."""

from typing import Any

from jobs.errors.base import JobError


def _now(job: Any) -> str:
    verb = {"succeeded": "has", "failed": "has", "canceled": "was"}.get(job.state, "is")
    return f"{verb} {job.state}"


class NotClaimable(JobError):
    """The job is not queued. Acknowledge the message; a job that is queued again sends another."""

    code = "job_not_claimable"

    def __init__(self, job: Any, why: str = "only a queued job with a lane can be claimed") -> None:
        super().__init__(f"Job {job.id} {_now(job)}; {why}.")


class TenantSuspended(NotClaimable):
    """Nothing of its tenant's is begun. Let the job step back before its message is deleted."""

    def __init__(self, job: Any) -> None:
        super().__init__(job, "its tenant is suspended")


class StaleAttempt(JobError):
    """Another attempt has the job by now, or it has ended. Write nothing, acknowledge nothing."""

    code = "stale_attempt"

    def __init__(self, attempt_id: Any) -> None:
        super().__init__(f"Attempt {attempt_id} no longer owns its job.")


class NotCancelable(JobError):
    code = "job_finished"

    def __init__(self, job: Any) -> None:
        super().__init__(f"Job {job.id} {_now(job)}; only an unfinished job can be canceled.")


class NotRetryable(JobError):
    code = "job_not_failed"

    def __init__(self, job: Any) -> None:
        super().__init__(f"Job {job.id} {_now(job)}; only a failed job can be tried again.")


class NotRedrivable(JobError):
    """Sending its message or trying it again would do nothing, or is not the operator's to do."""

    code = "job_not_redrivable"

    def __init__(self, job: Any, why: str) -> None:
        super().__init__(f"Job …{job.short_id} {why}.")


class BadDeadline(JobError):
    """`field` is what of the request it is about."""

    code = "bad_deadline"
    field = "deadline"
    hint = "Name a moment in the future with its zone, such as 2026-12-01T18:00:00Z."

    def __init__(self, words: str, *, hint: str = "") -> None:
        super().__init__(words)
        self.hint = hint or self.hint


class NotFinished(JobError):
    code = "job_not_finished"
    hint = "Ask /status/{id} until the job has ended: succeeded, failed or canceled."

    def __init__(self, job: Any) -> None:
        super().__init__(f"Job {job.id} {_now(job)}; there is no result yet.")
        self.state = job.state


class NoResult(JobError):
    """The job has ended without a result; `code` is the job's own."""

    def __init__(self, job: Any) -> None:
        super().__init__(job.error_message or f"Job {job.id} was {job.state}.")
        self.code = job.error_code or f"job_{job.state}"
        self.hint = job.error_hint
        self.state = job.state


class IdempotencyKeyReused(JobError):
    code = "idempotency_key_reused"
    hint = "Send a new Idempotency-Key for a new request."

    def __init__(self, job: Any) -> None:
        super().__init__(f"This Idempotency-Key was used for job {job.id}, with another request.")
        self.job_id = job.id


class TooManyWaiting(JobError):
    code = "too_many_jobs_waiting"
    hint = "Wait until some of them have finished, or ask the operator for a higher limit."

    def __init__(self, limit: int) -> None:
        super().__init__(f"This tenant has as many unfinished jobs as it may have: {limit}.")


class BadJobOption(JobError):
    code = "bad_option"
