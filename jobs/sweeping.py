"""Files that no row owns, once a day: what a process left behind that died between two steps.

A result that was put before its attempt turned out to be stale, pieces of a job that has ended, an
upload whose row was never written or is gone, parts of an upload that nobody completes. Storage and
database are asked in turns, never the one inside the other's transaction, and what is young is left
alone: somebody may be at it. A key that is none of ours is never touched, and an upload that was
completed is its tenant's, whether a job has used it or not.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

import structlog
from botocore.exceptions import ClientError
from django.core.files.storage import Storage

from jobs import metrics, storage, uploads
from jobs.clock import database_now
from jobs.errors import UploadClosed
from jobs.folders import clear_leftovers
from jobs.models import Attempt, Segment, Upload, UploadState
from jobs.parts import Begun, S3Parts, parts
from messaging.outbox import enqueue, message
from tenants.context import as_operator

log = structlog.get_logger(__name__)

GRACE = timedelta(days=2)
ABANDONED = timedelta(days=7)  # an upload may be gone on with until then
AT_ONCE = 500

ID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
INPUT = re.compile(rf"{ID}/({ID})(?:\.poster\.jpg|\.preview\.mp4|(\.parts)/.+)?")
RESULT = re.compile(rf"{ID}/{ID}/({ID})\.mp4")
SEGMENT = re.compile(rf"{ID}/({ID})/segments/{ID}/\d+\.(?:mp4|json)")

Owned = Callable[[list[str]], set[str]]


def ask() -> None:
    """The timer's part: a worker sweeps, since the storage must not be called here."""
    enqueue(message("sweep_files", {}, queue="previews", tenant_id=None))


def sweep(now: datetime | None = None) -> dict[str, int]:
    """Remove what is older than its grace and nobody's; how many of each kind."""
    now = now or database_now()  # this machine's clock may be anywhere, and what goes is gone
    clear_leftovers(GRACE.total_seconds())
    swept = {
        "uploads": _abort_abandoned(now) + _forget_nobodys(now) + _forget_halves(now),
        "inputs": _sweep(storage.inputs(), owned_inputs, now),
        "results": _sweep(storage.outputs(), owned_results, now),
        "segments": _sweep(storage.outputs(), owned_segments, now),
    }
    for kind, count in swept.items():
        metrics.swept_files.labels(kind).inc(count)
    log.info("files_swept", **swept)
    return swept


def owned_inputs(keys: list[str]) -> set[str]:
    """Of these keys, those of an upload that is complete, or still open; and what is not ours."""
    found = {key: match for key in keys if (match := INPUT.fullmatch(key))}
    with as_operator("sweep inputs"):
        rows = Upload.objects.filter(id__in={match[1] for match in found.values()})
        states = {str(upload_id): state for upload_id, state in rows.values_list("id", "state")}
    nobodys = set()
    for key, match in found.items():
        whole = UploadState.OPEN if match[2] else UploadState.READY
        if states.get(match[1]) not in (UploadState.OPEN, whole):
            nobodys.add(key)
    return set(keys) - nobodys


def owned_results(keys: list[str]) -> set[str]:
    """Of these keys, those that a job delivered or an attempt is about to; and what is not ours."""
    found = {key: match[1] for key in keys if (match := RESULT.fullmatch(key))}
    with as_operator("sweep results"):
        rows = Attempt.objects.filter(id__in=set(found.values())).select_related("job")
        attempts = {str(attempt.id): attempt for attempt in rows}
    nobodys = set()
    for key, attempt_id in found.items():
        attempt = attempts.get(attempt_id)
        if attempt is None or (attempt.ended_at is not None and attempt.job.result_key != key):
            nobodys.add(key)
    return set(keys) - nobodys


def owned_segments(keys: list[str]) -> set[str]:
    """Of these keys, those that the next attempt at a job goes on from; and what is not ours."""
    found = {key: match[1] for key in keys if (match := SEGMENT.fullmatch(key))}
    with as_operator("sweep pieces"):
        # Their rows go with the job's end, or when a later attempt has made the piece anew.
        rows = Segment.objects.filter(job_id__in=set(found.values()))
        kept = {key for row in rows.values_list("key", "record_key") for key in row}
    return set(keys) - (set(found) - kept)


def _sweep(shelf: Storage, owned: Owned, now: datetime) -> int:
    count = 0
    old = (key for key, changed in storage.listed(shelf) if changed < now - GRACE)
    while keys := list(islice(old, AT_ONCE)):
        for key in sorted(set(keys) - owned(keys)):
            shelf.delete(key)
            log.info("file_swept", key=key)
            count += 1
    return count


def _abort_abandoned(now: datetime) -> int:
    with as_operator("find abandoned uploads"):
        rows = Upload.objects.filter(state=UploadState.OPEN, created_at__lt=now - ABANDONED)
        found: list[tuple[UUID, UUID]] = list(rows.values_list("tenant_id", "id"))
    return sum(_abort(*ids) for ids in found)


def _forget_nobodys(now: datetime) -> int:
    """Parts that were begun and are of no open upload: S3 keeps and bills them, and lists them
    among no objects."""
    count = 0
    try:
        old = (begun for begun in parts().begun() if begun.at < now - ABANDONED)
        while some := list(islice(old, AT_ONCE)):
            kept = _still_open(some)
            count += sum(_forget(begun) for begun in some if begun.key not in kept)
    except ClientError as refusal:  # the bucket's policy may not let us list them
        log.warning("begun_uploads_not_listed", problem=str(refusal))
    return count


def _still_open(some: list[Begun]) -> set[str]:
    with as_operator("find open uploads"):
        rows = Upload.objects.filter(key__in=[begun.key for begun in some], state=UploadState.OPEN)
        return set(rows.values_list("key", flat=True))


def _forget_halves(now: datetime) -> int:
    """Parts of results and pieces whose worker was killed while it put them: billed likewise."""
    if storage.is_folder(storage.outputs()):
        return 0
    shelf, count = S3Parts(storage.outputs()), 0
    try:
        for begun in list(shelf.begun()):
            ours = RESULT.fullmatch(begun.key) or SEGMENT.fullmatch(begun.key)
            if ours and begun.at < now - GRACE:
                shelf.forget(begun)
                log.info("upload_forgotten", key=begun.key)
                count += 1
    except ClientError as refusal:
        log.warning("begun_uploads_not_listed", problem=str(refusal))
    return count


def _forget(begun: Begun) -> bool:
    if not INPUT.fullmatch(begun.key):
        return False
    parts().forget(begun)
    log.info("upload_forgotten", key=begun.key)
    return True


def _abort(tenant_id: UUID, upload_id: UUID) -> bool:
    try:
        uploads.abort(tenant_id, upload_id)
    except UploadClosed:
        return False
    log.info("upload_abandoned", tenant_id=str(tenant_id), upload_id=str(upload_id))
    return True
