"""From a request to a job: one transaction, or nothing."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from inference.errors import BadOption
from inference.options import SyncOptions
from jobs.clock import database_now
from jobs.errors import (
    BadDeadline,
    BadJobOption,
    IdempotencyKeyReused,
    TooManyWaiting,
    UnknownUpload,
    UploadGone,
    UploadNotReady,
)
from jobs.models import Job, Upload, UploadKind, UploadState
from messaging.crashpoints import crash_point
from messaging.outbox import enqueue, message
from tenants import audit
from tenants.context import acted_for, current_tenant
from tenants.models import Limits

CHOSEN_BY_USERS = ("steps", "guidance", "seed")
LONGEST_DEADLINE = timedelta(days=30)
SAME_IN_A_RETRY = (
    *("tenant_id", "video", "audio", "options", "priority", "project", "consent_note"),
    *("api_key_id", "member_id", "request_sha256"),
)


@transaction.atomic
def submit(
    *,
    video_id: UUID,
    audio_id: UUID,
    options: Mapping[str, Any],
    submitted_by: str,
    api_key_id: UUID | None = None,
    member_id: UUID | None = None,
    project: str = "",
    consent_note: str = "",
    priority: int = 0,
    deadline: datetime | None = None,
    idempotency_key: str | None = None,
) -> tuple[Job, bool]:
    """Record a job of the tenant that is acted for, and ask for its files to be looked at.

    The second value is True when the idempotency key was seen before with the same request: then
    the job is the first one's. Raises IdempotencyKeyReused, UnknownUpload, UploadNotReady,
    BadJobOption, BadDeadline, TooManyWaiting.
    """
    chosen = checked_options(options)
    video = _ready(video_id, UploadKind.VIDEO)
    audio = _ready(audio_id, UploadKind.AUDIO)
    told = {
        "video": video.sha256 or str(video.id),
        "audio": audio.sha256 or str(audio.id),
        "options": chosen,
        "project": project,
        "consent_note": consent_note,
        "priority": priority,
        **({"deadline": deadline.astimezone(UTC).isoformat()} if deadline else {}),
    }
    fingerprint = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    if idempotency_key and (first := _first_with(idempotency_key, fingerprint)):
        return first, True
    _check_deadline(deadline)
    job = Job(
        tenant_id=acted_for(),
        video=video,
        audio=audio,
        options=chosen,
        submitted_by=submitted_by,
        api_key_id=api_key_id,
        member_id=member_id,
        project=project,
        consent_note=consent_note,
        priority=priority,
        idempotency_key=idempotency_key,
        deadline=deadline,
        request_sha256=fingerprint,
    )
    return _accept(job), False


def repeat(failed: Job, *, by: str) -> Job:
    """A new job with the files and the choices of one that has failed; nothing is sent again.

    Its deadline is the old one's if that is still to come. The operator, who makes good what was
    our fault, is not held to the tenant's limit. Raises UploadGone, TooManyWaiting.
    """
    for upload in (failed.video, failed.audio):
        if upload.state != UploadState.READY:
            raise UploadGone(upload)
    same = {name: getattr(failed, name) for name in SAME_IN_A_RETRY}
    ahead = failed.deadline is not None and failed.deadline > database_now()
    deadline = failed.deadline if ahead else None
    return _accept(Job(**same, deadline=deadline, submitted_by=by, retry_of=failed))


def _accept(job: Job) -> Job:
    if current_tenant() is not None:
        _refuse_too_many()
    job.save(force_insert=True)
    ask_for_probe(job)
    audit.note("job.submitted", str(job.id), by=job.submitted_by, tenant_id=job.tenant_id)
    crash_point("submit.before_commit")
    transaction.on_commit(lambda: crash_point("submit.committed"))
    return job


def checked_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a job, complete: what was not chosen is the environment's default.

    Raises BadJobOption for an unknown name, a wrong type or a value out of range.
    """
    if unknown := sorted(set(given) - set(CHOSEN_BY_USERS)):
        raise BadJobOption(f"There is no option called {unknown[0]}.")
    defaults = {"steps": settings.INFERENCE_STEPS, "guidance": settings.GUIDANCE_SCALE}
    try:
        options = SyncOptions.from_mapping({**defaults, **given}).check()
    except BadOption as refusal:
        raise BadJobOption(str(refusal)) from None
    return {name: getattr(options, name) for name in CHOSEN_BY_USERS}


def ask_for_probe(job: Job, *, after_seconds: float = 0) -> None:
    """Also when the first asking was lost; the job remembers when it asked last."""
    job.dispatched_at = database_now()
    job.save(update_fields=["dispatched_at"])
    ids = {"job_id": job.id, "tenant_id": job.tenant_id}
    due = job.dispatched_at + timedelta(seconds=after_seconds) if after_seconds else None
    enqueue(message("probe_job", ids, queue="tasks", tenant_id=job.tenant_id, not_before=due))


def _ready(upload_id: UUID, kind: UploadKind) -> Upload:
    upload = Upload.objects.filter(id=upload_id, kind=kind).first()
    if upload is None:
        raise UnknownUpload(kind, upload_id)
    if upload.state != UploadState.READY:
        raise UploadNotReady(upload)
    return upload


def _first_with(idempotency_key: str, fingerprint: str) -> Job | None:
    # Two requests with one key at the same moment: the second waits here for the first's commit.
    _one_at_a_time(f"{current_tenant()} {idempotency_key}")
    first: Job | None = Job.objects.filter(idempotency_key=idempotency_key).first()
    if first and first.request_sha256 != fingerprint:
        raise IdempotencyKeyReused(first)
    return first


def _one_at_a_time(name: str) -> None:
    """Until the transaction's end nobody else is past this with the same name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _check_deadline(deadline: datetime | None) -> None:
    if deadline is None:
        return
    now = database_now()
    if deadline <= now:
        raise BadDeadline("The deadline has passed already.")
    if deadline > now + LONGEST_DEADLINE:
        raise BadDeadline(
            f"A deadline is at most {LONGEST_DEADLINE.days} days ahead.",
            hint="Name an earlier moment, or none: without a deadline a job waits for its turn.",
        )


def _refuse_too_many() -> None:
    # Else all that come at the same moment would count the same jobs.
    _one_at_a_time(f"{current_tenant()} submits")
    limit = Limits.objects.get().jobs_waiting
    if Job.objects.unfinished().count() >= limit:
        raise TooManyWaiting(limit)
