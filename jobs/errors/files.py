"""Uploads, their parts, and files behind a link."""

from typing import Any

from jobs.errors.base import JobError


def _in_words(size_bytes: int) -> str:
    """Megabytes of 2^20 bytes, as everywhere in the API; small sizes in bytes."""
    if size_bytes < 1 << 20:
        return f"{size_bytes} bytes"
    return f"{size_bytes / (1 << 20):,.1f} MB".replace(".0 MB", " MB")


class UploadGone(JobError):
    code = "upload_gone"
    hint = "Upload the file again and submit a new job."

    def __init__(self, upload: Any) -> None:
        super().__init__(f"The {upload.kind} {upload.name!r} of this job is no longer kept.")
        self.upload_id = upload.id


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
        told = f"The file has {_in_words(size_bytes)}"
        super().__init__(f"{told}; this tenant's limit is {_in_words(limit)}.")


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
    hint = "Send all of the part's own bytes again, and no others: size_bytes of them."


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
