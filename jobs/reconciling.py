"""What no message tells: leases that ran out, deadlines, messages that were lost. Every 15 seconds.

The database holds the truth and a message is only a wake-up; this is where a lost one is replaced.
Each repair is a line in the log and counted, whole or not at all, and one that raises keeps no
other from being made. Rows that somebody has locked are left for the next turn: so two leaders
share the work, and a worker that is slow with its row holds nobody up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from jobs import dispatches, lifecycle, metrics, set_back, submission
from jobs.clock import database_now
from jobs.models import Job, State
from messaging.crashpoints import crash_point
from messaging.gone import GONE

log = structlog.get_logger(__name__)

AT_ONCE = 200  # of a kind; the next turn takes the rest


@dataclass(frozen=True)
class Repair:
    """`find` names the jobs that need it by a time of the database, `mend` has the job's lock and
    answers None when there was nothing to mend; `event` is what the log says then, as a warning
    only of a `fault`: messages are sent again as well while every GPU is busy."""

    kind: str
    event: str
    find: Callable[[datetime], QuerySet[Job]]
    mend: Callable[[Job], Job | None]
    fault: bool = False


@transaction.atomic
def reconcile(now: datetime | None = None) -> dict[str, int]:
    """Repair what can be repaired; how many of each kind. Inside as_operator()."""
    now = now or database_now()
    set_back.bring_back(now)
    repaired = {repair.kind: _mend_all(repair, now) for repair in REPAIRS}
    if late := dispatches.late(now):
        # Nothing is to be mended here: the dispatcher tries on. Somebody must look.
        log.error("messages_not_sent", count=late, for_minutes=dispatches.LATE.seconds // 60)
    if any(repaired.values()):
        log.info("reconciled", **repaired)
        crash_point("reconcile.before_commit")
        transaction.on_commit(lambda: crash_point("reconcile.committed"))
    return repaired


def _mend_all(repair: Repair, now: datetime) -> int:
    jobs = repair.find(now).select_for_update(skip_locked=True, of=("self",))[:AT_ONCE]
    return sum(_mend(repair, job) for job in jobs)


def _mend(repair: Repair, job: Job) -> bool:
    ids = {"job_id": str(job.id), "tenant_id": str(job.tenant_id)}
    try:
        with transaction.atomic():
            mended = repair.mend(job)
    except GONE:
        raise  # the database is going: the turn ends, the next one finds the same
    except Exception:
        log.exception("repair_failed", kind=repair.kind, **ids)
        metrics.failed_repairs.labels(repair.kind).inc()
        return False
    if mended is None:
        return False
    tell = log.warning if repair.fault else log.info
    tell(repair.event, **ids, now=mended.state, code=mended.error_code)
    transaction.on_commit(partial(_count, repair.kind, mended))
    return True


def _count(kind: str, mended: Job) -> None:
    metrics.repairs.labels(kind).inc()
    if mended.state == State.FAILED:
        metrics.failed_jobs.labels(mended.error_code).inc()


def _past_their_deadline(now: datetime) -> QuerySet[Job]:
    return Job.objects.unfinished().filter(deadline__lte=now).order_by("deadline")


def _with_a_lease_that_ran_out(now: datetime) -> QuerySet[Job]:
    overdue = {"attempts__ended_at__isnull": True, "attempts__lease_expires_at__lt": now}
    return Job.objects.filter(**overdue).order_by("attempts__lease_expires_at")


def _unheard(state: State, now: datetime) -> QuerySet[Job]:
    """Their message left a while ago and nobody came: the queue forgot it, or nobody is there.

    A second message does no harm, whoever reads it looks at the job first; so a long queue costs
    a few messages more and never a job.
    """
    quiet = now - timedelta(seconds=settings.DISPATCH_LOST_SECONDS)
    asked_long_ago = Q(dispatched_at__lt=quiet) | Q(dispatched_at=None)
    jobs = Job.objects.filter(asked_long_ago, state=state).order_by("dispatched_at")
    return jobs.filter(~dispatches.under_way(state, since=quiet))


def _runnable_unheard(now: datetime) -> QuerySet[Job]:
    return _unheard(State.QUEUED, now).filter(lane__isnull=False)


def _give_up_the_lease(job: Job) -> Job | None:
    live = job.attempts.filter(ended_at=None).first()
    return lifecycle.give_up_on(live.id) if live else None


def _send_again(job: Job) -> Job:
    lifecycle.dispatch(job)
    return job


def _ask_for_another_look(job: Job) -> Job:
    submission.ask_for_probe(job)
    return job


REPAIRS = (
    # Before the leases: what is past its deadline is not tried once more.
    Repair("deadlines", "job_expired", _past_their_deadline, lambda job: lifecycle.expire(job.id)),
    Repair("leases", "attempt_lost", _with_a_lease_that_ran_out, _give_up_the_lease, fault=True),
    Repair("dispatches", "message_sent_again", _runnable_unheard, _send_again),
    Repair(
        "probes", "probe_asked_again", partial(_unheard, State.VALIDATING), _ask_for_another_look
    ),
)
