"""What no message tells: leases that ran out, messages that were lost. Every 15 seconds.

The database holds the truth and a message is only a wake-up; this is where a lost one is replaced.
Each repair is logged.
"""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from jobs import lifecycle, metrics, submission
from jobs.clock import database_now
from jobs.models import Attempt, Job, State
from messaging.models import OutboxMessage

log = structlog.get_logger(__name__)

AT_ONCE = 200  # the next turn takes the rest


@transaction.atomic
def reconcile(now: datetime | None = None) -> dict[str, int]:
    """Repair what can be repaired; how many of each kind. Inside as_operator()."""
    now = now or database_now()
    repaired = {
        "leases": _give_up_leases(now),
        "dispatches": _send_again(now, State.QUEUED),
        "probes": _send_again(now, State.VALIDATING),
    }
    if any(repaired.values()):
        log.info("reconciled", **repaired)
    return repaired


def _give_up_leases(now: datetime) -> int:
    overdue = Attempt.objects.filter(ended_at=None, lease_expires_at__lt=now)
    count = 0
    for attempt_id in list(overdue.values_list("id", flat=True)[:AT_ONCE]):
        job = lifecycle.give_up_on(attempt_id)
        if job is not None:
            count += 1
            log.warning("attempt_lost", job_id=str(job.id), attempt_id=str(attempt_id))
            if job.state == State.FAILED:
                metrics.failed_jobs.labels(job.error_code).inc()
    return count


def _send_again(now: datetime, state: State) -> int:
    """Jobs whose message was sent and never heard of: the queue forgot it, or nobody is there.

    A second message does no harm, whoever reads it looks at the job first; so a long queue costs
    a few messages more and never a job.
    """
    quiet = now - timedelta(seconds=settings.DISPATCH_LOST_SECONDS)
    jobs = Job.objects.filter(state=state, dispatched_at__lt=quiet)
    if state == State.QUEUED:
        jobs = jobs.filter(lane__isnull=False)
    count = 0
    for job in jobs.select_for_update(skip_locked=True)[:AT_ONCE]:
        if OutboxMessage.objects.filter(sent_at=None, payload__job_id=str(job.id)).exists():
            continue  # it waits in the outbox still: the dispatcher has its own patience
        lifecycle.dispatch(job) if state == State.QUEUED else submission.ask_for_probe(job)
        count += 1
        log.info("message_sent_again", job_id=str(job.id), state=state)
    return count
