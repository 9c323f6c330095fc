"""Who goes next: a queued job gets a free lane of its tenant, and only then a message.

So SQS holds nothing but work that can run, and never two messages of one lane in flight.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, Sum

from jobs import lifecycle
from jobs.clock import database_now
from jobs.models import Attempt, Job
from tenants.models import Limits

LATELY = timedelta(hours=1)
LOCK = "viseme.admission"


@dataclass
class Turn:
    """A tenant with queued jobs and free lanes; `had` is seconds of work it got lately."""

    tenant_id: UUID
    had: float
    lanes: list[int] = field(default_factory=list)


@transaction.atomic
def admit(now: datetime | None = None) -> int:
    """Give free lanes to queued jobs, one a tenant in each round, those first who had least lately.

    Inside as_operator(). Two dispatchers at once: the second finds the lock taken and does nothing.
    """
    if not _try_lock():
        return 0
    turns = sorted(_turns(now or database_now()), key=lambda turn: turn.had)
    admitted = 0
    while turns:
        turns = [turn for turn in turns if turn.lanes and _admit_one(turn)]
        admitted += len(turns)
    return admitted


def _admit_one(turn: Turn) -> bool:
    job = (
        Job.objects.waiting()
        .filter(tenant_id=turn.tenant_id)
        .order_by("-priority", "queued_at", "id")
        .select_for_update(skip_locked=True)
        .first()
    )
    if job is None:
        return False
    job.lane = turn.lanes.pop(0)
    job.save(update_fields=["lane"])
    lifecycle.dispatch(job)
    return True


def _turns(now: datetime) -> Iterator[Turn]:
    waiting = Job.objects.waiting().values("tenant_id").annotate(jobs=Count("id"))
    tenants = [row["tenant_id"] for row in waiting]
    had = _work_lately(tenants, now)
    taken = _lanes_taken(tenants)
    for limits in Limits.objects.filter(tenant_id__in=tenants, tenant__suspended_at=None):
        busy = taken.get(limits.tenant_id, set())
        # Lanes above a limit that was lowered count too, until their jobs have ended.
        room = limits.jobs_at_once - len(busy)
        lanes = sorted(set(range(limits.jobs_at_once)) - busy)[: max(0, room)]
        if lanes:
            yield Turn(limits.tenant_id, had.get(limits.tenant_id, 0.0), lanes)


def _lanes_taken(tenants: list[UUID]) -> dict[UUID, set[int]]:
    taken: dict[UUID, set[int]] = {}
    held = Job.objects.filter(tenant_id__in=tenants, lane__isnull=False)
    for tenant_id, lane in held.values_list("tenant_id", "lane"):
        assert lane is not None
        taken.setdefault(tenant_id, set()).add(lane)
    return taken


def _work_lately(tenants: list[UUID], now: datetime) -> dict[UUID, float]:
    """Seconds of work of the attempts that began within the last hour and have ended."""
    recent = Attempt.objects.filter(tenant_id__in=tenants, started_at__gt=now - LATELY)
    sums = recent.values("tenant_id").annotate(seconds=Sum("processing_seconds"))
    return {row["tenant_id"]: float(row["seconds"] or 0) for row in sums}


def _try_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [LOCK])
        return bool(cursor.fetchone()[0])
