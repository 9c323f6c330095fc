"""Jobs as the API shows them: one, or a page of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.core import signing
from django.db.models import Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from jobs import waiting
from jobs.api.endpoint import bad_parameter
from jobs.api.serializers import JobShape
from jobs.models import Job
from tenants.context import current_tenant

SALT = "viseme.api.jobs"
LIMIT_DEFAULT, LIMIT_MOST = 20, 100
NOT_OURS = "This is no next_cursor of this list, with this state: begin anew without a cursor."


def jobs() -> QuerySet[Job]:
    retries = Job.objects.filter(retry_of=OuterRef("pk")).order_by()
    return Job.objects.annotate(
        attempt=Coalesce(Max("attempts__number"), 0),
        retried_by_id=Subquery(retries.values("id")[:1]),
    )


def shown(job_id: UUID) -> dict[str, Any]:
    """Raises Job.DoesNotExist."""
    [body] = _bodies([jobs().get(id=job_id)])
    return body


def page(state: str, cursor: str, limit: int) -> dict[str, Any]:
    """The newest first. The cursor goes on where a page ended, whatever was submitted since."""
    rows = jobs().order_by("-created_at", "-id")
    if state:
        rows = rows.filter(state=state)
    if cursor:
        created_at, last_id = _opened(cursor, state)
        rows = rows.filter(Q(created_at__lt=created_at) | Q(created_at=created_at, id__lt=last_id))
    found = list(rows[: limit + 1])
    more = len(found) > limit
    items = _bodies(found[:limit])
    return {"items": items, "next_cursor": _cursor(found[limit - 1], state) if more else None}


def _bodies(found: list[Job]) -> list[dict[str, Any]]:
    context = {"waits": waiting.waits_of(found)}
    return [dict(JobShape(job, context=context).data) for job in found]


def _cursor(last: Job, state: str) -> str:
    place = [last.created_at.isoformat(), str(last.id), str(current_tenant()), state]
    return signing.dumps(place, salt=SALT)


def _opened(cursor: str, state: str) -> tuple[datetime, UUID]:
    """A cursor is good for the tenant and the filter that it was made for, and nothing else."""
    try:
        created_at, last_id, tenant_id, filtered = signing.loads(cursor, salt=SALT)
    except signing.BadSignature:
        tenant_id = filtered = None
    if (tenant_id, filtered) != (str(current_tenant()), state):
        raise bad_parameter("cursor", "bad_cursor", NOT_OURS)
    return datetime.fromisoformat(created_at), UUID(last_id)
