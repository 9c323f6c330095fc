"""Who goes next: a queued job gets a free lane of its tenant, and only then a message.

So SQS holds nothing but work that can run, and never two messages of one lane in flight.
"""

import heapq
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from jobs import lifecycle
from jobs.clock import database_now
from jobs.models import Job
from messaging.crashpoints import crash_point

LATELY = timedelta(hours=1)
# What a job that holds a lane counts at least, before it has run that long: else a tenant with many
# lanes would look as if it had had nothing in the moment in which it takes them all.
A_VIDEO_SECONDS = 120.0
BATCH = 100  # jobs a turn; a turn is a transaction, and the next one comes within a second
LOCK = "viseme.admission"

# Tenants that have both a waiting job and a free lane. From tenant to tenant by the index
# jobs_in_line_for_a_lane, so that a hundred thousand waiting jobs cost no more than one of each
# tenant; lanes by the index one_job_a_lane; attempts are looked at for those that remain.
TURNS = """
WITH RECURSIVE waiting AS (
    (SELECT tenant_id FROM jobs_job WHERE state = 'queued' AND lane IS NULL
     ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT job.tenant_id FROM jobs_job job
            WHERE job.state = 'queued' AND job.lane IS NULL AND job.tenant_id > waiting.tenant_id
            ORDER BY job.tenant_id LIMIT 1)
    FROM waiting WHERE waiting.tenant_id IS NOT NULL
), room AS MATERIALIZED (
    SELECT waiting.tenant_id, limits.jobs_at_once, held.lanes, held.not_begun
    FROM waiting
    JOIN tenants_limits limits ON limits.tenant_id = waiting.tenant_id
    JOIN tenants_tenant tenant ON tenant.id = waiting.tenant_id AND tenant.suspended_at IS NULL
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(lane), '{}') AS lanes,
            count(*) FILTER (WHERE state = 'queued') AS not_begun
        FROM jobs_job WHERE tenant_id = waiting.tenant_id AND lane IS NOT NULL
    ) held
    WHERE cardinality(held.lanes) < limits.jobs_at_once
)
SELECT room.tenant_id, room.jobs_at_once, room.lanes, next.since,
    (room.not_begun * %(a_video)s
        + coalesce(ended.seconds, 0) + coalesce(running.seconds, 0))::float
FROM room
CROSS JOIN LATERAL (
    SELECT coalesce(queued_at, created_at) AS since FROM jobs_job
    WHERE tenant_id = room.tenant_id AND state = 'queued' AND lane IS NULL
    ORDER BY priority DESC, queued_at, id LIMIT 1
) next
CROSS JOIN LATERAL (
    SELECT sum(extract(epoch FROM ended_at - greatest(started_at, %(since)s))) AS seconds
    FROM jobs_attempt WHERE tenant_id = room.tenant_id AND ended_at > %(since)s
) ended
CROSS JOIN LATERAL (
    SELECT sum(greatest(
        extract(epoch FROM %(now)s - greatest(started_at, %(since)s)), %(a_video)s
    )) AS seconds
    FROM jobs_attempt WHERE tenant_id = room.tenant_id AND ended_at IS NULL
) running
"""


@dataclass(order=True)
class Turn:
    """A tenant that may have a job begun. Who had least work lately goes first, in seconds, and
    among equals whose next job waits longest."""

    had: float
    since: datetime
    tenant_id: UUID
    lanes: list[int] = field(compare=False)


@transaction.atomic
def admit(now: datetime | None = None) -> int:
    """Give free lanes to queued jobs, to one after another of the tenants with the least work of
    the last hour; how many, at most BATCH.

    Inside as_operator(). Two dispatchers at once: the second finds the lock taken and does nothing.
    """
    if not _try_lock():
        return 0
    admitted, turns = 0, _turns(now or database_now())
    while turns and admitted < BATCH:
        turn = heapq.heappop(turns)
        if not _admit_one(turn):
            continue
        admitted += 1
        turn.had += A_VIDEO_SECONDS
        if turn.lanes:
            heapq.heappush(turns, turn)
    if admitted:
        transaction.on_commit(lambda: crash_point("admission.committed"))
        crash_point("admission.before_commit")
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


def _turns(now: datetime) -> list[Turn]:
    """A heap."""
    told: dict[str, Any] = {"now": now, "since": now - LATELY, "a_video": A_VIDEO_SECONDS}
    with connection.cursor() as cursor:
        cursor.execute(TURNS, told)
        turns = [_turn(*row) for row in cursor.fetchall()]
    heapq.heapify(turns)
    return turns


def _turn(tenant_id: UUID, at_once: int, taken: Any, since: datetime, had: float) -> Turn:
    # Lanes above a limit that was lowered count too, until their jobs have ended.
    free = sorted(set(range(at_once)) - set(taken))[: at_once - len(taken)]
    return Turn(had, since, tenant_id, free)


def _try_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [LOCK])
        return bool(cursor.fetchone()[0])
