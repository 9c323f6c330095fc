"""What an operator does to several jobs at once: each on its own, and told before it is done."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db import transaction

from jobs import lifecycle, redriving
from jobs.errors import JobError
from jobs.models import Job, State
from tenants.context import as_operator

log = structlog.get_logger(__name__)

Operation = Callable[..., tuple[str, Job | None]]  # what was done in words, and the job it made


@dataclass(frozen=True)
class Done:
    """What became of one job: `did` is a sentence, `done` whether anything was done. The job is as
    it was before."""

    job: Job
    done: bool
    did: str


def redrive_all(job_ids: Iterable[UUID], *, by: str, dry_run: bool = False) -> list[Done]:
    """Each in a transaction of its own, so that one that is refused keeps no other back.

    dry_run: all of it is done, told and undone.
    """
    return [_do(redriving.redrive, "job_redriven", one, by, dry_run) for one in job_ids]


def cancel_all(job_ids: Iterable[UUID], *, by: str, dry_run: bool = False) -> list[Done]:
    """Likewise."""
    return [_do(_cancel, "job_cancel_asked", one, by, dry_run) for one in job_ids]


def _do(operation: Operation, event: str, job_id: UUID, by: str, dry_run: bool) -> Done:
    with as_operator("act on a job"):
        job = Job.objects.select_related("tenant", "video").get(id=job_id)
        try:
            (did, made), done = operation(job_id, by=by), True
        except JobError as refusal:
            did, made, done = str(refusal), None, False
        transaction.set_rollback(dry_run)
    if made:
        did += " as a new job" if dry_run else f" as job …{made.short_id}"
    if done and not dry_run:
        log.info(event, job_id=str(job_id), tenant_id=str(job.tenant_id), by=by, did=did)
    return Done(job, done, did)


def _cancel(job_id: UUID, *, by: str) -> tuple[str, None]:
    ended = lifecycle.cancel(job_id, by=by).state == State.CANCELED
    return "canceled" if ended else "its worker stops at the next step", None
