from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction

from jobs.clock import database_now
from jobs.models import Job
from messaging.models import OutboxMessage
from messaging.outbox import enqueue, message


def group_of(job: Job) -> str:
    """Of its messages: the queue hands out one of a group at a time, and a lane has one job."""
    return f"{job.tenant_id}/{job.lane}"


def dispatch(job: Job, *, after_seconds: float = 0) -> None:
    """Send a queued job, which holds a lane, to the workers; once more under a new number.

    The caller has the job's lock. The number is part of the queue's deduplication id: a second
    sending within its five minutes would be swallowed otherwise.
    """
    dispatch_all([job], after_seconds=after_seconds)


@transaction.atomic
def dispatch_all(jobs: Sequence[Job], *, after_seconds: float = 0) -> None:
    """The same for many, in as many statements as for one. Saves their lanes as well."""
    now = database_now()
    for job in jobs:
        job.dispatch_number += 1
        job.dispatched_at = now
    Job.objects.bulk_update(jobs, ["lane", "dispatch_number", "dispatched_at"])
    enqueue(*(_wake_up(job, after_seconds) for job in jobs))


@transaction.atomic
def step_back(jobs: Sequence[Job]) -> None:
    """Queued jobs give their lanes back: their tenant is suspended.

    The caller has their locks. A message of theirs that is on its way finds them without a lane, or
    with another; that nobody answers it is no silence of the workers.
    """
    for job in jobs:
        job.lane, job.unheard_since, job.dead_letters = None, None, 0
    Job.objects.bulk_update(jobs, ["lane", "unheard_since", "dead_letters"])


def _wake_up(job: Job, after_seconds: float) -> OutboxMessage:
    assert job.dispatched_at is not None
    ids = {"job_id": job.id, "tenant_id": job.tenant_id, "dispatch": job.dispatch_number}
    return message(
        "lipsync",
        ids,
        queue="lipsync",
        tenant_id=job.tenant_id,
        group=group_of(job),
        dedup=f"{job.id}/{job.dispatch_number}",
        not_before=job.dispatched_at + timedelta(seconds=after_seconds) if after_seconds else None,
    )
