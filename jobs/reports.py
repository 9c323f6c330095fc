"""Reads across tables: demand, a tenant's usage."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Count, Q, Sum

from billing.models import UsageRecord
from jobs.models import Attempt, Job, State, Upload, UploadState
from jobs.usage import OUTPUT_SECONDS
from tenants.context import as_operator


@dataclass(frozen=True)
class Demand:
    """queued: all that wait; runnable: those of them that have a lane; processing: in hand."""

    queued: int
    runnable: int
    processing: int


def demand() -> Demand:
    """Over all tenants, at this moment. What has no lane is counted in its index alone."""
    with as_operator("count the demand"):
        waiting = Job.objects.waiting().count()
        with_a_lane = Job.objects.filter(lane__isnull=False).aggregate(
            runnable=Count("id", filter=Q(state=State.QUEUED)),
            processing=Count("id", filter=Q(state=State.PROCESSING)),
        )
    return Demand(queued=waiting + with_a_lane["runnable"], **with_a_lane)


def scaling_demand() -> int:
    """What the autoscaler is told at this moment: jobs/scaling.py. In any context or none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT viseme_demand()")
        number: int = cursor.fetchone()[0]
    return number


def workers_at_work() -> int:
    """Workers with a job in hand; one that has none writes nothing into the database."""
    with as_operator("count the workers"):
        return Attempt.objects.filter(ended_at=None).values("worker").distinct().count()


@dataclass
class Usage:
    """What was delivered in a stretch of time: G21 of the guide. Exact until it is printed."""

    day: date | None = None
    tenant_id: UUID | None = None
    videos: int = 0
    output_seconds: Fraction = Fraction(0)
    gpu_seconds: Decimal = Decimal(0)
    output_bytes: int = 0

    def add(self, record: UsageRecord) -> None:
        self.output_seconds += record.quantity
        if record.corrects_id is not None:
            return  # it corrects a quantity; the video was counted already
        self.videos += 1
        self.gpu_seconds += Decimal(record.costs.get("gpu_seconds") or 0)
        self.output_bytes += record.measures.get("output_bytes") or 0

    @property
    def gpu_hours(self) -> Decimal:
        return self.gpu_seconds / 3600


@dataclass
class Month:
    """`days` has a row for each day of the month, empty ones too."""

    first: date
    zone: ZoneInfo
    days: list[Usage]
    total: Usage = field(default_factory=Usage)
    stored_bytes: int = 0


def month_of_usage(first: date, zone: ZoneInfo) -> Month:
    """The usage of the tenant that is acted for, by local day of a zone. Inside acting_for()."""
    after = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
    length = (after - first).days
    days = [Usage(day=first + timedelta(days=number)) for number in range(length)]
    month = Month(first, zone, days, stored_bytes=stored_bytes())
    for record in delivered(midnight(first, zone), midnight(after, zone)):
        month.total.add(record)
        days[record.occurred_at.astimezone(zone).day - 1].add(record)
    return month


def usage_by_tenant(start: datetime, end: datetime) -> list[Usage]:
    """A row for each tenant with usage in the half-open stretch. Inside as_operator()."""
    rows: dict[UUID, Usage] = {}
    for record in delivered(start, end):
        rows.setdefault(record.tenant_id, Usage(tenant_id=record.tenant_id)).add(record)
    return list(rows.values())


def delivered(start: datetime, end: datetime) -> Iterable[UsageRecord]:
    records = UsageRecord.objects.filter(
        metric=OUTPUT_SECONDS, occurred_at__gte=start, occurred_at__lt=end
    )
    return records.iterator(chunk_size=2000)


def stored_bytes() -> int:
    """What lies in the storage for whoever is acted for: complete uploads and results."""
    uploads = Upload.objects.filter(state=UploadState.READY).aggregate(sum=Sum("size_bytes"))
    results = Job.objects.aggregate(sum=Sum("result_size_bytes"))
    return (uploads["sum"] or 0) + (results["sum"] or 0)


def counts_by_state() -> dict[str, int]:
    rows = Job.objects.values("state").annotate(jobs=Count("id")).order_by()
    return {row["state"]: row["jobs"] for row in rows}


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
