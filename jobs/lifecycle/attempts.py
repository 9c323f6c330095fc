"""A worker takes a job, says that it lives, and notes what it has finished so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from jobs.clock import database_now
from jobs.errors import NotClaimable, TenantSuspended
from jobs.lifecycle.dispatching import group_of
from jobs.lifecycle.moving import move, owned
from jobs.models import Attempt, Job, Segment, State
from messaging.crashpoints import crash_point

SEGMENT_FACTS = ("attempt", "key", "record_key", "size_bytes", "sha256")


@dataclass(frozen=True)
class Beat:
    """What a worker hears back when it says that it lives."""

    cancel_requested: bool


@dataclass(frozen=True)
class StoredSegment:
    """A finished piece whose two files are in the output storage. `number` counts from 0."""

    number: int
    key: str
    record_key: str
    size_bytes: int
    sha256: str


@transaction.atomic
def claim(job_id: UUID, *, worker: str, lease: float, group: str = "") -> Attempt:
    """Start the next attempt at a queued job; it is the worker's for `lease` seconds.

    `group` is that of the message, if it is known. Raises NotClaimable if the job is final or in
    another worker's hands, or the message one of a lane that it gave back: acknowledge it then.
    Raises TenantSuspended, of which that is true once the job has stepped back.
    """
    jobs = Job.objects.select_for_update(of=("self",)).select_related("tenant")
    job = jobs.filter(id=job_id).first()
    if job is None or job.state != State.QUEUED or job.lane is None:
        raise NotClaimable(job or Job(id=job_id, state="gone"))
    if job.tenant.suspended_at is not None:
        raise TenantSuspended(job)
    if _is_of_another_lane(group, job):
        raise NotClaimable(job, "its message is of a lane that it gave back")
    now = database_now()
    _begin(job, now)
    attempt = Attempt.objects.create(
        job=job,
        tenant_id=job.tenant_id,
        number=job.attempts.count() + 1,
        fence=job.fence,
        worker=worker,
        started_at=now,
        lease_expires_at=now + timedelta(seconds=lease),
    )
    crash_point("claim.before_commit")
    transaction.on_commit(lambda: crash_point("claim.committed"))
    return attempt


def _is_of_another_lane(group: str, job: Job) -> bool:
    """For as long as the video takes, the message would hold up the job that has that lane now.
    This one was sent again when it was given its own."""
    return group.startswith(f"{job.tenant_id}/") and group != group_of(job)


def _begin(job: Job, now: datetime) -> None:
    # The fence grows with every claim. A worker that was thought dead comes back with an old one
    # and is refused by succeed() and fail(): computed twice perhaps, billed once.
    job.fence += 1
    job.phase, job.percent = "", 0
    job.unheard_since, job.dead_letters = None, 0
    job.started_at = job.started_at or now
    begun = ("fence", "phase", "percent", "unheard_since", "dead_letters", "started_at")
    move(job, State.PROCESSING, "claim", *begun)


@transaction.atomic
def beat(attempt_id: UUID, *, fence: int, stage: str, percent: float, lease: float) -> Beat:
    """Renew the lease and note the progress. Raises StaleAttempt: stop, write nothing."""
    attempt, job = owned(attempt_id, fence)
    attempt.stage, attempt.percent = stage, int(percent)
    attempt.lease_expires_at = database_now() + timedelta(seconds=lease)
    attempt.save(update_fields=["stage", "percent", "lease_expires_at"])
    job.phase, job.percent = stage, int(percent)
    job.save(update_fields=["phase", "percent"])
    crash_point("beat.before_commit")
    transaction.on_commit(lambda: crash_point("beat.committed"))
    return Beat(cancel_requested=job.cancel_requested_at is not None)


@transaction.atomic
def record_segments(attempt_id: UUID, *, fence: int, segments: Sequence[StoredSegment]) -> None:
    """These pieces are in the storage: the next attempt need not make them again.

    One that was recorded before under its number is replaced. Raises StaleAttempt.
    """
    attempt, _ = owned(attempt_id, fence)
    keep_segments(attempt, segments)
    transaction.on_commit(lambda: crash_point("segment.recorded"))


def keep_segments(attempt: Attempt, segments: Sequence[StoredSegment]) -> None:
    """The caller has the attempt's lock and has compared the fence."""
    owner = {"tenant_id": attempt.tenant_id, "job_id": attempt.job_id, "attempt": attempt}
    Segment.objects.bulk_create(
        [Segment(**owner, **vars(segment)) for segment in segments],
        update_conflicts=True,
        unique_fields=["job", "number"],
        update_fields=SEGMENT_FACTS,
    )
