"""The operator brings a job on at once, or back after it has failed for our reasons.

A job that waits gets its message again under a new number, and the patience with it begins anew. A
job that has failed through us gets its retry: an ended job stays as it is. Anything else is left
alone, with a sentence that says why.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from jobs import lifecycle, submission
from jobs.dead_letters import TOO_MANY_ATTEMPTS
from jobs.errors import NotRedrivable
from jobs.failures import OURS
from jobs.models import Job, State
from tenants import audit


def candidates() -> QuerySet[Job]:
    """What failed through us and was not tried again, and what waits unheard. Oldest first."""
    failed = Q(state=State.FAILED, error_code__in=OURS, retries=None)
    return Job.objects.filter(failed | _unheard()).select_related("tenant").order_by("id")


def all_dead() -> QuerySet[Job]:
    """Those of them whose messages nobody could read."""
    return candidates().filter(_unheard() | Q(error_code=TOO_MANY_ATTEMPTS["code"]))


def since(jobs: QuerySet[Job], moment: datetime) -> QuerySet[Job]:
    """Those that failed, or became unheard, since then."""
    return jobs.filter(Q(finished_at__gte=moment) | Q(finished_at=None, unheard_since__gte=moment))


@transaction.atomic
def redrive(job_id: UUID, *, by: str) -> tuple[str, Job | None]:
    """Bring one job on; what was done in words, and the job that was made. Inside as_operator().

    Raises Job.DoesNotExist, NotRedrivable, UploadGone, TooManyWaiting.
    """
    job: Job = Job.objects.select_for_update().get(id=job_id)
    again = _try_again(job, by) if job.state == State.FAILED else None
    did = "tried again" if again else _send_again(job)
    audit.note("job.redriven", str(job.id), by=by, tenant_id=job.tenant_id, did=did)
    return did, again


def may_help(job: Job) -> bool:
    """Whether redrive() would do anything, as far as the job itself tells."""
    if job.state == State.FAILED:
        return job.error_code in OURS and job.retried_by is None
    return job.state == State.VALIDATING or (job.state == State.QUEUED and job.lane is not None)


def _unheard() -> Q:
    return Q(state__in=[State.VALIDATING, State.QUEUED], unheard_since__isnull=False)


def _try_again(job: Job, by: str) -> Job:
    if (before := job.retried_by) is not None:
        raise _tried(job, before)
    if job.error_code not in OURS:
        raise NotRedrivable(
            job, f"has failed as {job.error_code}, which is not our fault: its owner can retry it"
        )
    again, was_there = lifecycle.retry(job.id, by=by)
    if was_there:
        raise _tried(job, again)
    return again


def _tried(job: Job, again: Job) -> NotRedrivable:
    return NotRedrivable(job, f"has been retried already, as job …{again.short_id}")


def _send_again(job: Job) -> str:
    if job.state == State.VALIDATING:
        _begin_anew(job)
        submission.ask_for_probe(job)
        return "its files are looked at again"
    if job.state != State.QUEUED:
        raise NotRedrivable(job, _why_not(job))
    if job.lane is None:
        raise NotRedrivable(job, "waits for a free lane: it has no message until it has one")
    _begin_anew(job)
    lifecycle.dispatch(job)
    return f"sent again under number {job.dispatch_number}"


def _begin_anew(job: Job) -> None:
    job.unheard_since, job.dead_letters = None, 0
    job.save(update_fields=["unheard_since", "dead_letters"])


def _why_not(job: Job) -> str:
    if job.state == State.PROCESSING:
        return "is in a worker's hands; if that one is gone, its lease runs out by itself"
    return f"has {job.state}" if job.state == State.SUCCEEDED else f"was {job.state}"
