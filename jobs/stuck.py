"""What does not move, for whoever is woken at night: why, since when, and what happens next.

Inside as_operator().
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, Subquery

from jobs import dispatches
from jobs.clock import database_now
from jobs.dead_letters import LEAST, PATIENCE
from jobs.models import Attempt, Job, State
from jobs.waiting import Reason, Wait, waits_of
from messaging.models import OutboxMessage, TimerRun

SILENCE = timedelta(minutes=1)  # the shortest timer runs each second


@dataclass(frozen=True)
class Standing:
    """One job that does not move; `reason` is a code of jobs/waiting.py, `then` a sentence."""

    job: Job
    since: datetime
    reason: str
    then: str


def standing(
    *, longer_than: timedelta, limit: int, tenant_id: UUID | None = None
) -> list[Standing]:
    """Jobs that have waited longer than that, the oldest first; and those whose worker is gone."""
    now = database_now()
    waiting = Q(state__in=[State.VALIDATING, State.QUEUED], created_at__lt=now - longer_than)
    overdue = Attempt.objects.filter(job=OuterRef("id"), ended_at=None, lease_expires_at__lt=now)
    lost = Q(Exists(overdue), state=State.PROCESSING)
    lease = Subquery(overdue.values("lease_expires_at")[:1])
    found = Job.objects.filter(waiting | lost).annotate(lease=lease)
    found = found.select_related("tenant").order_by("created_at", "id")
    jobs = list((found.filter(tenant_id=tenant_id) if tenant_id else found)[:limit])
    waits, messages = waits_of(jobs), dispatches.newest(jobs)
    return [_standing(job, waits[job.id], messages.get(job.id), now) for job in jobs]


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
        told = f"last ran {_clock(last)}" if last else "has never run"
        yield f"Nobody dispatches: the timer {fastest} {told}. Start `manage.py dispatch`."
    for run in runs.values():
        if run.last_error:
            yield f"The timer {run.name} failed at {_clock(run.started_at)}: {run.last_error}"


def _why() -> str:
    failed = OutboxMessage.objects.filter(sent_at=None).exclude(last_error="").first()
    return f"The last answer: {failed.last_error}" if failed else "No sending was tried."


def _standing(job: Job, wait: Wait, message: OutboxMessage | None, now: datetime) -> Standing:
    since = job.unheard_since or job.queued_at or job.created_at
    if job.state == State.PROCESSING:
        then = "the reconciler takes it from the worker, which is gone"
        return Standing(job, job.lease, "worker_lost", then)  # type: ignore[attr-defined]
    return Standing(job, since, wait.reason, "; ".join(_then(job, wait, message, now)))


def _then(job: Job, wait: Wait, message: OutboxMessage | None, now: datetime) -> Iterable[str]:
    if wait.reason == Reason.TENANT_SUSPENDED:
        return ["nothing, until its tenant is resumed"]
    if wait.reason == Reason.ADMISSION:
        return ["the dispatcher gives it a lane at its next turn"]
    if job.state == State.QUEUED and job.lane is None:
        ahead = (wait.position or 1) - 1
        return [
            "it gets a lane when one of its tenant's jobs ends" + f", after {ahead}" * (ahead > 0)
        ]
    return [_of_message(job, message, now), *_of_dead_letters(job)]


def _of_message(job: Job, message: OutboxMessage | None, now: datetime) -> str:
    if message is None:
        return "the reconciler sends it a message"
    if message.sent_at is None and message.last_error:
        return f"its message can't be sent: {message.last_error[:80]}"
    if message.sent_at is None and message.not_before and message.not_before > now:
        return f"its message leaves {_clock(message.not_before)}"
    if message.sent_at is None:
        return "the dispatcher sends its message"
    again = message.sent_at + timedelta(seconds=settings.DISPATCH_LOST_SECONDS)
    return f"sent {_clock(message.sent_at)}, once more {_clock(max(again, now))} if nobody comes"


def _of_dead_letters(job: Job) -> Iterator[str]:
    if job.unheard_since is not None:
        died = f"{job.dead_letters} messages died since {_clock(job.unheard_since)}"
        yield f"{died}; given up after {LEAST}, not before {_clock(job.unheard_since + PATIENCE)}"


def _clock(moment: datetime) -> str:
    return f"{moment:%m-%d %H:%M:%S}"
