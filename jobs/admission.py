"""Who goes next: a queued job gets a free lane of its tenant, and only then a message.

So SQS holds nothing but work that can run, and never two messages of one lane in flight.
"""

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction

from jobs import lifecycle
from jobs.clock import database_now
from jobs.models import Job
from messaging.crashpoints import crash_point

log = structlog.get_logger(__name__)

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
SELECT room.tenant_id, room.jobs_at_once, room.lanes, next.jobs, next.since,
    (room.not_begun * %(a_video)s
        + coalesce(ended.seconds, 0) + coalesce(running.seconds, 0))::float
FROM room
CROSS JOIN LATERAL (
    SELECT count(*) AS jobs, min(since) AS since FROM (
        SELECT coalesce(queued_at, created_at) AS since FROM jobs_job
        WHERE tenant_id = room.tenant_id AND state = 'queued' AND lane IS NULL
        ORDER BY priority DESC, queued_at, id LIMIT room.jobs_at_once - cardinality(room.lanes)
    ) first_ones
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
# Of each tenant so many, those that others have locked passed over.
PICK = """
SELECT job.id FROM unnest(%s::uuid[], %s::int[]) AS turn (tenant_id, jobs)
CROSS JOIN LATERAL (
    SELECT id FROM jobs_job
    WHERE tenant_id = turn.tenant_id AND state = 'queued' AND lane IS NULL
    ORDER BY priority DESC, queued_at, id LIMIT turn.jobs FOR UPDATE SKIP LOCKED
) job
"""

Place = tuple[UUID, int]  # a tenant and a lane of it that is free


@dataclass(order=True)
class Turn:
    """A tenant that may have a job begun. Who had least work lately goes first, in seconds, and
    among equals whose jobs wait longest. lanes: the free ones, no more than it has jobs for."""

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
    _take_back()
    places = list(islice(_places(_turns(now or database_now())), BATCH))
    jobs = _filled(places) if places else []
    if jobs:
        lifecycle.dispatch_all(jobs)
        transaction.on_commit(lambda: crash_point("admission.committed"))
        crash_point("admission.before_commit")
    return len(jobs)


def _take_back() -> None:
    """What a suspended tenant has in the queue and nobody has begun leaves its lane: no GPU is
    asked for by it, and it says what it waits for. What is worked on goes on to its end."""
    held = Job.objects.runnable().filter(tenant__suspended_at__isnull=False)
    if jobs := list(held.select_for_update(skip_locked=True, of=("self",))[:BATCH]):
        lifecycle.step_back(jobs)
        log.info("lanes_taken_back", jobs=[str(job.id) for job in jobs])


def _places(turns: list[Turn]) -> Iterator[Place]:
    """One after the other; turns: a heap."""
    while turns:
        turn = heapq.heappop(turns)
        yield turn.tenant_id, turn.lanes.pop(0)
        turn.had += A_VIDEO_SECONDS
        if turn.lanes:
            heapq.heappush(turns, turn)


def _filled(places: list[Place]) -> list[Job]:
    """The jobs that get them, locked. Fewer than places where others have jobs in hand just now."""
    wanted = Counter(tenant_id for tenant_id, _ in places)
    with connection.cursor() as cursor:
        cursor.execute(PICK, [list(wanted), list(wanted.values())])
        ids = [row[0] for row in cursor.fetchall()]
    picked = Job.objects.in_bulk(ids)
    in_line: dict[UUID, deque[Job]] = defaultdict(deque)
    for job_id in ids:
        in_line[picked[job_id].tenant_id].append(picked[job_id])
    return [
        _given(in_line[tenant_id].popleft(), lane)
        for tenant_id, lane in places
        if in_line[tenant_id]
    ]


def _given(job: Job, lane: int) -> Job:
    job.lane = lane
    return job


def _turns(now: datetime) -> list[Turn]:
    """A heap."""
    told: dict[str, Any] = {"now": now, "since": now - LATELY, "a_video": A_VIDEO_SECONDS}
    with connection.cursor() as cursor:
        cursor.execute(TURNS, told)
        turns = [_turn(*row) for row in cursor.fetchall()]
    heapq.heapify(turns)
    return turns


def _turn(
    tenant_id: UUID, at_once: int, taken: list[int], jobs: int, since: datetime, had: float
) -> Turn:
    # Lanes above a limit that was lowered count too, until their jobs have ended.
    room = min(at_once - len(taken), jobs)
    return Turn(had, since, tenant_id, sorted(set(range(at_once)) - set(taken))[:room])


def _try_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [LOCK])
        return bool(cursor.fetchone()[0])
