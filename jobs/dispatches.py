"""What the outbox knows of a job's messages: whether one is on its way, and what became of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from jobs.models import Job, State
from messaging.models import OutboxMessage

# What wakes whoever can bring a waiting job on.
ACTORS = {State.VALIDATING: "probe_job", State.QUEUED: "lipsync"}
LATE = timedelta(minutes=10)
MOST_LATE = 1000  # counted at most: an outage of the queue must not make its own count expensive


def of(job: Job) -> QuerySet[OutboxMessage]:
    """A job's messages, the oldest first. Sent ones are kept for a week."""
    return _with_payload_of(Value(str(job.id)))


def newest(jobs: Sequence[Job]) -> dict[UUID, OutboxMessage]:
    """By job, the last message that was to bring it on."""
    theirs = OutboxMessage.objects.annotate(job=KT("payload__job_id"))
    asked = theirs.filter(job__in=[str(job.id) for job in jobs], actor__in=ACTORS.values())
    return {UUID(message.job): message for message in asked.order_by("id")}


def is_unsent(job: Job) -> bool:
    """One that would wake somebody for the job is still to be sent, perhaps after a pause."""
    return of(job).filter(actor=ACTORS[State(job.state)], sent_at=None).exists()


def was_begun_since(job: Job, dispatch: int) -> bool:
    """Whether an attempt began after this message of the job was written; yes if that is gone."""
    written = of(job).filter(dedup_id=f"{job.id}/{dispatch}").values_list("created_at", flat=True)
    moment = written.first()
    return moment is None or job.attempts.filter(started_at__gte=moment).exists()


def under_way(state: State, *, since: datetime) -> Exists:
    """For a filter of jobs in this state: a message is still to be sent, or was sent since then."""
    theirs = _with_payload_of(Cast(OuterRef("id"), TextField())).filter(actor=ACTORS[state])
    return Exists(theirs.filter(Q(sent_at=None) | Q(sent_at__gte=since)))


def late(now: datetime) -> int:
    """Messages that should have left LATE ago and have not; at most MOST_LATE are counted.

    One that was tried and refused counts from its first day, whenever its next try is.
    """
    due = now - LATE
    overdue = Q(send_attempts__gt=0) | Q(not_before=None) | Q(not_before__lt=due)
    unsent = OutboxMessage.objects.filter(overdue, sent_at=None, created_at__lt=due)
    return unsent.order_by()[:MOST_LATE].count()


def _with_payload_of(job_id: Value | Cast) -> QuerySet[OutboxMessage]:
    return OutboxMessage.objects.annotate(job=KT("payload__job_id")).filter(job=job_id)
