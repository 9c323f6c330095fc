"""The lines in which jobs stand, as the database knows them: each function is one query, or none
where there is nobody to ask for. Inside acting_for() or as_operator()."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, OuterRef, Subquery

from jobs.forecasting import Lanes, Work, uploads_that_tell
from jobs.models import Job, Upload
from messaging.models import OutboxMessage
from tenants.models import Limits

# In the order in which admission takes them.
PLACES = """
SELECT id, place FROM (
    SELECT id, row_number() OVER (
        PARTITION BY tenant_id ORDER BY priority DESC, queued_at, id
    ) AS place
    FROM jobs_job WHERE state = 'queued' AND lane IS NULL AND tenant_id = ANY(%s)
) line WHERE id = ANY(%s)
"""

# So many of a line are looked at one by one; a forecast behind them is no better for the rest.
LOOKED_AT = 1000
# Of each tenant so many, in the order of their turns: first those with a lane.
TURNS = """
SELECT job.id, job.tenant_id, job.options, job.percent, job.video_id, job.audio_id
FROM unnest(%s::uuid[], %s::int[]) AS room (tenant_id, jobs)
CROSS JOIN LATERAL (
    SELECT * FROM jobs_job WHERE tenant_id = room.tenant_id
        AND state IN ('queued', 'processing') AND cancel_requested_at IS NULL
    ORDER BY lane NULLS LAST, priority DESC, queued_at, id LIMIT room.jobs
) job
"""


@dataclass
class Turn:
    """A job in a line, as far as its work can be told by it (forecasting.Work)."""

    id: UUID
    tenant_id: UUID
    options: Mapping[str, Any]
    percent: int
    video_id: UUID
    audio_id: UUID


@dataclass(frozen=True)
class Room:
    suspended: bool
    lanes: Lanes


def limits(tenants: set[UUID]) -> dict[UUID, Room]:
    """How many lanes each has and holds, and whether it is suspended."""
    if not tenants:
        return {}
    held = Job.objects.filter(tenant_id=OuterRef("tenant_id"), lane__isnull=False).order_by()
    taken = held.values("tenant_id").annotate(jobs=Count("id")).values("jobs")
    rows = Limits.objects.filter(tenant_id__in=tenants).annotate(
        suspended_at=F("tenant__suspended_at"), taken=Subquery(taken)
    )
    return {
        row.tenant_id: Room(row.suspended_at is not None, Lanes(row.jobs_at_once, row.taken or 0))
        for row in rows
    }


def places(waiting: Sequence[Job]) -> dict[UUID, int]:
    """Of jobs without a lane: 1 for the next of their tenant."""
    if not waiting:
        return {}
    tenants = list({job.tenant_id for job in waiting})
    with connection.cursor() as cursor:
        cursor.execute(PLACES, [tenants, [job.id for job in waiting]])
        return dict(cursor.fetchall())


def turns(
    waiting: Sequence[Job], rooms: Mapping[UUID, Room], places: Mapping[UUID, int]
) -> list[Turn]:
    """These and all that have a turn of their tenants before them, in its order."""
    if not waiting:
        return []
    last: dict[UUID, int] = defaultdict(int)
    for job in waiting:
        last[job.tenant_id] = max(last[job.tenant_id], places.get(job.id, 1))
    most = [min(rooms[tenant].lanes.taken + place, LOOKED_AT) for tenant, place in last.items()]
    with connection.cursor() as cursor:
        cursor.execute(TURNS, [list(last), most])
        rows = cursor.fetchall()
    return [
        Turn(job_id, tenant, json.loads(options), *rest) for job_id, tenant, options, *rest in rows
    ]


def pauses(sent: Sequence[Job], now: datetime) -> dict[UUID, datetime]:
    """Until when nothing is sent, of those whose message is for later; not of those whose message
    SQS did not take: that is no pause of the job's."""
    if not sent:
        return {}
    named = {f"{job.id}/{job.dispatch_number}": job.id for job in sent}
    later = OutboxMessage.objects.filter(sent_at=None, send_attempts=0, not_before__gt=now)
    pairs = later.filter(dedup_id__in=named).values_list("dedup_id", "not_before")
    return {named[dedup]: due for dedup, due in pairs if dedup and due}


def lengths(jobs: Sequence[Work]) -> dict[UUID, float]:
    """Seconds, by upload, as the probe saw them."""
    uploads = {upload for job in jobs for upload in uploads_that_tell(job)}
    found = Upload.objects.filter(id__in=uploads, media_info__duration_seconds__isnull=False)
    return dict(found.values_list("id", "media_info__duration_seconds"))
