"""What does not move, for whoever is woken at night: why, since when, and what happens next.

Inside as_operator().
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, Max, OuterRef, Q, QuerySet, Subquery

from jobs import dispatches
from jobs.clock import database_now, utc
from jobs.dead_letters import LEAST, PATIENCE
from jobs.models import Attempt, Job, Outcome, State
from jobs.waiting import Reason, Wait, waits_of
from messaging.models import OutboxMessage, TimerRun

SILENCE = timedelta(minutes=1)  # the shortest timer runs each second
# A job that goes from worker to worker moves no more than one that nobody takes.
WITHOUT_A_MODEL = Q(outcome=Outcome.RELEASED) & ~Q(error_code="")


@dataclass(frozen=True)
class Standing:
    """One job that does not move.

    since: when its present wait began, or its worker's last beat. reason: a code of
    jobs/waiting.py, or `worker_silent`, `worker_lost`. then: a sentence.
    """

    job: Job
    since: datetime
    reason: str
    then: str


def standing(
    *, longer_than: timedelta, limit: int, tenant_id: UUID | None = None
) -> list[Standing]:
    """Jobs that have waited longer than that, the oldest first; and those whose worker says
    nothing any more, or is gone."""
    now = database_now()
    found = _that_do_not_move(now, now - longer_than).select_related("tenant")
    found = found.order_by("created_at", "id")
    jobs = list((found.filter(tenant_id=tenant_id) if tenant_id else found)[:limit])
    waits, messages, busy = waits_of(jobs), dispatches.newest(jobs), _busy_workers()
    return [_standing(job, waits[job.id], messages.get(job.id), busy, now) for job in jobs]


def last_beat(lease_expires_at: datetime) -> datetime:
    """A beat renews the lease for its whole time."""
    return lease_expires_at - _lease()


def _that_do_not_move(now: datetime, begun: datetime) -> QuerySet[Job]:
    """Beats come every few seconds: after a third of a lease without one something is wrong."""
    theirs = Attempt.objects.filter(job=OuterRef("id"))
    silent = theirs.filter(ended_at=None, lease_expires_at__lt=now + 2 * _lease() / 3)
    waiting = Q(state__in=[State.VALIDATING, State.QUEUED], created_at__lt=begun)
    worked = theirs.exclude(WITHOUT_A_MODEL)
    waiting &= ~Q(Exists(worked.filter(ended_at__gte=begun)))
    lease = Subquery(silent.values("lease_expires_at")[:1])
    ended = Subquery(worked.order_by("-number").values("ended_at")[:1])
    stopped = Q(Exists(silent), state=State.PROCESSING)
    return Job.objects.filter(waiting | stopped).annotate(lease=lease, ended=ended)


def _lease() -> timedelta:
    return timedelta(seconds=settings.JOB_LEASE_SECONDS)


def _busy_workers() -> int:
    return Attempt.objects.filter(ended_at=None).values("worker").distinct().count()


def alarms() -> Iterator[str]:
    """What is wrong with the whole rather than with one job, each as a sentence."""
    now = database_now()
    yield from _about_timers(now)
    if late := dispatches.late(now):
        count = f"{late} or more" if late == dispatches.MOST_LATE else late
        minutes = dispatches.LATE.seconds // 60
        yield f"{count} messages have not left for {minutes} minutes. Can SQS be reached? {_why()}"
    silent = now - timedelta(seconds=settings.DISPATCH_LOST_SECONDS)
    unheard = Job.objects.runnable().filter(dispatched_at__lt=silent)
    if unheard.exists() and not Attempt.objects.filter(ended_at=None).exists():
        yield "Jobs could run and no worker is at one: look at the GPU workers."


def _about_timers(now: datetime) -> Iterator[str]:
    runs = {run.name: run for run in TimerRun.objects.all()}
    fastest = min(settings.TIMERS, key=lambda timer: timer[1])[0]
    last = runs[fastest].started_at if fastest in runs else None
    if last is None or now - last > SILENCE:
        told = f"last ran {utc(last)}" if last else "has never run"
        yield f"Nobody dispatches: the timer {fastest} {told}. Start `manage.py dispatch`."
    for run in runs.values():
        if run.last_error:
            yield f"The timer {run.name} failed at {utc(run.started_at)}: {run.last_error}"


def _why() -> str:
    failed = OutboxMessage.objects.filter(sent_at=None).exclude(last_error="").first()
    return f"The last answer: {failed.last_error}" if failed else "No sending was tried."


def _standing(
    job: Job, wait: Wait, message: OutboxMessage | None, busy: int, now: datetime
) -> Standing:
    if job.state == State.PROCESSING:
        return _without_a_beat(job, job.lease, now)  # type: ignore[attr-defined]
    since = job.ended or job.queued_at or job.created_at  # type: ignore[attr-defined]
    then = _then(job, wait, message, busy, now)
    return Standing(job, since, wait.reason, "; ".join(then))


def _without_a_beat(job: Job, lease: datetime, now: datetime) -> Standing:
    beat = last_beat(lease)
    if lease < now:
        then = "the reconciler takes it from the worker, which is gone, and sends it again"
        return Standing(job, beat, "worker_lost", then)
    silence = f"no beat for {(now - beat).total_seconds():.0f} s"
    then = f"{silence}; its lease runs out at {utc(lease)}, then it is sent again"
    return Standing(job, beat, "worker_silent", then)


def _then(
    job: Job, wait: Wait, message: OutboxMessage | None, busy: int, now: datetime
) -> Iterable[str]:
    if wait.reason == Reason.TENANT_SUSPENDED:
        return ["nothing, until its tenant is resumed"]
    if wait.reason == Reason.ADMISSION:
        return ["the dispatcher gives it a lane at its next turn"]
    if job.state == State.QUEUED and job.lane is None:
        ahead = (wait.position or 1) - 1
        return [
            "it gets a lane when one of its tenant's jobs ends" + f", after {ahead}" * (ahead > 0)
        ]
    told = (*_of_models(job), *_of_workers(job, wait, busy))
    return [*told, _of_message(job, message, now), *_of_dead_letters(job)]


def _of_models(job: Job) -> Iterator[str]:
    """Of those that had it since one with a model did."""
    worked = job.attempts.exclude(WITHOUT_A_MODEL).aggregate(last=Max("number", default=0))
    in_vain = job.attempts.filter(number__gt=worked["last"]).order_by("-number")
    if last := in_vain.first():
        count = in_vain.count()
        yield f"{count} worker{'' if count == 1 else 's'} had no model: {last.error_code}"


def _of_workers(job: Job, wait: Wait, busy: int) -> Iterator[str]:
    """An ordinary wait is told as one."""
    if wait.reason == Reason.GPU and busy and job.unheard_since is None:
        yield f"{busy} worker{' is' if busy == 1 else 's are'} busy: nothing is to be done by hand"


def _of_message(job: Job, message: OutboxMessage | None, now: datetime) -> str:
    if message is None:
        return "the reconciler sends it a message"
    if message.sent_at is None and message.last_error:
        return f"its message can't be sent: {message.last_error[:80]}"
    if message.sent_at is None and message.not_before and message.not_before > now:
        return f"its message leaves {utc(message.not_before)}"
    if message.sent_at is None:
        return "the dispatcher sends its message"
    again = message.sent_at + timedelta(seconds=settings.DISPATCH_LOST_SECONDS)
    return f"sent {utc(message.sent_at)}, once more {utc(max(again, now))} if nobody comes"


def _of_dead_letters(job: Job) -> Iterator[str]:
    if job.unheard_since is not None:
        died = f"{job.dead_letters} messages died since {utc(job.unheard_since)}"
        yield f"{died}; given up after {LEAST}, not before {utc(job.unheard_since + PATIENCE)}"
