"""What the job engine refuses. The code is the same in the API, the logs and the docs."""

from typing import Any


def in_words(size_bytes: int) -> str:
    """Megabytes of 2^20 bytes, as everywhere in the API; small sizes in bytes."""
    if size_bytes < 1 << 20:
        return f"{size_bytes} bytes"
    return f"{size_bytes / (1 << 20):,.1f} MB".replace(".0 MB", " MB")


def _now(job: Any) -> str:
    verb = {"succeeded": "has", "failed": "has", "canceled": "was"}.get(job.state, "is")
    return f"{verb} {job.state}"


class JobError(Exception):
    """`hint` says what to do about it; empty where nothing can be done."""

    code = "job_error"
    hint = ""


class NotClaimable(JobError):
    """The job is not queued. Acknowledge the message; a job that is queued again sends another."""

    code = "job_not_claimable"

    def __init__(self, job: Any) -> None:
        super().__init__(f"Job {job.id} {_now(job)}; only a queued job can be claimed.")


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


class UploadGone(JobError):
    code = "upload_gone"
    hint = "Upload the file again and submit a new job."

    def __init__(self, upload: Any) -> None:
        super().__init__(f"The {upload.kind} {upload.name!r} of this job is no longer kept.")
        self.upload_id = upload.id


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
    hint = "Ask /status/{id} until the state is succeeded."

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
        super().__init__(f"{limit} jobs are waiting already, which is this tenant's limit.")


class BadJobOption(JobError):
    code = "bad_option"


class UploadNotReady(JobError):
    code = "upload_not_ready"
    hint = "Send all parts, then complete the upload."

    def __init__(self, upload: Any) -> None:
        super().__init__(f"Upload {upload.id} is {upload.state}; a job needs complete uploads.")


class UnknownUpload(JobError):
    code = "upload_not_found"
    hint = "Make an upload of that kind first, with POST /v1/uploads."

    def __init__(self, kind: str, upload_id: Any) -> None:
        super().__init__(f"There is no such {kind} upload.")
        self.upload_id = upload_id


class EmptyUpload(JobError):
    code = "upload_empty"
    hint = "Send a file that has at least one byte."

    def __init__(self, name: str) -> None:
        super().__init__(f"The file {name!r} is empty.")


class UploadTooLarge(JobError):
    code = "upload_too_large"
    hint = "Send a smaller file, or ask the operator for a higher limit."

    def __init__(self, size_bytes: int, limit: int) -> None:
        told = f"The file has {in_words(size_bytes)}"
        super().__init__(f"{told}; this tenant's limit is {in_words(limit)}.")


class UploadIncomplete(JobError):
    code = "upload_incomplete"
    hint = "Send the missing parts again, then complete the upload."

    def __init__(self, missing: list[int]) -> None:
        super().__init__(f"Parts are missing or of the wrong size: {missing[:20]}.")
        self.missing = missing


class UploadClosed(JobError):
    code = "upload_closed"

    def __init__(self, upload: Any) -> None:
        super().__init__(f"Upload {upload.id} is {upload.state}; it takes no more parts.")


class NoMoreParts(UploadClosed):
    """A part came for an upload whose folder of parts is gone."""

    hint = "GET /v1/uploads/{id} says its state."

    def __init__(self, upload_id: Any) -> None:
        JobError.__init__(
            self, f"Upload {upload_id} takes no more parts: it is complete, or was given up."
        )


class BadPart(JobError):
    code = "bad_part"


class StorageFull(JobError):
    code = "storage_full"
    hint = "Send it again later; what has arrived is kept."

    def __init__(self) -> None:
        super().__init__("There is no room for this file at the moment.")


class StorageBroken(JobError):
    code = "internal_error"
    hint = "Try again; if it stays, tell the operator when it was."

    def __init__(self) -> None:
        super().__init__("Something went wrong on our side.")


class BadSignature(JobError):
    code = "link_expired"

    def __init__(self, hint: str) -> None:
        super().__init__("This link is not valid, or not any more.")
        self.hint = hint
