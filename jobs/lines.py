"""The lines in which jobs stand, as the database knows them: each function is one query, or none
where there is nobody to ask for. Inside acting_for() or as_operator()."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, OuterRef, Subquery

from jobs.forecasting import Lanes
from jobs.models import Job, State, Upload
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
LOOKED_AT_FOR = ("tenant_id", "state", "lane", "percent", "options", "video_id", "audio_id")


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


def turns(waiting: Sequence[Job]) -> list[Job]:
    """All that have a turn of the tenants of these, in its order: first those with a lane."""
    if not waiting:
        return []
    rows = Job.objects.filter(
        tenant_id__in={job.tenant_id for job in waiting},
        state__in=(State.QUEUED, State.PROCESSING),
        cancel_requested_at=None,
    )
    order = (F("lane").asc(nulls_last=True), "-priority", "queued_at", "id")
    return list(rows.only(*LOOKED_AT_FOR).order_by(*order)[:LOOKED_AT])


def pauses(sent: Sequence[Job], now: datetime) -> dict[UUID, datetime]:
    """Until when nothing is sent, of those whose message is for later; not of those whose message
    SQS did not take: that is no pause of the job's."""
    if not sent:
        return {}
    named = {f"{job.id}/{job.dispatch_number}": job.id for job in sent}
    later = OutboxMessage.objects.filter(sent_at=None, send_attempts=0, not_before__gt=now)
    pairs = later.filter(dedup_id__in=named).values_list("dedup_id", "not_before")
    return {named[dedup]: due for dedup, due in pairs if dedup and due}


def lengths(jobs: Sequence[Job]) -> dict[UUID, float]:
    """Seconds, by upload, as the probe saw them."""
    uploads = {upload for job in jobs for upload in (job.video_id, job.audio_id)}
    found = Upload.objects.filter(id__in=uploads, media_info__duration_seconds__isnull=False)
    return dict(found.values_list("id", "media_info__duration_seconds"))
